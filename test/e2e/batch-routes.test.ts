/** Batches of the routes other than chats, by whole servers, line by line as the route answers; and a live request beside lines that fill the engine. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import OpenAI, { toFile } from 'openai'
import { pictureUri, startTestServer } from '../support/server.ts'

const RADIO = resolve(import.meta.dirname, '../fixtures/radio/radio-v25-norm-adaptors')
const LANDSCAPE = readFileSync(join(RADIO, 'inputs/landscape_64x96.png'), 'base64')

const clientOf = (url: string) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })

/** `/v1/tokenize` is ours: the official client sends its name all the same. */
async function start(client: OpenAI, url: string, bodies: readonly object[]): Promise<string> {
  const lines = bodies.map((body, i) => ({ custom_id: `${i}`, method: 'POST', url, body }))
  const text = lines.map((line) => JSON.stringify(line)).join('\n')
  const file = await client.files.create({
    file: await toFile(Buffer.from(text), 'in.jsonl'),
    purpose: 'batch',
  })
  const endpoint = url as OpenAI.BatchCreateParams['endpoint']
  const options = { input_file_id: file.id, endpoint, completion_window: '24h' } as const
  return (await client.batches.create(options)).id
}

async function untilEnd(client: OpenAI, id: string): Promise<OpenAI.Batches.Batch> {
  for (;;) {
    const batch = await client.batches.retrieve(id)
    if (batch.completed_at) return batch
    assert.ok(['validating', 'in_progress', 'finalizing'].includes(batch.status), batch.status)
    await delay(20)
  }
}

/** Lines of a file by custom id. */
async function answers(client: OpenAI, file: string | undefined) {
  const text = await (await client.files.content(file!)).text()
  const lines = text.trimEnd().split('\n')
  return new Map(
    lines.map((line) => {
      const { custom_id, response } = JSON.parse(line)
      return [custom_id as string, response]
    }),
  )
}

describe('a batch of', () => {
  it('embeddings has the numbers that the route gives, and its errors', async (t) => {
    const server = await startTestServer({
      model: join(RADIO, 'checkpoint'),
      ...{ encoderSessions: 1, maxImagesPerRequest: 4, maxPatches: 64 },
    })
    t.after(() => server.close())
    const client = clientOf(server.url)
    const picture = `data:image/png;base64,${LANDSCAPE}`
    const bodies = [
      { model: 'checkpoint', input: [picture], encoding_format: 'float' },
      { model: 'checkpoint', input: ['words are not what it sees'] },
      { model: 'checkpoint', input: [picture], encoding_format: 'base64' },
    ]
    const ask = async (body: object) => {
      const headers = { 'content-type': 'application/json' }
      const options = { method: 'POST', headers, body: JSON.stringify(body) }
      const response = await fetch(`${server.url}/v1/embeddings`, options)
      const answer = (await response.json()) as { data?: { embedding: unknown }[]; error?: object }
      return { status: response.status, ...answer }
    }
    const id = await start(client, '/v1/embeddings', bodies)
    const batch = await untilEnd(client, id)
    assert.deepEqual(batch.request_counts, { total: 3, completed: 2, failed: 1 })
    const output = await answers(client, batch.output_file_id)
    const errors = await answers(client, batch.error_file_id)
    for (const [i, body] of bodies.entries()) {
      const alone = await ask(body)
      const line = (alone.status === 200 ? output : errors).get(`${i}`)
      assert.equal(line.status_code, alone.status)
      if (alone.status === 200)
        assert.deepEqual(line.body.data[0].embedding, alone.data![0]!.embedding)
      else assert.deepEqual(line.body.error, alone.error)
    }
    assert.ok(batch.usage!.input_tokens > 0)
  })

  it('/v1/tokenize counts as the route does, pictures too', async (t) => {
    const server = await startTestServer()
    t.after(() => server.close())
    const client = clientOf(server.url)
    const url = await pictureUri('purple-heart.png')
    const content = [
      { type: 'image_url', image_url: { url } },
      { type: 'text', text: 'what is this?' },
    ]
    const bodies = [
      { model: 'starter', messages: [{ role: 'user', content: 'hello' }] },
      { model: 'starter', messages: [{ role: 'user', content }] },
    ]
    const batch = await untilEnd(client, await start(client, '/v1/tokenize', bodies))
    assert.deepEqual(batch.request_counts, { total: 2, completed: 2, failed: 0 })
    const output = await answers(client, batch.output_file_id)
    for (const [i, body] of bodies.entries()) {
      const alone = await client.post<{ tokens: number }>('/tokenize', { body })
      assert.deepEqual(output.get(`${i}`).body, alone)
    }
  })
})

describe('a live request', () => {
  it('is answered before lines that wait, though lines fill the engine', async (t) => {
    const [lines, running, concurrency] = [120, 2, 8]
    const server = await startTestServer({ maxRunning: running, batchConcurrency: concurrency })
    t.after(() => server.close())
    const client = clientOf(server.url)
    const body = (content: string, tokens: number) => ({
      model: 'starter',
      messages: [{ role: 'user' as const, content }],
      max_tokens: tokens,
      min_tokens: tokens,
    })
    const bodies = Array.from({ length: lines }, (_, i) => body(`count to ${i}`, 60))
    const id = await start(client, '/v1/chat/completions', bodies)
    const done = async () => (await client.batches.retrieve(id)).request_counts!.completed
    while ((await done()) < concurrency) await delay(5)
    // Where this thread stands still, the engine goes on with what it has: that says nothing of the order.
    let meanwhile = concurrency
    for (let tries = 0; tries < 4 && meanwhile >= concurrency; tries++) {
      const before = await done()
      await client.chat.completions.create(body('hello', 2))
      meanwhile = (await done()) - before
    }
    assert.ok(
      meanwhile < concurrency,
      `${meanwhile} lines went first; those that ran are ${running}`,
    )
    assert.ok((await done()) < lines)
    assert.equal((await untilEnd(client, id)).request_counts!.completed, lines)
  })
})
