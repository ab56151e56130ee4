/** `/v1/embeddings` of CLIP and SigLIP: pictures and texts in one space, against the numbers that transformers recorded. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import OpenAI, { APIError } from 'openai'
import type { RunningServer } from '../../src/main.ts'
import { type CheckedFetch, createCheckedFetch } from '../support/checked-fetch.ts'
import { dualFixture } from '../support/dual-fixture.ts'
import { relativeError } from '../support/relative-error.ts'
import { metric, startTestServer } from '../support/server.ts'

type Extended = Omit<OpenAI.CreateEmbeddingResponse, 'data'> & {
  data: (OpenAI.Embedding & {
    aerie?: { shape: number[]; tokens?: number; patches?: number; cached: boolean }
  })[]
}

for (const name of ['clip', 'siglip'] as const) {
  describe(`/v1/embeddings of ${name}`, () => {
    const fixture = dualFixture(name)
    const model = `tiny-${name}`
    let server: RunningServer
    let client: OpenAI
    let checked: CheckedFetch
    before(async () => {
      server = await startTestServer({ model: fixture.folder })
      checked = await createCheckedFetch()
      client = new OpenAI({
        baseURL: `${server.url}/v1`,
        ...{ apiKey: 'none', maxRetries: 0, fetch: checked.fetch },
      })
    })
    after(() => server.close())

    const uri = (file: string) =>
      `data:image/png;base64,${readFileSync(join(fixture.folder, file), 'base64')}`
    const embed = async (input: unknown, more: object = {}) =>
      (await client.embeddings.create({
        model,
        input: input as string[],
        ...more,
      })) as unknown as Extended
    const rowsOf = (tensor: string, count: number) => {
      const values = fixture.expected(tensor)
      const width = values.length / count
      return Array.from({ length: count }, (_, i) => values.subarray(i * width, (i + 1) * width))
    }
    const texts = rowsOf('text_embeds', fixture.texts.length)
    const pictures = rowsOf('image_embeds', fixture.pictures.length)
    const agrees = (ours: readonly number[], theirs: Float32Array) => {
      assert.equal(ours.length, theirs.length)
      const error = relativeError(Float32Array.from(ours), theirs)
      assert.ok(error <= 1e-4, `${error}`)
    }
    const refused = (promise: Promise<unknown>, code: string, param: string, text: RegExp) =>
      assert.rejects(promise, (error) => {
        assert.ok(error instanceof APIError, String(error))
        assert.deepEqual([error.code, error.param], [code, param])
        assert.match(error.message, text)
        return true
      })

    it('embeds each text as the published code does, with its words written as they are', async () => {
      const { data, usage } = await embed(fixture.texts)
      for (const [i, { embedding }] of data.entries()) agrees(embedding, texts[i]!)
      const tokens = fixture.ids.reduce((sum, ids) => sum + ids.length, 0)
      assert.deepEqual(usage, { prompt_tokens: tokens, total_tokens: tokens })
    })

    it('embeds pictures and texts of one request in their order, all of length 1', async () => {
      const input = [
        fixture.texts[3],
        { type: 'image_url', image_url: { url: uri('tall.png') } },
        { type: 'text', text: fixture.texts[0] },
        uri('wide.png'),
      ]
      const { data, usage } = await embed(input, { aerie: {} })
      agrees(data[0]!.embedding, texts[3]!)
      agrees(data[1]!.embedding, pictures[1]!)
      agrees(data[2]!.embedding, texts[0]!)
      agrees(data[3]!.embedding, pictures[0]!)
      for (const { embedding } of data) assert.ok(Math.abs(Math.hypot(...embedding) - 1) < 1e-5)
      const tokens = fixture.ids[3]!.length + fixture.ids[0]!.length
      assert.equal(usage.prompt_tokens, tokens + 2 * 16)
      const notes = data.map(({ aerie }) => [aerie?.tokens, aerie?.patches])
      const read = (i: number) => [fixture.ids[i]!.length, undefined]
      assert.deepEqual(notes, [read(3), [undefined, 16], read(0), [undefined, 16]])
    })

    it('gives the same as base64, and knows a text that it has read', async () => {
      const text = 'two cats beside a circle'
      const [floats] = (await embed(text, { encoding_format: 'float', aerie: {} })).data
      const again = await embed([text], { encoding_format: 'float', aerie: {} })
      assert.deepEqual(again.data[0]!.embedding, floats!.embedding)
      assert.deepEqual([floats!.aerie!.cached, again.data[0]!.aerie!.cached], [false, true])
      const unpacked = await embed([text])
      assert.deepEqual(
        Array.from(Float32Array.from(floats!.embedding)),
        Array.from(Float32Array.from(unpacked.data[0]!.embedding)),
      )
      assert.ok(((await metric(server.url, 'aerie_encoder_cache_hits_total')) ?? 0) > 0)
    })

    it('embeds token ids as the text that they are of, alone or beside texts', async () => {
      const [one] = (await embed(fixture.ids[2])).data
      agrees(one!.embedding, texts[2]!)
      const { data, usage } = await embed([fixture.ids[1], fixture.texts[0], fixture.ids[0]])
      agrees(data[0]!.embedding, texts[1]!)
      assert.deepEqual(data[1]!.embedding, data[2]!.embedding, 'the text and its own ids')
      assert.equal(usage.prompt_tokens, fixture.ids[1]!.length + 2 * fixture.ids[0]!.length)
      // What another tokenizer made, and what lacks the end that the tower looks at.
      const end = fixture.ids[0]!.at(-1)
      const foreign = [fixture.ids[0], [5, 100_000, end]]
      await refused(embed(foreign), 'invalid_request', 'input[1][1]', /a token id below \d+, got 1/)
      const last = RegExp(`expected ${end} as the last, with which the tokenizer ends a text`)
      const cut = fixture.ids[0]!.slice(0, -1)
      await refused(embed(cut), 'invalid_request', `input[${cut.length - 1}]`, last)
      const long = [...Array(60).fill(5), end]
      await refused(embed([long]), 'context_length_exceeded', 'input[0]', /61 tokens long/)
    })

    it('takes a text that looks like a URL as a text, where it is a text part', async () => {
      const { data } = await embed([{ type: 'text', text: 'https://two.cats' }], { aerie: {} })
      assert.ok(data[0]!.aerie!.tokens! > 0)
    })

    it('gives the map of a picture’s patches, which texts do not have', async () => {
      const { data } = await embed([uri('wide.png')], { aerie: { output: 'features' } })
      const width = name === 'clip' ? 32 : 24
      assert.deepEqual(data[0]!.aerie!.shape, [4, 4, width])
      await refused(
        embed(['a cat'], { aerie: { output: 'features' } }),
        'invalid_request',
        'aerie.output',
        /expected "embedding"/,
      )
    })

    it('refuses what the towers do not take, by the field', async () => {
      const words = Array(60).fill('circle').join(' ')
      await refused(
        embed(['x', words]),
        'context_length_exceeded',
        'input[1]',
        /the text is \d+ tokens long, and the tower reads (40|32) tokens/,
      )
      await refused(
        embed('a'.repeat(200_000)),
        'context_length_exceeded',
        'input',
        /the text has 200000 characters/,
      )
      await refused(
        embed([uri('wide.png')], { aerie: { size: { height: 64, width: 64 } } }),
        'invalid_request',
        'aerie.size',
        /multiples of 32 up to 32/,
      )
      await refused(embed('cat', { dimensions: 8 }), 'unsupported_parameter', 'dimensions', /16|24/)
      // The server goes on.
      agrees((await embed(fixture.texts[0])).data[0]!.embedding, texts[0]!)
    })

    it('says in its document that texts are embedded, and how long they may be', async () => {
      const { aerie } = (await client.models.retrieve(model)) as unknown as {
        aerie: { input_modalities: string[]; embeddings: { text: object } }
      }
      assert.deepEqual(aerie.input_modalities, ['text', 'image'])
      const tokens = name === 'clip' ? 40 : 32
      assert.deepEqual(aerie.embeddings.text, { output: 'embedding', max_tokens: tokens })
    })
  })
}
