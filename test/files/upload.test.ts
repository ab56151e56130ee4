/** Uploads that go wrong: each gets one error that names the field, and leaves nothing behind. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { lstat } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { FORM_TYPE, type FormPart, fileForm, formBody } from '../support/form.ts'
import { openTestApp, type TestApp } from '../support/http-app.ts'
import { rawConnection } from '../support/raw-client.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

type Options = NonNullable<Parameters<typeof openTestApp>[0]>

async function openApp(options: Options = {}) {
  const folder = await temporaryFolder()
  const app = await openTestApp({ ...options, store: { folder: folder.path, ...options.store } })
  return {
    ...app,
    folder: folder.path,
    post: async (parts: readonly FormPart[], headers: Record<string, string> = {}) =>
      app.request('POST', '/v1/files', {
        payload: formBody(parts),
        headers: { 'content-type': FORM_TYPE, ...headers },
      }),
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

/** Everything in the folder of blobs, finished or not. */
async function blobsIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isFile() && entry.parentPath.includes('blobs'))
    .map(({ name }) => name)
}

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await delay(5)
}

const purpose: FormPart = { name: 'purpose', body: 'user_data' }
const file: FormPart = { name: 'file', filename: 'a.txt', body: 'hello' }
const anchor: FormPart = { name: 'expires_after[anchor]', body: 'created_at' }
const seconds: FormPart = { name: 'expires_after[seconds]', body: '3600' }

describe('a form that is none', () => {
  const wrong: readonly (readonly [
    what: string,
    parts: readonly FormPart[],
    code: string,
    param: string | null,
    message: RegExp,
  ])[] = [
    ['no file', [purpose], 'invalid_request', 'file', /expected a file, got nothing/],
    ['nothing at all', [], 'invalid_request', 'file', /got nothing/],
    [
      'no purpose',
      [file],
      'invalid_request',
      'purpose',
      /expected one of "assistants".*got nothing/,
    ],
    [
      'an unknown purpose',
      [{ name: 'purpose', body: 'fun' }, file],
      'invalid_request',
      'purpose',
      /"fun"/,
    ],
    [
      'a purpose of the server',
      [{ name: 'purpose', body: 'batch_output' }, file],
      'invalid_request',
      'purpose',
      /"batch_output"/,
    ],
    [
      'a misspelt field',
      [{ name: 'pupose', body: 'batch' }, file],
      'invalid_request',
      'purpose',
      /did you mean purpose/,
    ],
    ['two files', [purpose, file, file], 'invalid_request', 'file', /one file, got several/],
    ['two purposes', [purpose, purpose, file], 'invalid_request', 'purpose', /once, got several/],
    [
      'a file of another name',
      [purpose, { ...file, name: 'data' }],
      'unknown_parameter',
      'data',
      /unknown/,
    ],
    [
      'a purpose that is a file',
      [{ ...file, name: 'purpose' }],
      'invalid_request',
      'purpose',
      /a text, got a file/,
    ],
    [
      'a file that is a text',
      [purpose, { name: 'file', body: 'hello' }],
      'invalid_request',
      'file',
      /a file with a name/,
    ],
    [
      'a file with an empty name',
      [purpose, { ...file, filename: '' }],
      'invalid_request',
      'file',
      /file name of 1 to 255/,
    ],
    [
      'a long name',
      [purpose, { ...file, filename: 'x'.repeat(256) }],
      'invalid_request',
      'file',
      /file name of 1 to 255/,
    ],
    [
      'a name with a bell',
      [purpose, { ...file, filename: 'a\x07' }],
      'invalid_request',
      'file',
      /control character/,
    ],
    [
      'base64',
      [purpose, { ...file, headers: ['content-transfer-encoding: base64'] }],
      'invalid_request',
      'file',
      /content-transfer-encoding/,
    ],
    [
      'an object that is no JSON',
      [purpose, { name: 'expires_after', body: '{"anchor":' }, file],
      'invalid_request',
      'expires_after',
      /JSON/,
    ],
    [
      'a lone anchor',
      [purpose, anchor, file],
      'invalid_request',
      'expires_after.seconds',
      /got nothing/,
    ],
    [
      'a lone number of seconds',
      [purpose, seconds, file],
      'invalid_request',
      'expires_after.anchor',
      /got nothing/,
    ],
    [
      'too short a life',
      [purpose, anchor, { ...seconds, body: '3599' }, file],
      'invalid_request',
      'expires_after.seconds',
      /between 3600 and 2592000, got 3599/,
    ],
    [
      'a life in words',
      [purpose, anchor, { ...seconds, body: 'long' }, file],
      'invalid_request',
      'expires_after.seconds',
      /an integer.*"long"/,
    ],
    [
      'another anchor',
      [purpose, { ...anchor, body: 'last_used' }, seconds, file],
      'invalid_request',
      'expires_after.anchor',
      /"created_at"/,
    ],
    [
      'an unknown inner field',
      [purpose, anchor, seconds, { name: 'expires_after[days]', body: '1' }, file],
      'unknown_parameter',
      'expires_after.days',
      /unknown/,
    ],
    [
      'a field with the name of nothing',
      [{ name: '', body: 'x' }, purpose, file],
      'invalid_request',
      null,
      /a part has no name/,
    ],
    [
      'a prototype',
      [{ name: '__proto__', body: 'x' }, purpose, file],
      'unknown_parameter',
      null,
      /the form/,
    ],
    [
      'a long value',
      [{ name: 'purpose', body: 'x'.repeat(5000) }, file],
      'invalid_request',
      'purpose',
      /at most 4096 bytes/,
    ],
    [
      'many fields',
      [...Array.from({ length: 30 }, (_, i) => ({ name: `f${i}`, body: '' })), file],
      'request_too_large',
      null,
      /more than 16 fields/,
    ],
    [
      'JSON that is none',
      [{ ...purpose, type: 'application/json' }, file],
      'invalid_request',
      null,
      /says that it is JSON/,
    ],
  ]
  for (const [what, parts, code, param, message] of wrong) {
    it(`${what}: ${code} ${param ?? ''}`, async () => {
      await using app = await openApp()
      const { status, json } = await app.post(parts)
      assert.equal(json.error.code, code, json.error.message)
      assert.equal(json.error.param, param)
      assert.match(json.error.message, message)
      assert.ok(status >= 400 && status < 500)
      assert.deepEqual(await blobsIn(app.folder), [])
      assert.equal((await app.request('GET', '/v1/files')).json.data.length, 0)
      assert.equal(app.files.stats().uploads, 0)
    })
  }

  it('JSON instead of a form is 415 and says what is expected', async () => {
    await using app = await openApp()
    const { status, json } = await app.request('POST', '/v1/files', {
      payload: { purpose: 'batch' },
    })
    assert.equal(status, 415)
    assert.match(json.error.message, /expected multipart\/form-data/)
  })

  it('a form that ends too early is refused', async () => {
    await using app = await openApp()
    for (const payload of [
      formBody([purpose, file], { isWhole: false }),
      formBody([purpose, file]).subarray(0, -40),
      formBody([purpose, file]).subarray(0, 60),
      Buffer.from('no form at all'),
    ]) {
      const headers = { 'content-type': FORM_TYPE }
      const { status, json } = await app.request('POST', '/v1/files', { payload, headers })
      assert.equal(status, 400, json.error.message)
      assert.equal(json.error.code, 'invalid_request')
      assert.deepEqual(await blobsIn(app.folder), [])
    }
  })

  it('a form without a boundary is refused', async () => {
    await using app = await openApp()
    const headers = { 'content-type': 'multipart/form-data' }
    const { status, json } = await app.request('POST', '/v1/files', { payload: 'x', headers })
    assert.equal(status, 400)
    assert.match(json.error.message, /Boundary/)
  })
})

it('fields may come behind the file, and in any order', async () => {
  await using app = await openApp()
  const { status, json } = await app.post([seconds, file, anchor, purpose])
  assert.equal(status, 200)
  assert.equal(json.bytes, 5)
  assert.equal(json.expires_at, json.created_at + 3600)
})

it('an object may be one JSON text', async () => {
  await using app = await openApp()
  const expiry = { name: 'expires_after', body: '{"anchor": "created_at", "seconds": 3600}' }
  const { json } = await app.post([purpose, expiry, file])
  assert.equal(json.expires_at, json.created_at + 3600)
})

it('an empty file is a file', async () => {
  await using app = await openApp()
  const { json } = await app.post([purpose, { ...file, body: '' }])
  assert.equal(json.bytes, 0)
  const content = await app.request('GET', `/v1/files/${json.id}/content`)
  assert.deepEqual([content.status, content.body], [200, ''])
})

it('a directory in the name is left out', async () => {
  await using app = await openApp()
  const { json } = await app.post([purpose, { ...file, filename: '../../etc/passwd' }])
  assert.equal(json.filename, 'passwd')
})

describe('bounds', () => {
  it('a file that is too large: by what is announced, and by what comes', async () => {
    await using app = await openApp({ store: { maxFileBytes: 1000 } })
    assert.equal((await app.post([purpose, { ...file, body: 'x'.repeat(1000) }])).status, 200)
    const url = await app.listen()
    const chunked = await fetch(`${url}/v1/files`, {
      method: 'POST',
      headers: { 'content-type': FORM_TYPE },
      body: Readable.from([formBody([purpose, { ...file, body: 'x'.repeat(1001) }])]),
      duplex: 'half',
    } as unknown as RequestInit)
    const announced = await app.post([purpose, { ...file, body: 'x'.repeat(2 ** 20 + 2000) }])
    for (const { status, error } of [
      { status: chunked.status, error: ((await chunked.json()) as { error: unknown }).error },
      { status: announced.status, error: announced.json.error },
    ]) {
      assert.equal(status, 413)
      assert.deepEqual(error, {
        message: 'file: expected at most 1000 bytes (maxFileBytes)',
        type: 'invalid_request_error',
        param: 'file',
        code: 'request_too_large',
      })
    }
    assert.equal((await blobsIn(app.folder)).length, 1)
  })

  it('all files together: what would not fit is refused, and fits when others are gone', async () => {
    await using app = await openApp({ store: { maxBytes: 2500 } })
    const body = 'x'.repeat(1000)
    const first = await app.post([purpose, { ...file, body }])
    await app.post([purpose, { ...file, body }])
    const third = await app.post([purpose, { ...file, body }])
    assert.equal(third.status, 507)
    assert.equal(third.json.error.code, 'insufficient_storage')
    assert.match(third.json.error.message, /2500 bytes together \(maxFilesBytes\)/)
    assert.equal((await blobsIn(app.folder)).length, 2)
    await app.request('DELETE', `/v1/files/${first.json.id}`)
    assert.equal((await app.post([purpose, { ...file, body }])).status, 200)
    assert.equal(app.files.stats().bytes, 2000)
  })

  it('maxFilesBytes 0 takes nothing and writes nothing', async () => {
    await using app = await openApp({ store: { maxBytes: 0 } })
    const { status, json } = await app.post([purpose, file])
    assert.equal(status, 507)
    assert.match(json.error.message, /maxFilesBytes is 0/)
    assert.equal((await app.request('GET', '/v1/files')).status, 200)
    assert.deepEqual(await readdir(app.folder), [])
  })

  it('uploads at one time: one more is 429, and its place comes back', async () => {
    await using app = await openApp({ store: { maxUploads: 1 } })
    const url = await app.listen()
    const held = await beginUpload(app, url)
    const second = await app.post([purpose, file])
    assert.equal(second.status, 429)
    assert.match(second.json.error.message, /maxFileUploads/)
    held.destroy()
    await until(() => app.files.stats().uploads === 0)
    assert.equal((await app.post([purpose, file])).status, 200)
  })
})

/** Sends the head and the beginning of an upload of `length` announced bytes, and waits until some of it is on the disk. */
async function beginUpload(
  app: Pick<TestApp, 'files'> & { readonly folder: string },
  url: string,
  length = 100_000,
) {
  const socket = await rawConnection(url)
  socket.on('error', () => {})
  socket.write(
    [
      'POST /v1/files HTTP/1.1',
      'host: test',
      `content-type: ${FORM_TYPE}`,
      `content-length: ${length}`,
      '',
      '',
    ].join('\r\n'),
  )
  socket.write(formBody(fileForm('x'.repeat(20_000)), { isWhole: false }).subarray(0, -2))
  await until(async () => (await blobsIn(app.folder)).length > 0)
  return socket
}

describe('a client', () => {
  it('that leaves half way leaves nothing, and is counted as gone', async () => {
    await using app = await openApp()
    const socket = await beginUpload(app, await app.listen())
    socket.destroy()
    await until(async () => (await blobsIn(app.folder)).length === 0)
    await until(() => app.log.some((line) => line.includes('"route":"/v1/files"')))
    const line = JSON.parse(app.log.find((l) => l.includes('"route":"/v1/files"'))!)
    assert.equal(line.code, 'cancelled')
    await until(() => app.files.stats().uploads === 0)
  })

  it('that stands still gets 408 in time, and leaves nothing', async () => {
    await using app = await openApp({ uploadTimeoutMs: 400 })
    const socket = await beginUpload(app, await app.listen())
    const answer = await text(socket)
    assert.match(answer, /^HTTP\/1.1 408 /)
    assert.match(answer, /"code":"request_timeout"/)
    await until(async () => (await blobsIn(app.folder)).length === 0)
  })

  it('that is slow and moves may take longer than that', async () => {
    await using app = await openApp({ uploadTimeoutMs: 400 })
    const body = formBody(fileForm('x'.repeat(120_000)))
    const socket = await rawConnection(await app.listen())
    socket.write(
      `POST /v1/files HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: ${FORM_TYPE}\r\ncontent-length: ${body.length}\r\n\r\n`,
    )
    const answer = text(socket)
    for (let at = 0; at < body.length; at += 10_000) {
      socket.write(body.subarray(at, at + 10_000))
      await delay(100)
    }
    assert.match(await answer, /^HTTP\/1.1 200 /)
  })

  it('that sent its bytes while the server stood still is not late', async () => {
    await using app = await openApp({ uploadTimeoutMs: 300 })
    const body = formBody(fileForm('x'.repeat(50_000)))
    const socket = await rawConnection(await app.listen())
    const answer = text(socket)
    socket.write(
      `POST /v1/files HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: ${FORM_TYPE}\r\ncontent-length: ${body.length}\r\n\r\n`,
    )
    socket.write(body.subarray(0, 1000))
    await until(() => app.files.stats().uploads === 1)
    // Where the event loop has heard what has come, and turns to its timers next.
    await new Promise<void>((resolve) => {
      lstat(app.folder, () => {
        socket.write(body.subarray(1000))
        const end = performance.now() + 700
        while (performance.now() < end);
        resolve()
      })
    })
    assert.match(await answer, /^HTTP\/1.1 200 /)
  })

  it('that announces fewer bytes than it sends gets 400, and the server goes on', async () => {
    await using app = await openApp()
    const url = await app.listen()
    const body = formBody(fileForm('x'.repeat(1000)))
    const socket = await rawConnection(url)
    socket.on('error', () => {})
    socket.write(
      `POST /v1/files HTTP/1.1\r\nhost: test\r\ncontent-type: ${FORM_TYPE}\r\ncontent-length: ${body.length - 500}\r\n\r\n`,
    )
    socket.write(body)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1.1 400 /)
    socket.destroy()
    assert.deepEqual(await blobsIn(app.folder), [])
    assert.equal((await app.request('GET', '/livez')).status, 200)
  })

  it('that announces more than it sends and hangs up leaves nothing', async () => {
    await using app = await openApp()
    const body = formBody(fileForm('x'.repeat(1000)))
    const socket = await rawConnection(await app.listen())
    socket.write(
      `POST /v1/files HTTP/1.1\r\nhost: test\r\ncontent-type: ${FORM_TYPE}\r\ncontent-length: ${body.length + 500}\r\n\r\n`,
    )
    socket.end(body)
    await until(() => app.log.some((line) => line.includes('"route":"/v1/files"')))
    await until(async () => (await blobsIn(app.folder)).length === 0)
    assert.equal((await app.request('GET', '/v1/files')).json.data.length, 0)
  })
})
