/** The starter's ears against what its PyTorch model computed, stage by stage, on every backend. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { family } from '../../models/aerie_starter.ts'
import { nativeProgram } from '../../models/graph/native/lower.ts'
import { soundTokens } from '../../models/sound/sound-tokens.ts'
import type { Segment } from '../../src/engine/backend.ts'
import { createBackend } from '../../src/engine/backends/create.ts'
import { encodeSounds } from '../../src/engine/encode-sounds.ts'
import { compareFacts, compareStages } from '../../src/parity/compare.ts'
import { readCase } from '../../src/parity/reference-case.ts'
import { starterHearingAdapter } from '../../src/parity/starter-hearing-adapter.ts'
import { skipOf, TESTED_BACKENDS } from '../support/backends.ts'
import { FIXTURES } from '../support/recorded-cases.ts'
import { argmax, assertClose } from '../support/relative-error.ts'
import { readSafetensors } from '../support/safetensors-file.ts'

const CASE = join(FIXTURES, 'starter-hearing')
const CHECKPOINT = join(CASE, 'checkpoint')
const OPTIONS = { threads: 1, kvCacheBytes: 4 << 20, kvBlockSize: 16 }
const recorded: { text_ids: number[]; generated_ids: number[]; sound_tokens: number } = JSON.parse(
  readFileSync(join(CASE, 'expected.json'), 'utf8'),
)
const stages = readSafetensors(join(CASE, 'expected.safetensors'))
const configOf = (): Record<string, unknown> =>
  JSON.parse(readFileSync(join(CHECKPOINT, 'config.json'), 'utf8'))
const tokens = (...ids: number[]): Segment => ({ kind: 'tokens', ids: Int32Array.from(ids) })

for (const name of TESTED_BACKENDS) {
  describe(`the starter's ears on ${name}`, { skip: skipOf(name) }, () => {
    it('agree with PyTorch on log-mel, every stage of the tower, and the logits behind the sound', async () => {
      const reference = await readCase(CASE)
      assert.ok(starterHearingAdapter.accepts(reference))
      const run = await starterHearingAdapter.run(reference, name)
      const results = [
        ...compareStages(reference, run.tensors, run.leftOut),
        ...compareFacts(run.facts ?? []),
      ]
      assert.equal(results.length, stages.size + 1)
      for (const { name: stage, verdict, relative = 0 } of results) {
        assert.match(verdict, /equal|close/, stage)
        assert.ok(relative < 1e-4, `${stage}: ${relative}`)
      }
    })

    it('give their features through the session, whatever else is in the run, and the same answer', async () => {
      const backend = await createBackend(name)
      const encoder = await backend.loadEncoder(CHECKPOINT, OPTIONS)
      const mel = stages.get('mel')!
      const first = mel.slice(0, mel.length / 3)
      const sounds = [
        { mel: first, windows: 1 },
        { mel: mel.slice(), windows: 3 },
      ]
      const { features, runs } = await encodeSounds(encoder, sounds, 3)
      await encoder.dispose()
      assert.equal(runs, 2)
      assertClose(features[1]!, stages.get('placed')!, 1e-4)
      assertClose(features[0]!, stages.get('placed')!.subarray(0, features[0]!.length), 1e-4)

      const decoder = await backend.loadDecoder(CHECKPOINT, OPTIONS)
      const rows = recorded.sound_tokens
      const data = features[1]!.slice(0, rows * decoder.hiddenSize)
      let input: Segment[] = [
        tokens(1),
        { kind: 'embeddings', data, rows },
        tokens(...recorded.text_ids),
      ]
      const ids: number[] = []
      while (ids.length < recorded.generated_ids.length) {
        const [result] = await decoder.step([{ sequence: 0, input, want: 'logits' }])
        ids.push(argmax(result!.values!))
        input = [tokens(ids.at(-1)!)]
      }
      await decoder.dispose()
      assert.deepEqual(ids, recorded.generated_ids)
    })
  })
}

describe('a starter with ears', () => {
  it('says how it hears', () => {
    assert.deepEqual(family.hearing?.(family.parseConfig(configOf())), {
      ...{ melBins: 80, windowFrames: 64, maxWindows: 4, tokensPerWindow: 8, framesPerToken: 8 },
      audioToken: '<|audio|>',
    })
  })

  it('has none without an audio_tower', () => {
    const { audio_tower: _ears, ...deaf } = configOf()
    const config = family.parseConfig(deaf)
    assert.equal(family.hearing?.(config), undefined)
    assert.equal(family.graphs(config).soundEncoder, undefined)
  })

  it('has a tower that the native runtime can run', () => {
    const { soundEncoder } = family.graphs(family.parseConfig(configOf()))
    assert.ok(!('refusal' in nativeProgram(soundEncoder!)))
  })

  for (const [field, value, message] of [
    ['window_frames', 60, /^audio_tower\.window_frames: expected a multiple of 8, twice the pool/],
    [
      'num_attention_heads',
      3,
      /^audio_tower\.num_attention_heads: expected a divisor of 32, got 3/,
    ],
    ['type', 'clap', /^audio_tower\.type: expected "whisper_encoder", got "clap"/],
    ['max_windows', 0, /^audio_tower\.max_windows: expected an integer from 1/],
  ] as const)
    it(`refuses ${field} ${value}, naming it`, () => {
      const config = configOf()
      const tower = config['audio_tower'] as object
      const changed = { ...config, audio_tower: { ...tower, [field]: value } }
      assert.throws(() => family.parseConfig(changed), { message })
    })
})

describe('the positions of a sound', () => {
  const ears = { windowFrames: 64, framesPerToken: 8, tokensPerWindow: 8 }
  for (const [frames, positions] of [
    [1, 1],
    [8, 1],
    [9, 2],
    [64, 8],
    [65, 9],
    [130, 17],
    [256, 32],
  ] as const)
    it(`of ${frames} frames are ${positions}`, () => {
      assert.equal(soundTokens(ears, frames), positions)
    })
})
