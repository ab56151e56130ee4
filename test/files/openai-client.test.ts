/** The official client and its files over a real socket, as its documentation uses them. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { openAsBlob } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import OpenAI, { toFile } from 'openai'
import { openTestApp } from '../support/http-app.ts'

type Options = Parameters<typeof openTestApp>[0]

async function openClient(options: Options = {}) {
  const app = await openTestApp(options)
  const baseURL = `${await app.listen()}/v1`
  const { files } = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 })
  return { ...app, baseURL, client: files }
}

test('a file is created, waited for, retrieved, read and deleted', async () => {
  await using app = await openClient()
  const bytes = randomBytes(300_000)
  const before = Math.floor(Date.now() / 1000)
  const created = await app.client.create({
    file: await toFile(bytes, 'grüße (1).png'),
    purpose: 'vision',
  })
  assert.match(created.id, /^file-[0-9a-f]{36}$/)
  assert.equal(created.object, 'file')
  assert.equal(created.bytes, bytes.byteLength)
  assert.equal(created.filename, 'grüße (1).png')
  assert.equal(created.purpose, 'vision')
  assert.ok(created.created_at >= before && created.created_at <= Date.now() / 1000)
  assert.equal(created.expires_at, undefined)

  assert.deepEqual(await app.client.waitForProcessing(created.id), created)
  assert.deepEqual(await app.client.retrieve(created.id), created)
  const content = await app.client.content(created.id)
  assert.deepEqual(Buffer.from(await content.arrayBuffer()), bytes)
  const digest = createHash('sha256').update(bytes).digest('hex')
  assert.equal(content.headers.get('etag'), `"${digest}"`)

  assert.deepEqual(await app.client.delete(created.id), {
    id: created.id,
    object: 'file',
    deleted: true,
  })
  for (const gone of [
    () => app.client.retrieve(created.id),
    () => app.client.content(created.id),
    () => app.client.delete(created.id),
  ]) {
    await assert.rejects(gone, (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError)
      assert.equal(error.code, 'not_found')
      assert.equal(error.param, 'file_id')
      return true
    })
  }
})

test('a file of the disk is streamed from there', async () => {
  await using app = await openClient({ store: { maxFileBytes: 2 ** 24, maxBytes: 2 ** 25 } })
  const folder = await mkdtemp(join(tmpdir(), 'aerie-upload-'))
  const path = join(folder, 'clip.mp4')
  const bytes = randomBytes(9_000_000)
  await writeFile(path, bytes)
  const file = await app.client.create({
    file: new File([await openAsBlob(path)], 'clip.mp4'),
    purpose: 'user_data',
  })
  const content = await app.client.content(file.id)
  assert.deepEqual(Buffer.from(await content.arrayBuffer()), bytes)
  assert.equal(content.headers.get('content-type'), 'video/mp4')
  await rm(folder, { recursive: true })
})

test('all files are listed page by page, in both orders and by purpose, also while they are deleted', async () => {
  await using app = await openClient()
  const ids: string[] = []
  for (let i = 0; i < 7; i++) {
    const file = await toFile(Buffer.from(String(i)), `${i}.txt`)
    const purpose = i % 3 === 0 ? 'batch' : 'user_data'
    ids.push((await app.client.create({ file, purpose })).id)
  }
  const all = async (query: OpenAI.FileListParams) => {
    const seen: string[] = []
    for await (const { id } of app.client.list(query)) seen.push(id)
    return seen
  }
  assert.deepEqual(await all({}), ids.toReversed())
  assert.deepEqual(await all({ limit: 2 }), ids.toReversed())
  assert.deepEqual(await all({ limit: 3, order: 'asc' }), ids)
  assert.deepEqual(await all({ limit: 2, purpose: 'batch' }), [ids[6], ids[3], ids[0]])
  assert.deepEqual(await all({ purpose: 'batch_output' }), [])
  const page = await app.client.list({ limit: 7 })
  assert.equal(page.has_more, false)
  for await (const { id } of app.client.list({ limit: 2 })) await app.client.delete(id)
  assert.deepEqual(await all({}), [])
})

test('expires_after is kept, said, and obeyed', async () => {
  let now = Date.now()
  await using app = await openClient({ store: { now: () => now, sweepEveryMs: 20 } })
  const file = await app.client.create({
    file: await toFile(Buffer.from('x'), 'x.txt'),
    purpose: 'user_data',
    expires_after: { anchor: 'created_at', seconds: 3600 },
  })
  assert.equal(file.expires_at, file.created_at + 3600)
  now += 3_599_000
  assert.deepEqual(await app.client.retrieve(file.id), file)
  now += 2000
  await assert.rejects(app.client.retrieve(file.id), OpenAI.NotFoundError)
  assert.deepEqual((await app.client.list()).data, [])
})
