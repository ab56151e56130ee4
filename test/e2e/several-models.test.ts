/** A whole server with a model of each kind and memory for one of them, asked with the official client. */
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import OpenAI from 'openai'
import { heldBy, treeMemory } from '../../src/bench/process-tree.ts'
import { startServerProcess } from '../../src/bench/server-process.ts'
import type { RunningServer } from '../../src/main.ts'
import { copyCheckpoint, editWeights, scratchFolder } from '../support/checkpoint-folder.ts'
import { createResponseChecker } from '../support/response-checker.ts'
import { metric, pictureUri, startTestServer } from '../support/server.ts'
import { SPEECH_WAV, TINY_WHISPER } from '../support/speech-fixture.ts'

const TOWER = resolve(import.meta.dirname, '../fixtures/radio/radio-v25-norm-adaptors/checkpoint')
/** What they count as, so that it is certain which fit. */
const SEEN = { encoderCacheBytes: '16MiB', memoryBytes: '60MiB' }
const CACHES = { ...SEEN, kvCacheBytes: '64MiB' }
const TINY = resolve(import.meta.dirname, '../fixtures/decoders/qwen2/checkpoint')
const MODELS = [
  { model: 'starter', ...CACHES },
  { model: TOWER, name: 'lab/tower', ...SEEN },
  { model: TINY_WHISPER, aliases: ['whisper-1'], memoryBytes: '60MiB' },
  { model: TINY, name: 'tiny', ...CACHES },
]
/** For any of them, and for no two. */
const FOR_ONE = { modelMemoryBytes: '100MiB', modelMinResidenceMs: 0 }

interface Card {
  readonly id: string
  readonly aerie: {
    readonly status: { state: string; reason: string | null; bytes: number | null }
    readonly family: string
    readonly output_modalities: string[]
    readonly max_context?: number
    readonly digest?: string
    readonly system_fingerprint?: string
  }
}

describe('a server of several models with memory for one', () => {
  let server: RunningServer
  let client: OpenAI
  let picture: string
  before(async () => {
    server = await startTestServer({ models: MODELS, ...FOR_ONE, threads: 1 })
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 })
    picture = await pictureUri('red-circle-blue-square.png')
  })
  after(() => server.close())

  const card = async (id: string) => (await client.models.retrieve(id)) as unknown as Card
  const stateOf = async (id: string) => (await card(id)).aerie.status.state
  const chat = (model = 'starter') =>
    client.chat.completions.create({
      model,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'what color is the circle?' },
            { type: 'image_url', image_url: { url: picture } },
          ],
        },
      ],
    })
  const embed = (model = 'lab/tower') =>
    client.embeddings.create({ model, input: [picture], encoding_format: 'float' })
  const write = (model = 'whisper-1') =>
    client.audio.transcriptions.create({ model, file: createReadStream(SPEECH_WAV) })

  it('has loaded the first, and tells of the others what can be told without loading them', async () => {
    assert.deepEqual(server.names, ['starter', 'lab/tower', 'tiny-whisper', 'whisper-1', 'tiny'])
    const cards = (await client.models.list()).data as unknown as Card[]
    assert.deepEqual(
      cards.map(({ id, aerie }) => [id, aerie.family, aerie.output_modalities, aerie.status.state]),
      [
        ['starter', 'aerie_starter', ['text'], 'loaded'],
        ['lab/tower', 'radio', ['embedding'], 'unloaded'],
        ['tiny-whisper', 'whisper', ['text'], 'unloaded'],
        ['tiny', 'qwen2', ['text'], 'unloaded'],
      ],
    )
    assert.ok(cards[0]!.aerie.max_context! > 0)
    assert.equal((await card('whisper-1')).aerie.digest, undefined)
    assert.equal(await stateOf('lab/tower'), 'unloaded')
  })

  it('answers, embeds and writes down, each time by the model that is asked for, and lets the others go', async () => {
    for (let round = 0; round < 2; round++) {
      assert.equal((await chat()).choices[0]!.message.content, 'red')
      assert.deepEqual(
        [await stateOf('starter'), await stateOf('lab/tower')],
        ['loaded', 'unloaded'],
      )
      assert.equal((await embed()).data.length, 1)
      assert.deepEqual(
        [await stateOf('starter'), await stateOf('lab/tower')],
        ['unloaded', 'loaded'],
      )
      assert.ok((await write()).text.length > 0)
      assert.equal(await stateOf('tiny-whisper'), 'loaded')
    }
    // What was learnt while it was loaded is still known.
    assert.match((await card('starter')).aerie.digest!, /^[0-9a-f]{64}$/)
    assert.equal(await metric(server.url, 'aerie_model_loads_total{model="lab/tower"}'), 2)
  })

  it('answers all who ask at once, whatever they ask', async () => {
    const all = [chat(), embed(), write(), chat(), embed(), write(), chat()]
    const answers = await Promise.all(all)
    assert.equal(answers.length, 7)
  })

  it('keeps counting over the lives of its models', async () => {
    const before = await metric(server.url, 'aerie_tokens_total{kind="generated"}')
    await chat()
    await embed()
    assert.equal(await stateOf('starter'), 'unloaded')
    const after = await metric(server.url, 'aerie_tokens_total{kind="generated"}')
    assert.ok(after! > before!, `${after} after ${before}`)
  })

  it('refuses by name what a model does not do, without loading it', async () => {
    await embed()
    await assert.rejects(chat('tiny-whisper'), { status: 400, code: 'unsupported_parameter' })
    await assert.rejects(embed('starter'), { status: 400, code: 'unsupported_parameter' })
    await assert.rejects(write('starter'), { status: 400, code: 'unsupported_parameter' })
    await assert.rejects(chat('startr'), { status: 404, message: /did you mean starter\?/ })
    assert.deepEqual([await stateOf('lab/tower'), await stateOf('starter')], ['loaded', 'unloaded'])
  })

  it('finishes a stream before its model goes', async () => {
    const stream = await client.chat.completions.create({
      ...{ model: 'starter', stream: true, max_tokens: 40 },
      messages: [{ role: 'user', content: 'describe' }],
      ...{ min_tokens: 40 },
    } as OpenAI.ChatCompletionCreateParamsStreaming)
    const other = embed()
    let reason: string | null | undefined
    for await (const chunk of stream) reason = chunk.choices[0]?.finish_reason ?? reason
    assert.equal(reason, 'length')
    assert.equal((await other).data.length, 1)
  })

  it('loads and unloads by hand, and answers as its contract says', async () => {
    const checker = await createResponseChecker()
    const post = async (path: string) => {
      const url = `/v1/models/${path}`
      const response = await fetch(`${server.url}${url}`, { method: 'POST' })
      const body = await response.text()
      const { status } = response
      checker.check({
        method: 'POST',
        url,
        status,
        headers: Object.fromEntries(response.headers),
        body,
      })
      return { status, json: JSON.parse(body) as Card }
    }
    assert.equal((await post('whisper-1/load')).json.aerie.status.state, 'loaded')
    assert.equal((await post('lab/tower/load')).json.aerie.status.state, 'loaded')
    assert.equal(await stateOf('tiny-whisper'), 'unloaded')
    assert.equal((await post('lab%2Ftower/unload')).json.aerie.status.state, 'unloaded')
    assert.equal((await post('nothing/load')).status, 404)
    assert.equal((await post('starter')).status, 405)
  })

  it('works a batch off whose lines name two models in turn, with one load of each', async () => {
    const loads = (id: string) => metric(server.url, `aerie_model_loads_total{model="${id}"}`)
    const before = (await loads('starter'))! + (await loads('tiny'))!
    const lines = Array.from({ length: 200 }, (_, i) => ({
      ...{ custom_id: `line-${i}`, method: 'POST', url: '/v1/tokenize' },
      body: { model: i % 2 === 0 ? 'starter' : 'tiny', prompt: `text ${i}` },
    }))
    const file = await client.files.create({
      purpose: 'batch',
      file: new File([lines.map((line) => JSON.stringify(line)).join('\n')], 'lines.jsonl'),
    })
    await embed()
    let batch = await client.batches.create({
      input_file_id: file.id,
      endpoint: '/v1/tokenize' as '/v1/embeddings',
      completion_window: '24h',
    })
    while (!['completed', 'failed'].includes(batch.status)) {
      await delay(50)
      batch = await client.batches.retrieve(batch.id)
    }
    assert.deepEqual(batch.request_counts, { total: 200, completed: 200, failed: 0 })
    const more = (await loads('starter'))! + (await loads('tiny'))! - before
    assert.equal(more, 2)
  })
})

describe('a model that changes on the disk while it is not loaded', () => {
  it('is served as it is then, gone, and back', async () => {
    const scratch = scratchFolder()
    const folder = copyCheckpoint('decoders/qwen2', join(scratch, 'tiny'))
    // As this writes headers.
    editWeights(join(folder, 'model.safetensors'), () => undefined)
    const server = await startTestServer({
      models: [
        { model: 'starter', ...CACHES },
        { model: folder, ...CACHES },
      ],
    })
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 })
    const ask = () =>
      client.chat.completions.create({
        ...{ model: 'tiny', max_tokens: 2 },
        messages: [{ role: 'user', content: 'hi' }],
      })
    const card = async () => (await client.models.retrieve('tiny')) as unknown as Card
    const unload = () => fetch(`${server.url}/v1/models/tiny/unload`, { method: 'POST' })
    try {
      const { system_fingerprint: first } = await ask()
      const { digest } = (await card()).aerie
      await unload()
      editWeights(join(folder, 'model.safetensors'), () => undefined)
      const { system_fingerprint: same } = await ask()
      assert.equal(same, first)
      await unload()
      editWeights(join(folder, 'model.safetensors'), (_header, data) => {
        data[data.length - 4]! ^= 1
      })
      const { system_fingerprint: second } = await ask()
      assert.notEqual(second, first)
      assert.notEqual((await card()).aerie.digest, digest)
      await unload()
      await rename(folder, `${folder}-gone`)
      await assert.rejects(ask(), (error: InstanceType<typeof OpenAI.APIError>) => {
        assert.deepEqual([error.status, error.code], [503, 'model_unavailable'])
        assert.match(error.message, /model 'tiny' could not be loaded: tiny is not there any more$/)
        assert.ok(!error.message.includes(scratch), error.message)
        return true
      })
      assert.equal((await card()).aerie.status.state, 'failed')
      const ready = await fetch(`${server.url}/readyz`)
      assert.equal(ready.status, 200, 'a model that is loaded on demand makes no server unready')
      await rename(`${folder}-gone`, folder)
      const loaded = await fetch(`${server.url}/v1/models/tiny/load`, { method: 'POST' })
      assert.equal(loaded.status, 200)
      assert.equal((await ask()).system_fingerprint, second)
    } finally {
      await server.close()
      await rm(scratch, { recursive: true })
    }
  })
})

describe('a process of a server whose models come and go', {
  skip: process.platform !== 'linux' && 'it has no /proc',
}, () => {
  it('has as many files and threads open as before, and no more memory, also when loads fail', async () => {
    const scratch = scratchFolder()
    const broken = copyCheckpoint('decoders/qwen2', join(scratch, 'broken'))
    const config = join(scratch, 'aerie.json')
    const models = [...MODELS, { model: broken, ...CACHES }]
    await writeFile(config, JSON.stringify({ ...FOR_ONE, models, threads: 1, modelIdleMs: 1 }))
    const server = await startServerProcess([
      ...['--config', config, '--data-dir', scratch, '--log-level', 'silent'],
    ])
    try {
      // Found whole at the start; now its engine misses a tensor, when all else of it has started.
      editWeights(join(broken, 'model.safetensors'), (header) => {
        const [name] = Object.keys(header)
        header['nobody.weight'] = header[name!]!
        delete header[name!]
      })
      const load = (id: string) => fetch(`${server.url}/v1/models/${id}/load`, { method: 'POST' })
      const round = async () => {
        for (const id of ['starter', 'lab/tower', 'whisper-1'])
          assert.equal((await load(id)).status, 200)
        const failed = await load('broken')
        assert.equal(failed.status, 503)
        assert.match(await failed.text(), /nobody\.weight|missing/)
        for (const id of ['starter', 'lab/tower', 'whisper-1'])
          await fetch(`${server.url}/v1/models/${id}/unload`, { method: 'POST' })
        const { own } = treeMemory(server.pid!)!
        return { own, ...heldBy(server.pid!) }
      }
      for (let i = 0; i < 2; i++) await round()
      const first = await round()
      let last = first
      for (let i = 0; i < 2; i++) last = await round()
      assert.equal(last.openFiles, first.openFiles)
      assert.equal(last.threads, first.threads)
      // The allocator keeps some of what it was given back, the same in each round.
      assert.ok(last.own < first.own * 1.15, `${last.own} bytes after ${first.own}`)
    } finally {
      await server.stop()
      await rm(scratch, { recursive: true })
    }
  })
})
