/** The starter family against what its PyTorch model computed, stage by stage, on every backend. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { family } from '../../models/aerie_starter.ts'
import type { FamilyGraphs } from '../../models/family.ts'
import type { Backend, Segment } from '../../src/engine/backend.ts'
import { createBackend } from '../../src/engine/backends/create.ts'
import { runEncoderStages } from '../../src/engine/backends/graph-stages.ts'
import { openModelFiles } from '../../src/engine/backends/model-files.ts'
import { skipOf, TESTED_BACKENDS } from '../support/backends.ts'
import { argmax, assertClose } from '../support/relative-error.ts'
import {
  readRecordedCase,
  STARTER_CHECKPOINT,
  starterConfig,
} from '../support/starter-checkpoint.ts'

const TOLERANCE = 1e-4
const BOS = 1
const OPTIONS = { threads: 1, kvCacheBytes: 4 << 20, kvBlockSize: 16 }
const ENCODER_STAGES = ['vit_tokens', 'convnext_tokens', 'fused', 'projected', 'placed']

const recorded = await readRecordedCase()
const stage = (name: string) => recorded.stages.get(name)!

for (const name of TESTED_BACKENDS) {
  describe(`aerie_starter on ${name}`, { skip: skipOf(name) }, () => {
    it('agrees with PyTorch on every stage of the encoder', async () => {
      const files = await openModelFiles(STARTER_CHECKPOINT)
      await using _checkpoint = files.checkpoint
      const stages = await runEncoderStages(files, name, stage('pixels'))
      for (const stageName of ENCODER_STAGES)
        assertClose(stages.get(stageName)!, stage(stageName), TOLERANCE, stageName)
    })

    it('gives the features of the last stage through its session', async () => {
      const encoder = await (await createBackend(name)).loadEncoder(STARTER_CHECKPOINT, OPTIONS)
      assertClose(await encoder.encode(stage('pixels'), 1), stage('placed'), TOLERANCE)
      await encoder.dispose()
    })

    it('agrees with PyTorch on the logits of every text position', async () => {
      const session = await (await createBackend(name)).loadDecoder(STARTER_CHECKPOINT, OPTIONS)
      const [first, ...rest] = recorded.textIds
      const inputs = [[...picture(), tokens(first!)], ...rest.map((id) => [tokens(id)])]
      for (const [i, input] of inputs.entries()) {
        const [result] = await session.step([{ sequence: 0, input, want: 'logits' }])
        const size = session.vocabSize
        assertClose(
          result!.values!,
          stage('logits').subarray(i * size, (i + 1) * size),
          TOLERANCE,
          `position ${i}`,
        )
      }
      await session.dispose()
    })

    it('continues greedily with the same ids', async () => {
      const prompt = [...picture(), tokens(...recorded.textIds)]
      const ids = await greedy(await createBackend(name), prompt, recorded.generatedIds.length)
      assert.deepEqual(ids, recorded.generatedIds)
    })
  })
}

describe('aerie_starter', () => {
  it('states its limits and its preprocessing', () => {
    const config = family.parseConfig(starterConfig())
    assert.deepEqual(family.limits(config), {
      vocabSize: 320,
      hiddenSize: 64,
      maxContext: 2048,
      tokensPerTile: 100,
      maxImages: 15,
    })
    assert.deepEqual(family.imagePreprocessing?.(config), {
      mode: 'pad',
      size: 160,
      padColor: [122, 116, 104],
      resample: 'bicubic',
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
    })
    assert.equal(family.imageToken?.(config, 1), '<image>')
  })

  it('has as many features a tile as it says', () => {
    const config = family.parseConfig(starterConfig())
    const { tokensPerTile, hiddenSize } = family.limits(config)
    const [features] = encoderOf(family.graphs(config)).outputs
    assert.deepEqual(features?.value.shape, ['tiles', tokensPerTile, hiddenSize])
  })

  it('refuses a config that cannot be built, naming the field', () => {
    const refused: [change: (config: Raw) => void, message: RegExp][] = [
      [
        (c) => delete c['image_size'],
        /^image_size: expected an integer from 1 to 16777216, got nothing$/,
      ],
      [
        (c) => set(c, 'image_aspect_ratio', 'square'),
        /^image_aspect_ratio: expected "pad", got "square"$/,
      ],
      [(c) => set(c, 'vision_towers', []), /^vision_towers: expected two towers, got \[\]$/],
      [
        (c) => set(tower(c, 0), 'num_attention_heads', 3),
        /^vision_towers\[0\].num_attention_heads: expected a divisor of 32, got 3$/,
      ],
      [
        (c) => set(tower(c, 0), 'image_size', 81),
        /^vision_towers\[0\].image_size: expected a divisor of 160, got 81$/,
      ],
      [
        (c) => set(tower(c, 0), 'patch_size', 16),
        /^tokens_per_image: expected the square of the ViT's grid, got 100$/,
      ],
      [
        (c) => set(tower(c, 1), 'kernel_size', 4),
        /^vision_towers\[1\].kernel_size: expected an odd number, got 4$/,
      ],
      [
        (c) => set(tower(c, 1), 'depths', [1]),
        /^vision_towers\[1\].depths: expected 3 numbers, as in hidden_sizes, got \[1\]$/,
      ],
      [
        (c) => set(tower(c, 1), 'patch_size', 8),
        /^tokens_per_image: expected the square of the ConvNeXt's grid, got 100$/,
      ],
      [
        (c) => set(text(c), 'num_key_value_heads', 3),
        /^text_config.num_key_value_heads: expected a divisor of 4 attention heads, got 3$/,
      ],
      [
        (c) => set(text(c), 'head_dim', 15),
        /^text_config.head_dim: expected an even number, got 15$/,
      ],
      [
        (c) => set(text(c), 'hidden_act', 'relu'),
        /^text_config.hidden_act: expected "silu", got "relu"$/,
      ],
    ]
    for (const [change, message] of refused) {
      const config = starterConfig()
      change(config)
      assert.throws(() => family.parseConfig(config), { message })
    }
  })
})

type Raw = Record<string, unknown>

function set(raw: Raw, key: string, value: unknown): void {
  raw[key] = value
}

function tower(config: Raw, index: number): Raw {
  return (config['vision_towers'] as Raw[])[index]!
}

function text(config: Raw): Raw {
  return config['text_config'] as Raw
}

function encoderOf({ encoder }: FamilyGraphs) {
  assert.ok(encoder)
  return encoder
}

function picture(): Segment[] {
  return [tokens(BOS), { kind: 'embeddings', data: stage('placed'), rows: 100 }]
}

function tokens(...ids: number[]): Segment {
  return { kind: 'tokens', ids: Int32Array.from(ids) }
}

async function greedy(
  backend: Backend,
  prompt: readonly Segment[],
  count: number,
): Promise<number[]> {
  const session = await backend.loadDecoder(STARTER_CHECKPOINT, OPTIONS)
  const ids: number[] = []
  let input = prompt
  while (ids.length < count) {
    const [result] = await session.step([{ sequence: 0, input, want: 'logits' }])
    ids.push(argmax(result!.values!))
    input = [tokens(ids.at(-1)!)]
  }
  await session.dispose()
  return ids
}
