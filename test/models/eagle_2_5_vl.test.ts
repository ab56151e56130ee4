/** Eagle 2.5 served: the published processor's prompts and tiles, its answers, and what its config may not say. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { family } from '../../models/eagle_2_5_vl.ts'
import type { FolderFacts } from '../../models/family.ts'
import type { ChatEvent, ContentPart } from '../../src/chat/contract.ts'
import { readConfig } from '../../src/config.ts'
import { type OpenModel, openModel } from '../../src/main.ts'
import { recordedCase } from '../support/recorded-cases.ts'

/** Small enough to be kept here, and one with larger pictures and more tiles. */
const SMALL = recordedCase('eagle2/eagle2.5-variant-select-layer')
const LARGER = recordedCase('eagle2/eagle2-siglip')
const CHECKPOINT = join(SMALL.folder, 'checkpoint')
const readJson = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8'))
const text = (words: string): ContentPart => ({ type: 'text', text: words, param: 'question' })

for (const { one, question, tiles, several, ...recorded } of [
  { ...SMALL, one: 'a.png', question: 'What is it?', tiles: 5, several: ['a.png', 5, 'a.png', 5] },
  {
    ...LARGER,
    ...{ one: 'landscape.png', question: 'Describe this image.', tiles: 11 },
    several: ['portrait.png', 9, 'tiny.png', 13],
  },
] as const) {
  const { folder, skip } = recorded
  describe(`Eagle 2.5 with pictures of up to ${tiles} tiles`, { skip }, () => {
    let model: OpenModel
    before(async () => {
      model = await openModel(await readConfig({ model: join(folder, 'checkpoint') }, undefined))
    })
    after(async () => await model.close())

    const image = (file: string, detail: 'auto' | 'low' = 'auto'): ContentPart => ({
      type: 'image',
      url: `data:image/png;base64,${readFileSync(join(folder, 'inputs', file), 'base64')}`,
      detail,
      param: file,
    })

    async function answer(content: ContentPart[]): Promise<{ text: string; events: ChatEvent[] }> {
      const changes = { requestId: 'test', maxTokens: 10, explain: true }
      const events: ChatEvent[] = []
      for await (const event of model.ask(content, changes, new AbortController().signal))
        events.push(event)
      const said = events.flatMap((event) => (event.type === 'text-delta' ? [event.text] : []))
      return { text: said.join(''), events }
    }

    /** Tiles of each picture, as the answer explains them. */
    const tilesOf = (events: ChatEvent[]) =>
      events.flatMap((event) =>
        event.type === 'explain' ? event.images.map((seen) => seen.tiles) : [],
      )

    it('answers about a picture in that many with the very words of the published code', async () => {
      const { prompts } = readJson(folder, 'expected.json') as {
        prompts: { name: string; greedy_text: string[] }[]
      }
      const said = await answer([image(one), text(question)])
      assert.equal(said.text, prompts.find(({ name }) => name === 'single_image')!.greedy_text[0])
      assert.deepEqual(tilesOf(said.events), [tiles])
    })

    it('cuts each of several pictures by itself, and one tile of each that is looked at closely no more', async () => {
      const [first, ofFirst, second, ofSecond] = several
      const words = text('Which is larger?')
      const both = await answer([image(first), image(second), words])
      assert.deepEqual(tilesOf(both.events), [ofFirst, ofSecond])
      const low = await answer([image(first, 'low'), image(second), words])
      assert.deepEqual(tilesOf(low.events), [1, ofSecond])
      assert.notEqual(low.text, '')
    })
  })
}

describe("Eagle 2.5's config", () => {
  const config = readJson(CHECKPOINT, 'config.json')
  const preprocessor = readJson(CHECKPOINT, 'preprocessor_config.json')
  const facts = (files: Readonly<Record<string, unknown>>): FolderFacts => ({
    files: new Map(Object.entries(files)),
    tensorShapes: new Map(),
  })
  const parse = (changes: object, files: Readonly<Record<string, unknown>> = {}) =>
    family.parseConfig({ ...config, ...changes }, facts(files))
  const tilingOf = (changes: object, files: Readonly<Record<string, unknown>> = {}) =>
    family.imagePreprocessing!(parse(changes, files)).tiling

  it("takes the tile limits of the processor's file, and config.json's only where there is none", () => {
    const changes = { max_dynamic_tiles: 5, use_thumbnail: false }
    const rule = { rule: 'saturated-area', onlyAlone: false, minTiles: 1 }
    const file = { 'preprocessor_config.json': { ...preprocessor, max_dynamic_tiles: 7 } }
    assert.deepEqual(tilingOf(changes, file), { ...rule, maxTiles: 7, thumbnail: true })
    assert.deepEqual(tilingOf(changes), { ...rule, maxTiles: 5, thumbnail: false })
    const silent = { 'preprocessor_config.json': {} }
    assert.deepEqual(tilingOf(changes, silent), { ...rule, maxTiles: 12, thumbnail: true })
  })

  it('reads every kind of decoder that the published class takes', () => {
    const text_config = config.text_config
    for (const model_type of ['llama', 'phi3', 'qwen2', 'qwen3']) {
      // Phi-3 takes any window that is there.
      const changed = { ...text_config, model_type, sliding_window: null }
      const { decoder } = family.graphs(parse({ text_config: changed }))
      const names = decoder!.weights.map(({ name }) => name)
      assert.equal(
        names.some((name) => name.endsWith('layers.0.self_attn.qkv_proj.weight')),
        model_type === 'phi3',
      )
      assert.equal(
        names.some((name) => name.endsWith('layers.0.self_attn.q_norm.weight')),
        model_type === 'qwen3',
      )
    }
  })

  it('joins squares of any size that divides the grid, or none', () => {
    const widths = (changes: object) => {
      const parsed = parse(changes)
      const { shape } = family
        .graphs(parsed)
        .encoder!.weights.find(({ name }) => name === 'mlp1.0.weight')!
      return [shape.at(-1), family.limits(parsed).tokensPerTile]
    }
    assert.deepEqual(widths({}), [4 * 24, 9])
    assert.deepEqual(widths({ downsample_ratio: 1 / 3 }), [9 * 24, 4])
    assert.deepEqual(widths({ downsample_ratio: 1 }), [24, 36])
    assert.deepEqual(widths({ mlp_connector_layers: 1 }), [4 * 24, 9])
    assert.deepEqual(widths({ mlp_connector_layers: 1, use_pixel_shuffle: false }), [24, 36])
  })

  it('runs as many layers of the tower as the selected state needs', () => {
    const lastOf = (select_layer: number) => {
      const { encoder } = family.graphs(parse({ select_layer }))
      return encoder!.weights.filter(({ name }) => /layers\.\d+\.layer_norm1\.weight$/.test(name))
        .length
    }
    assert.deepEqual([-1, -2, 3, 1, 0, -4].map(lastOf), [3, 2, 3, 1, 0, 0])
    const normed = (select_layer: number) =>
      family
        .graphs(parse({ select_layer }))
        .encoder!.weights.some(({ name }) => name.includes('post_layernorm'))
    assert.deepEqual([-1, 3, -2].map(normed), [true, false, false])
  })

  it('refuses what the published code could not read either, or we do not, by the name of the key', () => {
    const inText = (changes: object) => ({ text_config: { ...config.text_config, ...changes } })
    const inTower = (changes: object) => ({
      vision_config: { ...config.vision_config, ...changes },
    })
    const inFile = (changes: object) => ({
      'preprocessor_config.json': { ...preprocessor, ...changes },
    })
    const refused: [changes: object, files: object, message: RegExp][] = [
      [
        { select_layer: -5 },
        {},
        /^select_layer: expected one of the 4 states of the tower, got -5$/,
      ],
      [{ select_layer: 1.5 }, {}, /^select_layer: /],
      [{ downsample_ratio: 0.4 }, {}, /^downsample_ratio: expected one over a divisor .* of 6/],
      [{ mlp_connector_layers: 3 }, {}, /^mlp_connector_layers: expected 1 or 2, got 3$/],
      [{ use_pixel_shuffle: false }, {}, /^use_pixel_shuffle: expected true, unless/],
      [
        { force_image_size: 448 },
        {},
        /^force_image_size: expected 24, as in vision_config, got 448/,
      ],
      [{ use_llm_lora: 16 }, {}, /^use_llm_lora: expected 0, got 16$/],
      [
        { tie_word_embeddings: true },
        {},
        /^tie_word_embeddings: expected false, as in text_config/,
      ],
      [
        { max_dynamic_tiles: 5000 },
        {},
        /^max_dynamic_tiles: expected at most 100 tiles, got 5000$/,
      ],
      [inText({ model_type: 'gemma2' }), {}, /^text_config\.model_type: expected "llama" or/],
      [inTower({ model_type: 'radio' }), {}, /^vision_config\.model_type: expected "siglip_vision/],
      [{}, inFile({ pad_during_tiling: true }), /^preprocessor_config\.json\.pad_during_tiling: /],
      [{}, inFile({ size: { height: 32, width: 32 } }), /json\.size\.height: expected 24, got 32$/],
      [{}, inFile({ resample: 0 }), /json\.resample: expected 2 or 3, got 0$/],
      [{}, inFile({ image_std: [0.5, 0, 0.5] }), /json\.image_std: expected three positive/],
      [{}, { 'processor_config.json': { tokens_per_tile: 256 } }, /tokens_per_tile: expected 9/],
    ]
    for (const [changes, files, message] of refused)
      assert.throws(() => parse(changes, files as Record<string, unknown>), { message })
  })
})
