/** A batch of 200 questions about pictures, through the official client, by the starter: uploaded, awaited, downloaded, joined. */
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import OpenAI, { toFile } from 'openai'
import type { Batch, ChatCompletionContentPart } from 'openai/resources'
import type { RunningServer } from '../../src/main.ts'
import { metric, pictureUri, startTestServer } from '../support/server.ts'

const NAMES = ['red-circle-blue-square.png', 'purple-heart.png']
const LINES = 200

const clientOf = ({ url }: RunningServer) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })

async function ask(client: OpenAI, content: ChatCompletionContentPart[]): Promise<string | null> {
  const messages = [{ role: 'user' as const, content }]
  const more = { temperature: 0, max_tokens: 12 }
  const answer = await client.chat.completions.create({ model: 'starter', messages, ...more })
  return answer.choices[0]!.message.content
}

describe('batches', () => {
  let server: RunningServer
  let client: OpenAI
  let bytesOfOne: number
  let tilesOfOne: number
  before(async () => {
    const one = await startTestServer()
    await ask(clientOf(one), [
      { type: 'image_url', image_url: { url: await pictureUri(NAMES[0]!) } },
    ])
    bytesOfOne = (await metric(one.url, 'aerie_encoder_cache_bytes'))!
    tilesOfOne = (await metric(one.url, 'aerie_tiles_encoded_total'))!
    await one.close()
    // A cache that holds one picture: whoever takes lines as they come encodes one for nearly each of them.
    const encoderCacheBytes = Math.floor(bytesOfOne * 1.5)
    server = await startTestServer({ maxRunning: 4, batchConcurrency: 4, encoderCacheBytes })
    client = clientOf(server)
  })
  after(() => server.close())

  const start = async (lines: readonly object[]): Promise<Batch> => {
    const text = lines.map((line) => JSON.stringify(line)).join('\n')
    const file = await toFile(Buffer.from(text), 'questions.jsonl')
    const { id } = await client.files.create({ file, purpose: 'batch' })
    return await client.batches.create({
      ...{ input_file_id: id, endpoint: '/v1/chat/completions', completion_window: '24h' },
    })
  }
  const untilEnd = async ({ id }: Batch): Promise<Batch> => {
    for (;;) {
      const batch = await client.batches.retrieve(id)
      if (!['validating', 'in_progress', 'finalizing', 'cancelling'].includes(batch.status))
        return batch
      await delay(50)
    }
  }
  const lineOf = (custom_id: string, content: unknown, more: object = {}) => {
    const body = {
      ...{
        model: 'starter',
        messages: [{ role: 'user', content }],
        temperature: 0,
        max_tokens: 12,
      },
      ...more,
    }
    return { custom_id, method: 'POST', url: '/v1/chat/completions', body }
  }

  it('of pictures in turns are answered as alone, in order, each picture encoded a few times and not per line', async () => {
    const ids: string[] = []
    for (const name of NAMES) {
      const file = createReadStream(new URL(`../../docs/pictures/${name}`, import.meta.url))
      ids.push((await client.files.create({ file, purpose: 'vision' })).id)
    }
    const contentOf = (i: number) => [
      { type: 'file' as const, file: { file_id: ids[i % 2]! } },
      { type: 'text' as const, text: i % 4 < 2 ? 'what color is it?' : 'what shape is it?' },
    ]
    const batch = await untilEnd(
      await start(Array.from({ length: LINES }, (_, i) => lineOf(`question-${i}`, contentOf(i)))),
    )
    assert.equal(batch.status, 'completed', JSON.stringify(batch.errors))
    assert.deepEqual(batch.request_counts, { total: LINES, completed: LINES, failed: 0 })
    assert.ok(batch.usage!.input_tokens > LINES && batch.usage!.output_tokens > 0)
    const tiles = (await metric(server.url, 'aerie_tiles_encoded_total'))!
    assert.ok(tiles <= 2 * tilesOfOne * NAMES.length, `${tiles} tiles for two pictures`)
    const text = await (await client.files.content(batch.output_file_id!)).text()
    const output = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      output.map(({ custom_id }) => custom_id),
      Array.from({ length: LINES }, (_, i) => `question-${i}`),
    )
    for (const i of [0, 1, 2, 3]) {
      const { body } = output[i]!.response
      assert.equal(body.choices[0].message.content, await ask(client, contentOf(i)))
    }
  })

  it('go behind whoever is waiting for an answer', async () => {
    const batch = await start(
      Array.from({ length: 400 }, (_, i) =>
        lineOf(String(i), `count ${i}`, { min_tokens: 40, max_tokens: 40 }),
      ),
    )
    while ((await client.batches.retrieve(batch.id)).request_counts!.completed < 4) await delay(20)
    // More than the engine would let wait if lines took up its places.
    const live = await Promise.all(
      Array.from({ length: 8 }, () =>
        client.chat.completions.create({
          ...{ model: 'starter', messages: [{ role: 'user', content: 'hello' }], max_tokens: 4 },
        }),
      ),
    )
    assert.equal(live.length, 8)
    const { status, request_counts: counts } = await client.batches.retrieve(batch.id)
    assert.equal(status, 'in_progress', 'all live ones were answered before the batch was')
    assert.ok(counts!.completed < 400)
    await client.batches.cancel(batch.id)
    assert.equal((await untilEnd(batch)).status, 'cancelled')
  })

  it('that are cancelled end within seconds and keep what was done', async () => {
    const batch = await start(
      Array.from({ length: 400 }, (_, i) =>
        lineOf(String(i), `count ${i}`, { min_tokens: 40, max_tokens: 40 }),
      ),
    )
    while ((await client.batches.retrieve(batch.id)).request_counts!.completed < 2) await delay(20)
    assert.equal((await client.batches.cancel(batch.id)).status, 'cancelling')
    const { status, request_counts: counts, error_file_id, output_file_id } = await untilEnd(batch)
    assert.equal(status, 'cancelled')
    assert.equal(counts!.completed + counts!.failed, 400)
    const linesOf = async (id: string) =>
      (await (await client.files.content(id)).text()).trimEnd().split('\n').length
    assert.equal(await linesOf(output_file_id!), counts!.completed)
    assert.equal(await linesOf(error_file_id!), counts!.failed)
  })
})
