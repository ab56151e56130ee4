/** `/v1/embeddings` of a whole server with a RADIO checkpoint, against the numbers that the published code recorded. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import OpenAI, { APIError } from 'openai'
import type { RunningServer } from '../../src/main.ts'
import { type CheckedFetch, createCheckedFetch } from '../support/checked-fetch.ts'
import { relativeError } from '../support/relative-error.ts'
import { readSafetensors } from '../support/safetensors-file.ts'
import { metric, startTestServer } from '../support/server.ts'

const CASE = resolve(import.meta.dirname, '../fixtures/radio/radio-v25-norm-adaptors')
const MODEL = 'checkpoint'
const recorded = readSafetensors(join(CASE, 'expected.safetensors'))
const uri = (name: string) =>
  `data:image/png;base64,${readFileSync(join(CASE, 'inputs', name), 'base64')}`
const LANDSCAPE = uri('landscape_64x96.png')

type Extended = OpenAI.CreateEmbeddingResponse & {
  aerie?: { output: string }
  data: { aerie?: { shape: number[]; seen: object; source: object; cached: boolean } }[]
}

describe('/v1/embeddings', () => {
  let server: RunningServer
  let client: OpenAI
  let checked: CheckedFetch
  before(async () => {
    server = await startTestServer({
      model: join(CASE, 'checkpoint'),
      ...{ encoderSessions: 2, maxImagesPerRequest: 4, maxPatches: 64, maxEmbeddingValues: 4096 },
    })
    checked = await createCheckedFetch()
    client = new OpenAI({
      baseURL: `${server.url}/v1`,
      ...{ apiKey: 'none', maxRetries: 0, fetch: checked.fetch },
    })
  })
  after(() => server.close())

  const embed = async (input: unknown, aerie?: object, more: object = {}) =>
    (await client.embeddings.create({
      model: MODEL,
      input: input as string[],
      ...(aerie && { aerie }),
      ...more,
    })) as Extended
  const agrees = (ours: readonly number[], tensor: string) => {
    const theirs = recorded.get(tensor)!
    assert.ok(theirs, tensor)
    assert.equal(ours.length, theirs.length, tensor)
    const error = relativeError(Float32Array.from(ours), theirs)
    assert.ok(error <= 1e-4, `${tensor}: ${error}`)
  }
  const refused = (promise: Promise<unknown>, code: string, param: string | null, text: RegExp) =>
    assert.rejects(promise, (error) => {
      assert.ok(error instanceof APIError, String(error))
      assert.deepEqual([error.code, error.param], [code, param])
      assert.match(error.message, text)
      return true
    })

  it('gives the summary of each picture, at its own size, as the published code computed it', async () => {
    const { data, usage, model } = await embed([LANDSCAPE, uri('tiny_20x9.png')])
    agrees(data[0]!.embedding, 'landscape_64x96.backbone.summary')
    agrees(data[1]!.embedding, 'tiny_20x9.backbone.summary')
    assert.deepEqual(
      data.map(({ index, object }) => [index, object]),
      [
        [0, 'embedding'],
        [1, 'embedding'],
      ],
    )
    // 4 × 6 patches and one.
    assert.deepEqual(usage, { prompt_tokens: 25, total_tokens: 25 })
    assert.equal(model, MODEL)
  })

  it('gives the same as numbers and as base64, for a string and for a part', async () => {
    const input = [{ type: 'image_url', image_url: { url: LANDSCAPE } }]
    const numbers = await embed(input, undefined, { encoding_format: 'float' })
    const unpacked = await embed(LANDSCAPE)
    assert.deepEqual(unpacked.data[0]!.embedding, numbers.data[0]!.embedding)
    assert.equal(numbers.aerie, undefined)
    const packed = await client.embeddings.create({
      ...{ model: MODEL, input: LANDSCAPE, encoding_format: 'base64' },
    })
    const text = packed.data[0]!.embedding as unknown as string
    const bytes = Buffer.from(text, 'base64')
    assert.equal(bytes.readFloatLE(4 * 7), numbers.data[0]!.embedding[7])
  })

  it('resizes to a size that was asked for as the published processor does', async () => {
    for (const size of ['preferred', { height: 64, width: 64 }]) {
      const { data } = await embed([uri('card_50x77.png')], { size })
      agrees(data[0]!.embedding, 'card_50x77.backbone.summary')
      const { seen, source, shape } = data[0]!.aerie!
      assert.deepEqual(seen, { height: 64, width: 64 })
      assert.deepEqual(source, { height: 50, width: 77 })
      assert.deepEqual(shape, [120])
    }
  })

  it("gives maps and what each adaptor says in its teacher's language, with their shapes", async () => {
    for (const [output, tensor, shape] of [
      ['features', 'backbone.features', [4, 6, 40]],
      ['clip', 'clip.summary', [28]],
      ['dino_v2.features', 'dino_v2.features', [4, 6, 24]],
      ['sam.features', 'sam.features', [8, 12, 12]],
    ] as const) {
      const answer = await embed([LANDSCAPE], { output })
      agrees(answer.data[0]!.embedding, `landscape_64x96.${tensor}`)
      assert.deepEqual(answer.data[0]!.aerie!.shape, shape)
      assert.equal(answer.aerie!.output, output)
    }
  })

  it('scales down what is larger than it may see', async () => {
    const circle = readFileSync(
      resolve(import.meta.dirname, '../../docs/pictures/red-circle-blue-square.png'),
      'base64',
    )
    const { data, usage } = await embed([`data:image/png;base64,${circle}`], {})
    const { seen } = data[0]!.aerie!
    const { height, width } = seen as { height: number; width: number }
    assert.equal(usage.prompt_tokens, (height * width) / 256)
    assert.ok(usage.prompt_tokens <= 64)
  })

  it('keeps what it computed, and a bounded number of sessions', async () => {
    const first = await embed([LANDSCAPE], { output: 'sam' })
    const again = await embed([LANDSCAPE], { output: 'sam' })
    assert.equal(first.data[0]!.aerie!.cached, false)
    assert.equal(again.data[0]!.aerie!.cached, true)
    assert.deepEqual(again.data[0]!.embedding, first.data[0]!.embedding)
    assert.equal(await metric(server.url, 'aerie_encoder_sessions'), 2)
    assert.equal(await metric(server.url, 'aerie_encoder_sessions_max'), 2)
    const loads = (await metric(server.url, 'aerie_encoder_session_loads_total'))!
    assert.equal(await metric(server.url, 'aerie_encoder_session_evictions_total'), loads - 2)
    assert.ok(loads >= 5)
  })

  it('refuses by name what it cannot do', async () => {
    const what = embed
    await refused(
      what('a cat'),
      'unsupported_parameter',
      'input',
      /embeds pictures and has no text/,
    )
    await refused(what([LANDSCAPE, 'cat']), 'unsupported_parameter', 'input[1]', /got a text$/)
    await refused(what([1, 2]), 'unsupported_parameter', 'input', /has no text side/)
    await refused(what([[1, 2]]), 'unsupported_parameter', 'input[0]', /has no text side/)
    const part = [{ type: 'text', text: 'a cat' }]
    await refused(what(part), 'unsupported_parameter', 'input[0].text', /has no text side/)
    const wrong = what([LANDSCAPE], { output: 'siglip' })
    await refused(wrong, 'invalid_request', 'aerie.output', /"summary", "features", "clip"/)
    const odd = what([LANDSCAPE], { size: { height: 50, width: 64 } })
    await refused(odd, 'invalid_request', 'aerie.size', /got 50×64; the nearest is 48×64/)
    const short = what([LANDSCAPE], undefined, { dimensions: 64 })
    await refused(short, 'unsupported_parameter', 'dimensions', /has 120 and was not trained/)
    const many = what(new Array(5).fill(LANDSCAPE))
    await refused(many, 'media_too_large', 'input[4]', /5 pictures, limit is 4/)
    const much = what(new Array(4).fill(LANDSCAPE), { output: 'sam.features' })
    await refused(much, 'invalid_request', 'input', /4608 numbers, limit is 4096/)
    await refused(
      what('data:image/png;base64,AAAA'),
      ...(['invalid_media', 'input', /^400 input: /] as const),
    )
    await refused(what([LANDSCAPE], { seize: 1 }), 'unknown_parameter', 'aerie.seize', /unknown/)
    await refused(
      client.embeddings.create({ model: 'text-embedding-3-small', input: 'x' }),
      ...(['model_not_found', 'model', /there is: checkpoint/] as const),
    )
    assert.equal((await what([LANDSCAPE], undefined, { dimensions: 120 })).data.length, 1)
  })

  it('ends at its deadline and lets others be', async () => {
    const late = embed([LANDSCAPE], { deadline_ms: 1, size: { height: 32, width: 48 } })
    await refused(late, 'deadline_exceeded', null, /within 1 ms/)
    assert.equal((await embed([LANDSCAPE])).data.length, 1)
  })

  it('leaves nothing behind when its client goes away', async () => {
    const abort = new AbortController()
    const size = { height: 80, width: 80 }
    const body = JSON.stringify({ model: MODEL, input: [LANDSCAPE], aerie: { size } })
    const headers = { 'content-type': 'application/json' }
    const { signal } = abort
    const asked = fetch(`${server.url}/v1/embeddings`, { method: 'POST', headers, body, signal })
    setTimeout(() => abort.abort(), 5)
    await asked
      .then((response) => response.text())
      .catch((error) => assert.equal(error.name, 'AbortError'))
    const until = performance.now() + 60_000
    for (const name of ['aerie_encoder_waiting', 'aerie_media_bytes_in_use']) {
      while ((await metric(server.url, name)) !== 0) {
        assert.ok(performance.now() < until, `${name} stays`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  })

  it('does not talk, and has no tokens to count', async () => {
    const messages = [{ role: 'user' as const, content: 'hello' }]
    const chat = client.chat.completions.create({ model: MODEL, messages })
    await refused(chat, 'unsupported_parameter', 'model', /embeds .*\/v1\/embeddings/)
    const body = { model: MODEL, prompt: 'hello' }
    const tokenize = client.post('/tokenize', { body })
    await refused(tokenize, 'unsupported_parameter', 'model', /embeds and does not answer/)
  })

  it('says of itself what it can do', async () => {
    const model = (await client.models.retrieve(MODEL)) as unknown as {
      aerie: Record<string, unknown>
    }
    const { aerie } = model
    assert.deepEqual(aerie['input_modalities'], ['image'])
    assert.deepEqual(aerie['output_modalities'], ['embedding'])
    assert.equal(aerie['prompt'], null)
    const { outputs, step } = aerie['embeddings'] as { outputs: object[]; step: number }
    assert.equal(step, 16)
    assert.deepEqual(outputs.at(-1), {
      ...{ name: 'sam.features', kind: 'features', channels: 12, upsampling: 2 },
    })
    const { cases } = aerie['parity'] as { cases: { case: string }[] }
    assert.ok(cases.some((one) => one.case === 'radio-v25-norm-adaptors'))
  })

  it('was sent nothing that openapi.yaml does not allow', async () => {
    await checked.verify()
    assert.ok(checked.checked >= 20)
  })
})
