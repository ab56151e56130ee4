/** Attention among the tokens of pictures: exact, and the same bits beside other pictures and on any number of threads. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { attention } from '../../src/engine/backends/reference/attention.ts'
import { tensor } from '../../src/engine/backends/reference/tensor.ts'
import { compute, isas, NO_ADDON, numbers, sameBits } from '../support/native-programs.ts'
import { assertClose } from '../support/relative-error.ts'

interface Sizes {
  readonly batch: number
  readonly queries: number
  readonly keys: number
  readonly heads: number
  readonly headDim: number
}

const CASES: readonly Sizes[] = [
  { batch: 1, queries: 1, keys: 1, heads: 1, headDim: 1 },
  { batch: 2, queries: 50, keys: 50, heads: 3, headDim: 64 },
  // SigLIP's heads: 72 channels are no whole number of the widest vectors.
  { batch: 1, queries: 300, keys: 300, heads: 2, headDim: 72 },
  { batch: 2, queries: 7, keys: 1030, heads: 2, headDim: 20 },
  { batch: 3, queries: 65, keys: 17, heads: 5, headDim: 8 },
]

function operands({ batch, queries, keys, heads, headDim }: Sizes) {
  const width = heads * headDim
  const make = (seed: number, tokens: number) => ({
    shape: [batch, tokens, width],
    data: numbers(seed, batch * tokens * width),
  })
  return [make(1, queries), make(2, keys), make(3, keys)]
}

describe('attention of the native runtime', { skip: NO_ADDON }, () => {
  for (const sizes of CASES) {
    const { heads, headDim } = sizes
    const attributes = { heads, scale: headDim ** -0.5 }
    it(`is exact: ${JSON.stringify(sizes)}`, () => {
      const inputs = operands(sizes)
      const [q, k, v] = inputs.map(({ shape, data }) => tensor(shape, Float64Array.from(data)))
      const expected = attention(q!, k!, v!, attributes).data
      for (const isa of isas()) {
        const instruction = { op: 'attention', ...attributes }
        const got = compute(isa, instruction, inputs, inputs[0]!.shape)
        assertClose(got, expected, 2e-6, isa)
        for (const threads of [1, 3])
          assert.ok(sameBits(compute(isa, instruction, inputs, inputs[0]!.shape, threads), got))
      }
    })
  }

  it('gives a picture the same bits beside others', () => {
    const sizes = { batch: 3, queries: 100, keys: 100, heads: 2, headDim: 72 }
    const inputs = operands(sizes)
    const instruction = { op: 'attention', heads: 2, scale: 0.1 }
    const one = inputs.map(({ data }) => ({
      shape: [1, 100, 144],
      data: data.subarray(14_400, 2 * 14_400),
    }))
    for (const isa of isas()) {
      const all = compute(isa, instruction, inputs, [3, 100, 144])
      const alone = compute(isa, instruction, one, [1, 100, 144])
      assert.ok(sameBits(alone, all.subarray(14_400, 2 * 14_400)))
    }
  })
})
