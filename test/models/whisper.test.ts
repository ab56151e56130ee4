/** The family `whisper`: every stage of transformers' own run of a small checkpoint, and configs that it refuses. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { NO_FACTS } from '../../models/family.ts'
import { nativeProgram } from '../../models/graph/native/lower.ts'
import { modelConfig } from '../../models/load-config.ts'
import { family, whisperDecoder, whisperEncoder } from '../../models/whisper.ts'
import { runStages, type Stages } from '../../src/engine/backends/graph-stages.ts'
import { type ModelFiles, openModelFiles } from '../../src/engine/backends/model-files.ts'
import { relativeError } from '../support/relative-error.ts'
import { EXPECTED, expectedTensor, saidMel, TINY_WHISPER } from '../support/speech-fixture.ts'

const TOLERANCE = 1e-4
const RAW: Record<string, unknown> = JSON.parse(
  readFileSync(join(TINY_WHISPER, 'config.json'), 'utf8'),
)
const GENERATION: Record<string, unknown> = JSON.parse(
  readFileSync(join(TINY_WHISPER, 'generation_config.json'), 'utf8'),
)
const FACTS = { ...NO_FACTS, files: new Map([['generation_config.json', GENERATION]]) }

/** Every `every`-th row of `[rows, width]`. */
function rowsOf(values: Float32Array, width: number, every: number): Float32Array {
  const rows = values.length / width
  return Float32Array.from({ length: Math.ceil(rows / every) * width }, (_, i) => {
    return values[Math.floor(i / width) * every * width + (i % width)]!
  })
}

for (const backend of ['onnx', 'reference']) {
  describe(`whisper on ${backend}, compared with transformers`, () => {
    let files: ModelFiles
    let encoder: Stages
    let decoder: Stages
    before(async () => {
      files = await openModelFiles(TINY_WHISPER)
      const mel = { data: saidMel(), dims: [1, 80, 3000] }
      encoder = await runStages(files, backend, files.graphs.encoder!, { mel })
      const steps = EXPECTED.prompt.length
      const places = Int32Array.from({ length: steps }, (_, i) => i)
      const cross = [...encoder]
        .filter(([name]) => name.startsWith('cross.'))
        .map(([name, data]) => [name, { data, dims: [1, 1500, 32] }] as const)
      decoder = await runStages(files, backend, files.graphs.decoder!, {
        tokens: { data: Int32Array.from(EXPECTED.prompt), dims: [1, steps] },
        positions: { data: places, dims: [1, steps] },
        wanted: { data: places, dims: [1, steps] },
        ...Object.fromEntries(cross),
      })
    })
    after(() => files.checkpoint.close())

    const encoded = ['conv1', 'conv2', 'encoder.layer0', 'features']
    for (const name of [...encoded, 'cross.0.key', 'cross.0.value', 'cross.1.key', 'cross.1.value'])
      it(`the encoder's ${name}`, () => {
        const expected = expectedTensor(`stage.${name}`)
        const error = relativeError(rowsOf(encoder.get(name)!, 32, 75), expected)
        assert.ok(error < TOLERANCE, `${error}`)
      })

    it('the weights of its cross-attention, by the heads that tell when words are said', async () => {
      const { heads, headDim } = files.speech!.alignment!
      const columns = (values: Float32Array, head: number) =>
        Float32Array.from({ length: (values.length / 32) * headDim }, (_, i) => {
          return values[Math.floor(i / headDim) * 32 + head * headDim + (i % headDim)]!
        })
      const found: number[] = []
      for (const { layer, head } of heads) {
        const steps = EXPECTED.prompt.length
        const weights = await runStages(files, backend, files.graphs.alignment!, {
          query: { data: columns(decoder.get(`query.${layer}`)!, head), dims: [steps, headDim] },
          keys: { data: columns(encoder.get(`cross.${layer}.key`)!, head), dims: [1500, headDim] },
        })
        found.push(...weights.get('weights')!.filter((_, i) => (i % 1500) % 15 === 0))
      }
      const error = relativeError(found, expectedTensor('alignment'))
      assert.ok(error < TOLERANCE, `${error}`)
    })

    for (const name of ['decoder.layer0', 'hidden', 'logits'])
      it(`the decoder's ${name}`, () => {
        const error = relativeError(decoder.get(name)!, expectedTensor(name))
        assert.ok(error < TOLERANCE, `${error}`)
      })
  })
}

describe('the family whisper', () => {
  const config = family.parseConfig(RAW, FACTS)

  it('has every tensor of the checkpoint in its graphs, and no other', async () => {
    const files = await openModelFiles(TINY_WHISPER)
    await files.checkpoint.close()
    assert.ok(files.tensors.size > 60)
  })

  it('reads tokens, languages and bounds from generation_config.json', () => {
    const { rules } = config
    assert.equal(rules.firstTimestamp, rules.noTimestamps + 1)
    assert.deepEqual(Object.keys(rules.multilingual!.languages), ['de', 'en', 'es', 'fr', 'zh'])
    assert.equal(rules.maxPositions, 96)
  })

  it('has an encoder that the native runtime can run, and a decoder that it cannot, with the reason', () => {
    assert.ok('program' in nativeProgram(whisperEncoder(config)))
    const lowered = nativeProgram(whisperDecoder(config))
    assert.ok('refusal' in lowered)
    assert.match(lowered.refusal, /cross|tokens/)
  })

  for (const [what, raw, generation, message] of [
    [
      'no generation_config.json',
      RAW,
      undefined,
      /generation_config\.json: expected .*, got no file/,
    ],
    [
      'no timestamps',
      RAW,
      { ...GENERATION, no_timestamps_token_id: undefined },
      /no_timestamps_token_id/,
    ],
    [
      'a language beyond the vocabulary',
      RAW,
      { ...GENERATION, lang_to_id: { '<|en|>': 5000 } },
      /lang_to_id: expected ids below 1813/,
    ],
    [
      'a language without a code',
      RAW,
      { ...GENERATION, lang_to_id: { english: 5 } },
      /lang_to_id: expected ids/,
    ],
    [
      'a suppressed token beyond the vocabulary',
      RAW,
      { ...GENERATION, suppress_tokens: [-1] },
      /suppress_tokens: expected a list/,
    ],
    [
      'a head that the decoder does not have',
      RAW,
      { ...GENERATION, alignment_heads: [[1, 4]] },
      /alignment_heads: expected a list of \[0, 0\] to \[1, 3\]/,
    ],
    [
      'half a head',
      RAW,
      { ...GENERATION, alignment_heads: [[1]] },
      /alignment_heads: expected a list/,
    ],
    [
      'a median of an even number',
      { ...RAW, median_filter_width: 6 },
      GENERATION,
      /median_filter_width: expected an odd number/,
    ],
    [
      'heads that do not divide the width',
      { ...RAW, decoder_attention_heads: 5 },
      GENERATION,
      /decoder_attention_heads: expected a divisor of 32/,
    ],
    [
      'another activation',
      { ...RAW, activation_function: 'relu' },
      GENERATION,
      /activation_function: expected "gelu"/,
    ],
  ] as const)
    it(`refuses ${what}, naming it`, () => {
      const files = new Map(
        generation === undefined ? [] : [['generation_config.json', generation]],
      )
      assert.throws(() => family.parseConfig(raw, { ...NO_FACTS, files }), message)
    })

  it('is found by its model_type', async () => {
    const model = await modelConfig(RAW, 'config.json', TINY_WHISPER)
    assert.equal(model.speech?.windowFrames, 3000)
    assert.equal(model.speech?.melBins, 80)
  })
})
