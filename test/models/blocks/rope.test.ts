/** Stretched rotary embeddings against `ROPE_INIT_FUNCTIONS` of transformers 5.24.0, 16 channels, θ 10 000. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readRope } from '../../../models/blocks/rope.ts'
import { ConfigReader } from '../../../models/config-reader.ts'
import { assertClose } from '../../support/relative-error.ts'

const read = (rope_scaling: unknown) =>
  readRope(new ConfigReader({ max_position_embeddings: 256, rope_scaling }), 16)

/** kind and fields → frequencies over the plain ones, and magnitude */
const CASES: readonly [scaling: object, frequencies: readonly number[], magnitude: number][] = [
  [
    { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 64 },
    [1, 0.237170815, 0.05, 0.00790569466, 0.0025, 0.000790569466, 0.00025, 7.90569466e-5],
    1.138629436111989,
  ],
  [
    {
      type: 'yarn',
      factor: 8,
      original_max_position_embeddings: 64,
      beta_fast: 16,
      beta_slow: 2,
      truncate: false,
    },
    [1, 0.120533988, 0.0125, 0.00395284733, 0.00125, 0.000395284733, 0.000125, 3.95284733e-5],
    1.2079441541679836,
  ],
  [
    {
      rope_type: 'yarn',
      factor: 40,
      original_max_position_embeddings: 64,
      mscale: 0.8,
      mscale_all_dim: 1,
    },
    [1, 0.213453725, 0.0349999964, 0.000790569467, 0.00025, 7.90569466e-5, 2.5e-5, 7.90569447e-6],
    0.9461039968029624,
  ],
  [
    { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 64, attention_factor: 1.25 },
    [1, 0.237170815, 0.05, 0.00790569466, 0.0025, 0.000790569466, 0.00025, 7.90569466e-5],
    1.25,
  ],
  [
    {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 32,
    },
    [1, 0.0958399773, 0.0125, 0.00395284733, 0.00125, 0.000395284733, 0.000125, 3.95284733e-5],
    1,
  ],
  [
    { type: 'linear', factor: 2 },
    [0.5, 0.158113882, 0.05, 0.0158113893, 0.005, 0.00158113893, 0.0005, 0.000158113893],
    1,
  ],
]

describe('rotary frequencies', () => {
  for (const [scaling, frequencies, magnitude] of CASES) {
    it(`are those of transformers for ${JSON.stringify(scaling)}`, () => {
      const rope = read(scaling)
      const ratios = rope.inverseFrequencies.map((value, i) => value / frequencies[i]!)
      assertClose(
        ratios,
        ratios.map(() => 1),
        1e-6,
      )
      assertClose([rope.magnitude], [magnitude], 1e-12)
    })
  }

  it('are plain without scaling and with the default', () => {
    const plain = read(null)
    assert.deepEqual([plain.inverseFrequencies.length, plain.inverseFrequencies[4]], [8, 0.01])
    assert.deepEqual(read({ rope_type: 'default' }), plain)
  })

  it('of unknown kinds or without what they need are refused by the name of the field', () => {
    const refused: [scaling: object, message: RegExp][] = [
      [{ rope_type: 'longrope' }, /^rope_scaling\.rope_type: expected .*, got "longrope"$/],
      [{ type: 'dynamic', factor: 4 }, /^rope_scaling\.type: expected .*, got "dynamic"$/],
      [
        { rope_type: 'llama3', factor: 4 },
        /^rope_scaling\.low_freq_factor: expected a finite number/,
      ],
      [{ rope_type: 'yarn' }, /^rope_scaling\.factor: expected a finite number/],
    ]
    for (const [scaling, message] of refused) assert.throws(() => read(scaling), { message })
  })
})
