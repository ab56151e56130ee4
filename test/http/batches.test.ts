/** `/v1/batches` over an echo service: what is refused, how a batch ends in each way, and what is in its files. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { BATCH_ENDPOINTS } from '../../src/batches/contract.ts'
import { parseKeys } from '../../src/http/auth.ts'
import { FORM_TYPE, formBody } from '../support/form.ts'
import { openTestApp, type TestApp } from '../support/http-app.ts'

const ENDPOINT = '/v1/chat/completions'

function line(id: string, body: object = {}): string {
  const messages = [{ role: 'user', content: `say ${id}` }]
  const request = { model: 'echo', messages, ...body }
  return JSON.stringify({ custom_id: id, method: 'POST', url: ENDPOINT, body: request })
}

async function upload(
  app: TestApp,
  text: string,
  purpose = 'batch',
  headers: Record<string, string> = {},
): Promise<string> {
  const payload = formBody([
    { name: 'purpose', body: purpose },
    { name: 'file', filename: 'in.jsonl', body: text },
  ])
  const { json } = await app.request('POST', '/v1/files', {
    ...{ payload, headers: { 'content-type': FORM_TYPE, ...headers } },
  })
  return json.id
}

async function create(app: TestApp, input_file_id: string, more: object = {}) {
  const payload = { input_file_id, endpoint: ENDPOINT, completion_window: '24h', ...more }
  return await app.request('POST', '/v1/batches', { payload })
}

const ENDED = ['failed', 'completed', 'expired', 'cancelled']

async function untilEnd(app: TestApp, id: string) {
  for (;;) {
    const { json } = await app.request('GET', `/v1/batches/${id}`)
    if (ENDED.includes(json.status)) return json
    await delay(5)
  }
}

async function linesOf(app: TestApp, file: string) {
  const { body } = await app.request('GET', `/v1/files/${file}/content`)
  const lines = body.trimEnd().split('\n')
  return lines.map((text) => JSON.parse(text))
}

async function run(app: TestApp, text: string, more: object = {}) {
  const { status, json } = await create(app, await upload(app, text), more)
  assert.equal(status, 200)
  assert.equal(json.status, 'validating')
  return await untilEnd(app, json.id)
}

describe('a batch', () => {
  it('answers each line as the route does, in the order of the input, and counts', async () => {
    await using app = await openTestApp()
    const metadata = { job: 'captions' }
    const more = { metadata, output_expires_after: { anchor: 'created_at', seconds: 3600 } }
    const text = `${line('a')}\n${line('b', { temperature: 9 })}\n${line('c', { seed: 1 })}\n`
    const batch = await run(app, text, more)
    assert.equal(batch.status, 'completed')
    assert.deepEqual(batch.request_counts, { total: 3, completed: 2, failed: 1 })
    assert.deepEqual([batch.metadata, batch.model], [metadata, 'echo'])
    const output = await linesOf(app, batch.output_file_id)
    assert.deepEqual(
      output.map(({ custom_id }) => custom_id),
      ['a', 'c'],
    )
    const [{ response, error }] = output
    assert.deepEqual([response.status_code, error], [200, null])
    assert.equal(response.body.choices[0].message.content, 'say a')
    assert.equal(batch.usage.output_tokens, 2 * response.body.usage.completion_tokens)
    const [failed] = await linesOf(app, batch.error_file_id)
    assert.equal(failed.response.status_code, 400)
    const own = await app.chat({ temperature: 9 })
    assert.deepEqual(failed.response.body, own.json, 'the very error of the route')
    const { json: file } = await app.request('GET', `/v1/files/${batch.output_file_id}`)
    assert.deepEqual([file.purpose, file.expires_at - file.created_at], ['batch_output', 3600])
    assert.match(file.filename, /^batch_\w+_output\.jsonl$/)
  })

  it('is of priority batch whatever its lines say, and of the tenant that made it', async () => {
    await using app = await openTestApp()
    await run(app, line('a', { aerie: { priority: 'live' } }))
    const seen = app.service.requests.at(-1)!
    assert.deepEqual([seen.priority, seen.tenant], ['batch', 'anonymous'])
    await app.chat({})
    assert.equal(app.service.requests.at(-1)!.priority, 'live')
  })

  it('whose file is wrong has failed, and says line by line why', async () => {
    await using app = await openTestApp()
    const batch = await run(app, [line('a'), 'nonsense', line('a'), line('d')].join('\n'))
    assert.equal(batch.status, 'failed')
    assert.ok(batch.failed_at)
    assert.deepEqual(
      batch.errors.data.map(({ code, line, param }: Record<string, unknown>) => [
        code,
        line,
        param,
      ]),
      [
        ['invalid_json_line', 2, null],
        ['duplicate_custom_id', 3, 'custom_id'],
      ],
    )
    assert.match(batch.errors.data[1].message, /line 1/)
    assert.deepEqual(batch.request_counts, { total: 0, completed: 0, failed: 0 })
    assert.equal(batch.output_file_id, undefined)
    assert.equal(app.service.requests.length, 0, 'nothing was run')
  })

  it('of a file without lines, or of too many, has failed', async () => {
    await using app = await openTestApp({ batching: { maxWaitingLines: 2 } })
    const empty = await run(app, '\n')
    assert.equal(empty.errors.data[0].code, 'empty_batch')
    const many = await run(app, [line('a'), line('b'), line('c')].join('\n'))
    assert.match(many.errors.data[0].message, /maxBatchLinesWaiting/)
  })

  it('tells of a hundred faults at most', async () => {
    await using app = await openTestApp()
    const batch = await run(app, 'x\n'.repeat(900))
    assert.equal(batch.errors.data.length, 100)
  })

  it('is refused by name where a field or the file is not right', async () => {
    await using app = await openTestApp()
    const file = await upload(app, line('a'))
    const refused = async (change: object, code: string, param: string, status = 400) => {
      const { json, status: got } = await create(app, file, change)
      assert.deepEqual([got, json.error.code, json.error.param], [status, code, param])
    }
    await refused({ completion_window: '1h' }, 'invalid_request', 'completion_window')
    await refused({ endpoint: '/v1/moderations' }, 'unsupported_parameter', 'endpoint')
    await refused({ endpoint: '/v1/files' }, 'invalid_request', 'endpoint')
    const { json } = await create(app, file, { endpoint: '/v1/files' })
    const taken = [...json.error.message.matchAll(/"(\/v1\/[a-z/]+)"/g)].map(([, name]) => name)
    assert.deepEqual(taken, [...BATCH_ENDPOINTS, '/v1/files'], 'what is taken, and what came')
    await refused({ input_file_id: 'file-0' }, 'not_found', 'input_file_id', 404)
    await refused({ colour: 1 }, 'unknown_parameter', 'colour')
    await refused({ metadata: { a: 1 } }, 'invalid_request', 'metadata.a')
    const seconds = { output_expires_after: { anchor: 'created_at', seconds: 5 } }
    await refused(seconds, 'invalid_request', 'output_expires_after.seconds')
    const other = await upload(app, line('a'), 'user_data')
    await refused({ input_file_id: other }, 'invalid_request', 'input_file_id')
  })

  it('one too many of a tenant gets 429', async () => {
    const hold = Promise.withResolvers<void>()
    await using app = await openTestApp({
      echo: { hold: hold.promise },
      batching: { maxBatches: 1 },
    })
    const file = await upload(app, line('a'))
    const { json } = await create(app, file)
    const second = await create(app, file)
    assert.deepEqual([second.status, second.json.error.code], [429, 'queue_full'])
    hold.resolve()
    await untilEnd(app, json.id)
    assert.equal((await create(app, file)).status, 200)
  })

  it('whose lines take longer than an upload may is run all the same', async () => {
    const hold = Promise.withResolvers<void>()
    await using app = await openTestApp({ echo: { hold: hold.promise }, uploadTimeoutMs: 1500 })
    const url = await app.listen()
    const post = async (path: string, body: FormData | string) => {
      const headers = typeof body === 'string' ? { 'content-type': 'application/json' } : undefined
      const response = await fetch(`${url}${path}`, {
        method: 'POST',
        body,
        ...(headers && { headers }),
      })
      return (await response.json()) as { readonly id: string }
    }
    const form = new FormData()
    form.set('purpose', 'batch')
    form.set('file', new File([line('0')], 'in.jsonl'))
    const { id: input_file_id } = await post('/v1/files', form)
    const body = { input_file_id, endpoint: ENDPOINT, completion_window: '24h' }
    const { id } = await post('/v1/batches', JSON.stringify(body))
    while (app.service.requests.length < 1) await delay(5)
    await delay(2000)
    hold.resolve()
    assert.equal((await untilEnd(app, id)).status, 'completed')
  })

  it('that is cancelled breaks off what runs, and accounts for every line', async () => {
    const hold = Promise.withResolvers<void>()
    await using app = await openTestApp({
      echo: { hold: hold.promise },
      batching: { concurrency: 2 },
    })
    const text = Array.from({ length: 9 }, (_, i) => line(String(i))).join('\n')
    const { json } = await create(app, await upload(app, text))
    while (app.service.requests.length < 2) await delay(5)
    const cancelled = await app.request('POST', `/v1/batches/${json.id}/cancel`)
    assert.deepEqual([cancelled.status, cancelled.json.status], [200, 'cancelling'])
    const batch = await untilEnd(app, json.id)
    assert.equal(batch.status, 'cancelled')
    assert.deepEqual(batch.request_counts, { total: 9, completed: 0, failed: 9 })
    const errors = await linesOf(app, batch.error_file_id)
    assert.deepEqual(
      errors.map(({ custom_id, error }) => [custom_id, error.code]),
      Array.from({ length: 9 }, (_, i) => [String(i), 'batch_cancelled']),
    )
    const again = await app.request('POST', `/v1/batches/${json.id}/cancel`)
    assert.deepEqual([again.status, again.json.error.param], [400, 'batch_id'])
  })

  it('whose window closes is expired, with what was done', async () => {
    let now = Date.now()
    const hold = Promise.withResolvers<void>()
    await using app = await openTestApp({
      echo: { hold: hold.promise },
      batching: { nowMs: () => now, concurrency: 1 },
    })
    const { json } = await create(app, await upload(app, `${line('a')}\n${line('b')}`))
    while (app.service.requests.length < 1) await delay(5)
    now += 25 * 60 * 60 * 1000
    const batch = await untilEnd(app, json.id)
    assert.equal(batch.status, 'expired')
    assert.ok(batch.expired_at > batch.expires_at)
    const codes = (await linesOf(app, batch.error_file_id)).map(({ error }) => error.code)
    assert.deepEqual(codes, ['batch_expired', 'batch_expired'])
  })

  it('whose input file is deleted fails the lines that are not done, by name', async () => {
    const hold = Promise.withResolvers<void>()
    await using app = await openTestApp({
      echo: { hold: hold.promise },
      batching: { concurrency: 1 },
    })
    const file = await upload(app, `${line('a')}\n${line('b')}`)
    const { json } = await create(app, file)
    while (app.service.requests.length < 1) await delay(5)
    await app.request('DELETE', `/v1/files/${file}`)
    hold.resolve()
    const batch = await untilEnd(app, json.id)
    assert.deepEqual(batch.request_counts, { total: 2, completed: 1, failed: 1 })
    const [failed] = await linesOf(app, batch.error_file_id)
    assert.deepEqual([failed.custom_id, failed.error.code], ['b', 'not_found'])
  })

  it('whose answers find the queue full asks again until there is room', async () => {
    await using app = await openTestApp({ echo: { maxRunning: 1, tokenDelayMs: 5 } })
    const text = Array.from({ length: 3 }, (_, i) => line(String(i))).join('\n')
    const batch = await run(app, text)
    assert.deepEqual(batch.request_counts, { total: 3, completed: 3, failed: 0 })
  })

  it('waits while files and results have no room, says so, and goes on by itself', async () => {
    await using app = await openTestApp({ batching: { maxStoredBytes: 900 } })
    const filler = await upload(app, 'x'.repeat(600), 'user_data')
    const { json } = await create(app, await upload(app, line('a')))
    const waiting = async () =>
      (await app.request('GET', `/v1/batches/${json.id}`)).json.aerie?.waiting_for ?? ''
    while (!/maxFilesBytes/.test(await waiting())) await delay(5)
    await app.request('DELETE', `/v1/files/${filler}`)
    const batch = await untilEnd(app, json.id)
    assert.equal(batch.status, 'completed')
    assert.equal(app.service.requests.length, 1, 'the line was not run again')
  })

  it('is listed newest first, page by page, to its own tenant alone', async () => {
    const keys = parseKeys('alice:key-a\nbob:key-b', 'keys')
    const names = new Map([
      ['Bearer key-a', keys[0]!.name],
      ['Bearer key-b', keys[1]!.name],
    ])
    await using app = await openTestApp({
      apiKeys: {
        nameOf: (key) => names.get(key ?? ''),
        names: () => [],
        read: async () => () => {},
      },
    })
    const as = (key: string) => ({ headers: { authorization: `Bearer ${key}` } })
    const file = await upload(app, line('a'), 'batch', as('key-a').headers)
    const ids: string[] = []
    for (let i = 0; i < 3; i++) {
      const body = { input_file_id: file, endpoint: ENDPOINT, completion_window: '24h' }
      const made = await app.request('POST', '/v1/batches', { payload: body, ...as('key-a') })
      ids.unshift(made.json.id)
      await delay(2)
    }
    const page = async (query: string, key = 'key-a') =>
      (await app.request('GET', `/v1/batches?${query}`, as(key))).json
    const first = await page('limit=2')
    assert.deepEqual(
      [first.data.map(({ id }: { id: string }) => id), first.has_more],
      [ids.slice(0, 2), true],
    )
    const rest = await page(`limit=2&after=${first.last_id}`)
    assert.deepEqual([rest.data[0].id, rest.has_more], [ids[2], false])
    assert.deepEqual((await page('', 'key-b')).data, [])
    const url = `/v1/batches/${ids[0]}`
    for (const [method, path] of [
      ['GET', url],
      ['POST', `${url}/cancel`],
    ] as const) {
      const { status, json } = await app.request(method, path, as('key-b'))
      assert.deepEqual([status, json.error.param], [404, 'batch_id'])
    }
    while ((await page('')).data.some(({ status }: { status: string }) => status !== 'completed')) {
      await delay(5)
    }
    assert.equal(app.service.requests.at(-1)!.tenant, 'alice')
  })
})
