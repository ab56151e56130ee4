/** Stretched rotary embeddings against `ROPE_INIT_FUNCTIONS` of transformers 5.24.0, 16 channels, θ 10 000. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readRope } from '../../../models/blocks/rope.ts'
import { ConfigReader } from '../../../models/config-reader.ts'
import { assertClose } from '../../support/relative-error.ts'

const read = (rope_scaling: unknown) =>
  readRope(new ConfigReader({ max_position_embeddings: 256, rope_scaling }), 16)

const LONG = {
  short_factor: [1, 1.1, 1.25, 1.5, 2, 3, 5, 8],
  long_factor: Array(8).fill(9),
  original_max_position_embeddings: 64,
}

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
  ...[
    [{}, 1.1547005383792517],
    [{ attention_factor: 1.5 }, 1.5],
    [{ factor: 16 }, 1.2909944487358056],
  ].map(([change, magnitude]): (typeof CASES)[number] => [
    { type: 'longrope', ...LONG, ...(change as object) },
    [
      1, 0.287479758, 0.0799999982, 0.0210818499, 0.00499999989, 0.00105409266, 0.000199999995,
      3.95284733e-5,
    ],
    magnitude as number,
  ]),
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

  it('of LongRoPE hold for the original context, which Phi-3 says beside the factors or above them', () => {
    assert.equal(read({ type: 'su', ...LONG }).longestSequence, 64)
    const { original_max_position_embeddings: _, ...factors } = LONG
    const phi3 = { max_position_embeddings: 256, original_max_position_embeddings: 32 }
    const rope = readRope(
      new ConfigReader({ ...phi3, rope_scaling: { type: 'su', ...factors } }),
      16,
    )
    assert.equal(rope.longestSequence, 32)
    assert.equal(rope.magnitude, Math.sqrt(1 + Math.log(8) / Math.log(32)))
  })

  it('of unknown kinds or without what they need are refused by the name of the field', () => {
    const refused: [scaling: object, message: RegExp][] = [
      [
        { rope_type: 'longrope', short_factor: [1, 2], long_factor: [1, 2] },
        /^rope_scaling\.short_factor: expected 8 numbers above 0, got \[1,2\]$/,
      ],
      [
        { type: 'su', ...LONG, short_mscale: 1.2 },
        /^rope_scaling\.short_mscale: expected none, got 1.2$/,
      ],
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
