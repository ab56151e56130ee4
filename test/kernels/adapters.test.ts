/** Adapters in runs of the native runtime: what is added to which rows, and what is refused. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { adapterParts, type Loose, loose } from '../support/addon-calls.ts'
import { addon, isas, NO_ADDON, numbers, sameBits } from '../support/native-programs.ts'
import { assertClose } from '../support/relative-error.ts'

const [ROWS, WIDTH, OUT] = [5, 16, 16]
const f32 = (shape: readonly (string | number)[], slot = -1) => ({ shape, type: 'f32', slot })

/** x [rows, 16] → y = relu(x · Wᵀ); of quantised weights with x as 8 bits beside the floats. */
const PROGRAM = (isQuantised: boolean) => ({
  name: 'adapted',
  slots: 2,
  values: [
    f32(['rows', WIDTH]),
    { ...f32(['rows', WIDTH], 0), ...(isQuantised && { type: 'q8', group: WIDTH }) },
    f32(['rows', OUT], 1),
  ],
  inputs: [{ name: 'x', value: 0 }],
  outputs: [{ name: 'y', value: 2 }],
  weights: [{ name: 'w', kind: 'linear' }],
  code: [
    { op: isQuantised ? 'quantise' : 'copy', in: [0], out: 1 },
    {
      ...{ op: 'linear', in: [1], out: 2, linear: 0, activation: 'relu', adapter: 0 },
      ...(isQuantised && { floats: 0 }),
    },
  ],
})

const DENSE = {
  type: 'f32',
  shape: [OUT, WIDTH],
  values: new Uint8Array(numbers(3, 256).buffer),
} as const
const INT8 = {
  ...({ bits: 8, group: WIDTH, isSigned: false, shape: [OUT, WIDTH] } as const),
  values: Uint8Array.from({ length: 256 }, (_, i) => (i * 37) % 256),
  scales: new Float32Array(OUT).fill(0.01),
} as const

function program(isQuantised: boolean, isa?: ReturnType<typeof isas>[number]) {
  const pool = addon().createPool(2)
  const block = addon().packLinear(pool, isQuantised ? INT8 : DENSE)
  return addon().createProgram(pool, PROGRAM(isQuantised), [block], isa)
}

const x = numbers(4, ROWS * WIDTH)

function compute(of: ReturnType<typeof program>, more: object = {}): Float32Array {
  const y = new Float32Array(ROWS * OUT)
  of.run({ dims: { rows: ROWS }, inputs: [x], outputs: [y], ...more })
  return y
}

const rows = (...values: number[]) => ({ adapterRows: { rows: Int32Array.of(...values) } })

describe('adapters in runs', { skip: NO_ADDON }, () => {
  for (const isa of isas())
    for (const isQuantised of [false, true])
      it(`add to their rows before the activation, ${isQuantised ? 'int8' : 'f32'} weights, ${isa}`, () => {
        const made = program(isQuantised, isa)
        const seeds = [5, 9]
        const parts = seeds.map((seed) => adapterParts(OUT, WIDTH, seed))
        const adapters = parts.map(({ memory, pairs }) => addon().createAdapter(memory, pairs))
        const plain = compute(made)
        const mixed = compute(made, { adapters, ...rows(1, 2, 4, 1) })
        for (const row of [0, 3])
          assert.ok(
            sameBits(
              mixed.subarray(row * OUT, (row + 1) * OUT),
              plain.subarray(row * OUT, (row + 1) * OUT),
            ),
          )
        // Without the activation, by a program that has none.
        const open = { ...PROGRAM(isQuantised) }
        open.code = open.code.map(
          ({ activation: _, ...code }: { activation?: string } & (typeof open.code)[0]) => code,
        ) as never
        const pool = addon().createPool(1)
        const linear = addon().createProgram(
          pool,
          open,
          [addon().packLinear(pool, isQuantised ? INT8 : DENSE)],
          isa,
        )
        const sums = compute(linear)
        for (const [row, seed] of [
          [1, 5],
          [2, 5],
          [4, 9],
        ] as const) {
          const [down, up] = [numbers(seed, 2 * WIDTH), numbers(seed + 1, OUT * 2)]
          const low = [0, 1].map((r) =>
            dot(
              down.subarray(r * WIDTH, (r + 1) * WIDTH),
              x.subarray(row * WIDTH, (row + 1) * WIDTH),
            ),
          )
          const expected = Float32Array.from({ length: OUT }, (_, o) =>
            Math.max(
              0,
              sums[row * OUT + o]! + 0.5 * (low[0]! * up[2 * o]! + low[1]! * up[2 * o + 1]!),
            ),
          )
          assertClose(mixed.subarray(row * OUT, (row + 1) * OUT), expected, 1e-5, `row ${row}`)
        }
        for (const [i, at] of [
          [0, 1],
          [1, 4],
        ] as const) {
          const alone = compute(made, { adapters: [adapters[i]], ...rows(at, 1) })
          assert.ok(
            sameBits(
              alone.subarray(at * OUT, (at + 1) * OUT),
              mixed.subarray(at * OUT, (at + 1) * OUT),
            ),
          )
        }
      })

  it('name rows that are there, in order and apart', () => {
    const made = program(false)
    const { memory, pairs } = adapterParts()
    const adapters = [addon().createAdapter(memory, pairs), addon().createAdapter(memory, pairs)]
    for (const [range, message] of [
      [[0, 1], /adapterRows\.rows has 2 numbers, expected two for each of 2 adapters/],
      [[0, 3, 2, 1], /adapterRows\.rows\[1\] has 1 rows from 2 on, expected rows from 3 to 5/],
      [[0, 1, 4, 2], /adapterRows\.rows\[1\] has 2 rows from 4 on/],
      [[-1, 1, 3, 1], /adapterRows\.rows\[0\] has 1 rows from -1 on/],
      [[0, -1, 3, 1], /has -1 rows/],
    ] as const)
      assert.throws(() => compute(made, { adapters, ...rows(...range) }), { message })
    assert.throws(() => compute(made, { adapters }), { name: 'TypeError' })
    assert.ok(sameBits(compute(made, { adapters: [], ...rows() }), compute(made)))
    assert.ok(sameBits(compute(made, { adapters, ...rows(0, 0, 2, 0) }), compute(made)))
  })

  it('fit the weights, and stay where they are', () => {
    const made = program(false)
    const wide = adapterParts(32)
    const other = addon().createAdapter(wide.memory, wide.pairs)
    assert.throws(() => compute(made, { adapters: [other], ...rows(0, 1) }), {
      name: 'TypeError',
      message:
        /instruction 1 \(linear\): the adapter's matrices are \[2, 16\] and \[32, 2\] for a weight \[16, 16\]/,
    })
    const { memory, pairs } = adapterParts()
    const adapter = addon().createAdapter(memory, pairs)
    compute(made, { adapters: [adapter], ...rows(0, 1) })
    structuredClone(memory.buffer, { transfer: [memory.buffer as ArrayBuffer] })
    assert.throws(
      () => compute(made, { adapters: [adapter], ...rows(0, 1) }),
      /detached or resized/,
    )
    adapter.close()
    assert.throws(
      () => compute(made, { adapters: [adapter], ...rows(0, 1) }),
      /adapters\[0\] is closed/,
    )
    // Runs that follow do not remember it.
    compute(made)
  })

  it('are refused when their matrices are none', () => {
    const { memory, pairs } = adapterParts()
    const [pair] = pairs as [(typeof pairs)[0]]
    const create = loose()['createAdapter']! as Loose[string]
    for (const [list, message] of [
      [[{ ...pair, linear: -1 }], /pairs\[0\]\.linear/],
      [[pair, pair], /pairs\[1\]\.linear is 0, as of another pair/],
      [
        [{ ...pair, up: pair.down }],
        /pairs\[0\] has 2 rows down and 16 columns up, expected as many/,
      ],
      [[{ ...pair, down: { offset: 8, bytes: 64 } }], /offset is 8, no multiple of 64/],
      [[{ ...pair, down: { offset: 0, bytes: 1 << 20 } }], /ends at byte/],
      [[{ ...pair, down: { offset: 0, bytes: 64 } }], /packed linear/],
      [[{ ...pair, scale: Number.NaN }], /pairs\[0\]\.scale/],
    ] as const)
      assert.throws(() => create(memory, list), { message })
    const pool = addon().createPool(1)
    const int8 = addon().packLinear(pool, INT8)
    const quantised = addon().allocate(int8.length)
    quantised.set(int8)
    const place = { offset: 0, bytes: int8.length }
    assert.throws(() => create(quantised, [{ linear: 0, scale: 1, down: place, up: place }]), {
      message: /pairs\[0\]\.down is quantised, expected floats/,
    })
  })
})

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0)
}
