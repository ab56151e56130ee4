/** Attention over paged blocks: exact, and the same bits however a sequence comes and whatever is beside it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  AttentionLayer,
  cut,
  type LayerOptions,
  type Part,
} from '../support/native-decoder-layer.ts'
import { addon, isas, joined, NO_ADDON, numbers, sameBits } from '../support/native-programs.ts'
import { assertClose } from '../support/relative-error.ts'

type Sizes = Pick<LayerOptions, 'heads' | 'kvHeads' | 'headDim'>

function sequence(seed: number, length: number, { heads, kvHeads, headDim }: Sizes): Part {
  return {
    sequence: seed,
    q: numbers(3 * seed, length * heads * headDim),
    k: numbers(3 * seed + 1, length * kvHeads * headDim),
    v: numbers(3 * seed + 2, length * kvHeads * headDim),
  }
}

/** Plain attention in 64-bit floats over `keys` and `values`, which may be rounded beforehand. */
function exactAttention(whole: Part, options: Omit<LayerOptions, 'isa'>): Float64Array {
  const { heads, kvHeads, headDim, window, softCap, sinks } = options
  const { q, k, v } = whole
  const length = q.length / heads / headDim
  const y = new Float64Array(q.length)
  for (let position = 0; position < length; position++) {
    const first = window === undefined ? 0 : Math.max(0, position + 1 - window)
    for (let head = 0; head < heads; head++) {
      const kvHead = Math.floor(head / (heads / kvHeads))
      const at = (position * heads + head) * headDim
      const scores: number[] = []
      for (let key = first; key <= position; key++) {
        let score = 0
        for (let i = 0; i < headDim; i++)
          score += q[at + i]! * k[(key * kvHeads + kvHead) * headDim + i]!
        score *= headDim ** -0.5
        scores.push(softCap === undefined ? score : softCap * Math.tanh(score / softCap))
      }
      const largest = Math.max(...scores, sinks?.[head] ?? Number.NEGATIVE_INFINITY)
      const weights = scores.map((score) => Math.exp(score - largest))
      const sum =
        weights.reduce((total, weight) => total + weight, 0) +
        (sinks ? Math.exp(sinks[head]! - largest) : 0)
      for (const [i, weight] of weights.entries())
        for (let d = 0; d < headDim; d++)
          y[at + d]! += (weight / sum) * v[((first + i) * kvHeads + kvHead) * headDim + d]!
    }
  }
  return y
}

/** Rows of `width` as a cache of that type holds them. */
function rounded(data: Float32Array, width: number, type: LayerOptions['type']): Float32Array {
  if (type === 'f32' || type === undefined) return data
  const result = data.slice()
  for (let row = 0; row < data.length; row += width) {
    const largest = data
      .subarray(row, row + width)
      .reduce((most, v) => Math.max(most, Math.abs(v)), 0)
    for (let i = row; i < row + width; i++)
      result[i] =
        type === 'f16' ? half(data[i]!) : (Math.round((data[i]! / largest) * 127) * largest) / 127
  }
  return result
}

/** To the 11 bits of a half; numbers here are neither tiny nor huge. */
function half(value: number): number {
  if (value === 0) return 0
  const step = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(value)))) - 10)
  const low = Math.floor(value / step) * step
  const rest = (value - low) / step
  return rest > 0.5 || (rest === 0.5 && (low / step) % 2 !== 0) ? low + step : low
}

const GROUPED: Sizes = { heads: 6, kvHeads: 2, headDim: 64 }
const PLAIN: Sizes = { heads: 3, kvHeads: 3, headDim: 40 }

const CASES: Readonly<Record<string, Omit<LayerOptions, 'isa'>>> = {
  'grouped heads': GROUPED,
  'a head of 40 channels': PLAIN,
  'a head of 256 channels': { heads: 2, kvHeads: 1, headDim: 256 },
  'more than 64 heads of one group': { heads: 70, kvHeads: 1, headDim: 16 },
  'one channel': { heads: 2, kvHeads: 2, headDim: 1 },
  'a window of 100': { ...GROUPED, window: 100 },
  'a window of 1': { ...PLAIN, window: 1 },
  'a soft cap': { ...GROUPED, softCap: 2 },
  sinks: { ...PLAIN, sinks: new Float32Array([-1, 0, 4]) },
  'blocks of 4 positions': { ...PLAIN, blockSize: 4 },
  'blocks of 48 positions': { ...PLAIN, blockSize: 48 },
  'blocks of 100 positions of halves': { ...PLAIN, blockSize: 100, type: 'f16' },
  halves: { ...GROUPED, type: 'f16' },
  'numbers of 8 bits': { ...GROUPED, type: 'int8' },
  'numbers of 8 bits in blocks of 5': { ...PLAIN, blockSize: 5, type: 'int8' },
}

describe('kvAttention of the native runtime', { skip: NO_ADDON }, () => {
  for (const [name, options] of Object.entries(CASES)) {
    it(`is exact: ${name}`, () => {
      for (const length of [1, 17, 530]) {
        const whole = sequence(length, length, options)
        const { headDim, type } = options
        const expected = exactAttention(
          { ...whole, k: rounded(whole.k, headDim, type), v: rounded(whole.v, headDim, type) },
          options,
        )
        for (const isa of isas()) {
          const [got] = new AttentionLayer({ ...options, isa }).run([whole])
          // A rounding to 8 bits may fall to the other side of a tie.
          assertClose(got!, expected, type === 'int8' ? 2e-3 : 2e-6, `${length} positions, ${isa},`)
        }
      }
    })
  }

  for (const isa of isas()) {
    for (const options of [
      GROUPED,
      { ...PLAIN, window: 70 },
      { ...GROUPED, type: 'int8' },
      { ...PLAIN, type: 'f16', blockSize: 4 },
    ] as const) {
      const label = JSON.stringify(options)
      it(`gives the same bits in any pieces, beside anything, on any number of threads: ${label}, ${isa}`, () => {
        const length = 1100
        const whole = sequence(7, length, options)
        const [expected] = new AttentionLayer({ ...options, isa, threads: 1 }).run([whole])
        for (const threads of [1, 2, 3]) {
          const layer = new AttentionLayer({ ...options, isa, threads })
          const lengths = [1, 30, 500, 2, 1, 64, 1, 1, 400, 98, 1, 1]
          const parts = cut(whole, lengths, length)
          const results = parts.map((part, i) => {
            const beside = i % 2 ? [sequence(100 + i, 37 * i, options)] : []
            const behind = i % 3 ? [sequence(200 + i, i, options)] : []
            return layer.run([...beside, part, ...behind])[beside.length]!
          })
          assert.ok(sameBits(joined(results), expected!), `${threads} threads`)
        }
      })
    }

    it(`gives the same for queries that are asked for alone, ${isa}`, () => {
      const whole = sequence(9, 90, GROUPED)
      const [expected] = new AttentionLayer({ ...GROUPED, isa }).run([whole])
      const wanted = [0, 5, 6, 7, 89]
      const layer = new AttentionLayer({ ...GROUPED, isa })
      const [, got] = layer.run([sequence(10, 20, GROUPED), { ...whole, wanted }])
      const width = GROUPED.heads * GROUPED.headDim
      const rows = wanted.map((i) => expected!.subarray(i * width, (i + 1) * width))
      assert.ok(sameBits(got!, joined(rows)))
      const [none] = layer.run([{ ...sequence(11, 3, GROUPED), wanted: [] }])
      assert.equal(none!.length, 0)
    })
  }

  it('copies a block', () => {
    const layer = new AttentionLayer({ ...PLAIN, isa: 'portable' })
    // Sequences lie in blocks 0 and 599, which the layer hands out first.
    const [head, tail] = cut(sequence(12, 16, PLAIN), [15, 1], 16)
    const [other] = cut(sequence(13, 16, PLAIN), [15, 1], 16)
    layer.run([head!, other!])
    layer.kv.copyBlock(0, 599)
    const [original, copied] = layer.run([tail!, { ...tail!, sequence: 13 }])
    assert.ok(sameBits(copied!, original!))
    assert.throws(() => layer.kv.copyBlock(0, 600), { name: 'RangeError' })
    assert.throws(() => layer.kv.copyBlock(-1, 0), { name: 'RangeError' })
  })

  it('says when the system has not the memory', () => {
    const options = {
      layers: 1000,
      kvHeads: 100,
      headDim: 256,
      blockSize: 4096,
      type: 'f32' as const,
    }
    assert.throws(() => addon().createKv({ ...options, blocks: 1000 }), {
      name: 'RangeError',
      code: 'ERR_OUT_OF_MEMORY',
      message: /the system has no \d+ bytes for the KV cache/,
    })
    const kv = addon().createKv({ ...options, layers: 1, kvHeads: 1, blocks: 1 })
    assert.equal(kv.bytes, kv.blockBytes)
    kv.close()
    assert.throws(() => kv.copyBlock(0, 0), { message: 'this is closed' })
  })
})
