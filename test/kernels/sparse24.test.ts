/** 2:4 weights through the addon: what is found to be one, what is refused, and products that have the dense form's bits. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DenseWeight, QuantisedWeight } from '../../kernels/cpu/native.d.ts'
import { addon, isas, NO_ADDON, numbers, sameBits } from '../support/native-programs.ts'
import { seededRandom } from '../support/seeded-random.ts'

const [OUT, WIDTH] = [40, 256]

/** Places of each four that are kept, two of them. */
function masks(rows: number, width: number, seed: number): (row: number, i: number) => boolean {
  const random = seededRandom(seed)
  const pairs = [3, 5, 9, 6, 10, 12]
  const quads = Math.ceil(width / 4)
  const kept = Uint8Array.from({ length: rows * quads }, () => pairs[Math.floor(random() * 6)]!)
  return (row, i) => ((kept[row * quads + (i >> 2)]! >> (i & 3)) & 1) === 1
}

function floats(type: 'f32' | 'bf16', [out, width] = [OUT, WIDTH]): DenseWeight {
  const keeps = masks(out, width, 1)
  const values = numbers(2, out * width).map((value, i) =>
    keeps(Math.floor(i / width), i % width) ? value : -0,
  )
  const bits = new Uint32Array(values.buffer)
  const bytes = type === 'f32' ? values.buffer : Uint16Array.from(bits, (b) => b >>> 16).buffer
  return { type, shape: [out, width], values: new Uint8Array(bytes) }
}

/** Numbers that are not kept are their zero point. */
function quantised(bits: 4 | 8, group: number, { zeroPoints = false, lowRank = false } = {}) {
  const random = seededRandom(3)
  const keeps = masks(OUT, WIDTH, 4)
  const groups = WIDTH / group
  const top = 2 ** bits - 1
  const zeros = Uint8Array.from({ length: OUT * groups }, () => Math.floor(random() * (top + 1)))
  const values = Uint8Array.from({ length: OUT * WIDTH }, (_, at) => {
    const zero = zeroPoints ? zeros[Math.floor(at / group)]! : (top + 1) / 2
    return keeps(Math.floor(at / WIDTH), at % WIDTH) ? Math.floor(random() * (top + 1)) : zero
  })
  const packed = (bytes: Uint8Array) =>
    bits === 8
      ? bytes
      : Uint8Array.from(
          { length: bytes.length / 2 },
          (_, i) => bytes[2 * i]! | (bytes[2 * i + 1]! << 4),
        )
  return {
    bits,
    group,
    isSigned: false,
    shape: [OUT, WIDTH],
    values: packed(values),
    scales: numbers(5, OUT * groups),
    ...(zeroPoints && { zeroPoints: packed(zeros) }),
    ...(lowRank && { lowRank: { rank: 3, down: numbers(6, 3 * WIDTH), up: numbers(7, OUT * 3) } }),
  } satisfies QuantisedWeight
}

function byRow(limit: number): QuantisedWeight {
  const random = seededRandom(8)
  const keeps = masks(OUT, WIDTH, 9)
  const values = Int8Array.from({ length: OUT * WIDTH }, (_, at) =>
    keeps(Math.floor(at / WIDTH), at % WIDTH) ? Math.round((2 * random() - 1) * limit) : 0,
  )
  return {
    bits: 8,
    group: WIDTH,
    isSigned: true,
    shape: [OUT, WIDTH],
    values: new Uint8Array(values.buffer),
    scales: numbers(10, OUT),
  }
}

const WEIGHTS: Readonly<Record<string, DenseWeight | QuantisedWeight>> = {
  f32: floats('f32'),
  bf16: floats('bf16'),
  'bf16 of an odd width': floats('bf16', [17, 67]),
  'int4 in groups of 16': quantised(4, 16, { zeroPoints: true }),
  'int4 in groups of 32': quantised(4, 32),
  'int4 in groups of 64 beside a low rank': quantised(4, 64, { zeroPoints: true, lowRank: true }),
  'int8 in groups of 32': quantised(8, 32, { zeroPoints: true }),
  'int8 in groups of 64': quantised(8, 64),
  'int8 by rows': byRow(64),
  'int8 by rows, wide': byRow(127),
}

describe('2:4 weights', { skip: NO_ADDON }, () => {
  const pool = NO_ADDON ? undefined! : addon().createPool(2)

  for (const [name, weight] of Object.entries(WEIGHTS)) {
    for (const isa of isas()) {
      it(`multiply to the bits of the dense form: ${name}, ${isa}`, () => {
        const dense = addon().packLinear(pool, weight)
        const sparse = addon().packLinear(pool, weight, { sparse24: true })
        assert.ok(sparse.length < dense.length, `${sparse.length} bytes of ${dense.length}`)
        for (const rows of [1, 3, 30]) {
          const x = numbers(11, rows * weight.shape[1])
          assert.ok(
            sameBits(
              addon().linear(pool, sparse, x, rows, isa),
              addon().linear(pool, dense, x, rows, isa),
            ),
            `${rows} rows`,
          )
        }
      })
    }

    it(`are found by what they hold: ${name}`, () => {
      assert.equal(addon().isSparse24(pool, weight), true)
    })
  }

  it('take 12 bits for four of int4, 20 of int8 and 36 of bf16', () => {
    const shape = [64, 1024] as const
    const quads = (64 * 1024) / 4
    const bytes = new Uint8Array(64 * 1024)
    const scales = new Float32Array(64 * 32)
    const fewerOf = (weight: DenseWeight | QuantisedWeight) =>
      addon().packLinear(pool, weight).length -
      addon().packLinear(pool, weight, { sparse24: true }).length
    const groups = { group: 32, isSigned: false, shape, scales }
    const int4 = { ...groups, bits: 4, values: new Uint8Array(32 * 1024).fill(0x88) } as const
    assert.equal(fewerOf(int4), (quads * 4) / 8)
    assert.equal(fewerOf({ ...groups, bits: 8, values: bytes.fill(128) }), (quads * 12) / 8)
    const bf16 = { type: 'bf16', shape, values: new Uint8Array(2 * 64 * 1024) } as const
    assert.equal(fewerOf(bf16), (quads * 28) / 8)
  })

  it('are refused by the first row and inputs with a third value', () => {
    const weight = floats('f32')
    const values = new Float32Array(weight.values.buffer.slice(0))
    for (const row of [30, 23]) for (let i = 8; i < 11; i++) values[row * WIDTH + i] = 1
    const dense = { ...weight, values: new Uint8Array(values.buffer) }
    assert.equal(addon().isSparse24(pool, dense), false)
    assert.throws(() => addon().packLinear(pool, dense, { sparse24: true }), {
      name: 'RangeError',
      message:
        'options.sparse24: row 23 has more than two values that are not zero in inputs 8 … 11',
    })
    assert.equal(addon().packLinear(pool, dense).length, addon().packLinear(pool, weight).length)
  })

  it('are not of GGUF blocks, whatever they hold', () => {
    const blocks = { type: 'Q8_0', shape: [16, 32], values: new Uint8Array(16 * 34) } as const
    assert.equal(addon().isSparse24(pool, blocks), false)
    assert.throws(() => addon().packLinear(pool, blocks, { sparse24: true }), {
      name: 'TypeError',
      message: /blocks of GGUF have no 2:4 form/,
    })
  })

  it('are asked for by a boolean, of weights of the right length', () => {
    const loose = addon() as unknown as Record<string, (...values: unknown[]) => unknown>
    const weight = floats('f32')
    for (const sparse24 of [1, 'yes', {}]) {
      assert.throws(() => loose['packLinear']!(pool, weight, { sparse24 }), {
        name: 'TypeError',
        message: /options\.sparse24 is .*, expected a boolean/,
      })
    }
    assert.throws(() => loose['packLinear']!(pool, weight, 7), { name: 'TypeError' })
    const short = { ...weight, values: weight.values.subarray(4) }
    assert.throws(() => addon().isSparse24(pool, short), {
      name: 'TypeError',
      message: /values must have 40960 elements, got 40956/,
    })
  })

  it('survive damage: an error, or numbers', () => {
    const random = seededRandom(12)
    const below = (limit: number) => Math.floor(random() * limit)
    let refused = 0
    for (const weight of [WEIGHTS['int4 in groups of 16']!, WEIGHTS['bf16 of an odd width']!]) {
      const whole = addon().packLinear(pool, weight, { sparse24: true })
      const original = whole.slice()
      const x = numbers(13, 2 * weight.shape[1])
      for (let i = 0; i < 1000; i++) {
        whole.set(original)
        const reach = below(2) === 0 ? 160 : whole.length
        for (let flips = 1 + below(4); flips > 0; flips--) whole[below(reach)] = below(256)
        const cut = below(3) === 0 ? whole.subarray(0, below(whole.length)) : whole
        try {
          const y = addon().linear(pool, cut, x, 2)
          assert.ok(y.length % 2 === 0)
        } catch (error) {
          assert.match((error as Error).name, /^(TypeError|RangeError)$/)
          refused++
        }
      }
    }
    assert.ok(refused > 300, `${refused} refused`)
  })
})
