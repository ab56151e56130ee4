/** Causal convolution and selective scan of the native runtime, on every instruction set, against 64-bit floats. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type * as native from '../../kernels/cpu/native.d.ts'
import { causalConv1d, selectiveScan } from '../../src/engine/backends/reference/recurrent.ts'
import { type Tensor, tensor } from '../../src/engine/backends/reference/tensor.ts'
import { addon, isas, joined, NO_ADDON, numbers, sameBits } from '../support/native-programs.ts'
import { assertClose } from '../support/relative-error.ts'

const TOKENS = 23

interface Recurrence {
  readonly name: string
  readonly op: 'causalConv1d' | 'selectiveScan'
  readonly attributes: object
  /** Elements a token of each input that has a row for each, `undefined` for the others. */
  readonly widths: readonly (number | undefined)[]
  readonly inputs: readonly { readonly shape: readonly number[]; readonly data: Float32Array }[]
  readonly channels: number
  readonly size: number
  exact(inputs: readonly Tensor[], states: Parameters<typeof causalConv1d>[2]): Tensor
}

const given = (seed: number, shape: readonly number[], scale = 1) => ({
  shape,
  data: numbers(
    seed,
    shape.reduce((product, side) => product * side, 1),
  ).map((x) => x * scale),
})

function convolution(
  channels: number,
  kernel: number,
  more: 'bias' | 'silu' | 'nothing',
): Recurrence {
  const attributes = { recurrence: 0, ...(more === 'silu' && { activation: 'silu' as const }) }
  const bias = more === 'nothing' ? [] : [given(3, [channels])]
  return {
    name: `convolution of ${channels} channels, kernel ${kernel}, ${more}`,
    op: 'causalConv1d',
    attributes,
    widths: [channels, undefined, undefined],
    inputs: [given(1, [TOKENS, channels]), given(2, [kernel, channels]), ...bias],
    channels,
    size: (kernel - 1) * channels,
    exact: ([x, weight, b], states) =>
      causalConv1d({ x: x!, weight: weight!, bias: b }, attributes, states),
  }
}

function scan(channels: number, state: number, isGated: boolean): Recurrence {
  const attributes = { recurrence: 0 }
  const decay = given(6, [state, channels])
  for (const [i, value] of decay.data.entries()) decay.data[i] = -Math.exp(value)
  return {
    name: `scan of ${channels} channels, ${state} numbers each${isGated ? ', gated' : ''}`,
    op: 'selectiveScan',
    attributes,
    widths: [channels, channels, undefined, state, state, undefined, channels],
    inputs: [
      given(4, [TOKENS, channels]),
      // From where softplus is an exponential to where it is the number itself.
      given(5, [TOKENS, channels], 12),
      decay,
      given(7, [TOKENS, state]),
      given(8, [TOKENS, state]),
      given(9, [channels]),
      ...(isGated ? [given(10, [TOKENS, channels], 3)] : []),
    ],
    channels,
    size: state * channels,
    exact: ([x, dt, a, b, c, d, z], states) =>
      selectiveScan({ x: x!, dt: dt!, a: a!, b: b!, c: c!, d: d!, z }, attributes, states),
  }
}

const CASES = [
  // Channels below, at and beyond the width of vectors and of a task.
  ...[1, 16, 67, 200].flatMap((channels) => [
    convolution(channels, 4, 'silu'),
    scan(channels, 16, true),
  ]),
  convolution(20, 2, 'bias'),
  convolution(20, 7, 'nothing'),
  scan(20, 1, false),
  scan(20, 37, true),
]

/** The recurrence in a program of its own, its state in a store of 8 slots. */
class Runner {
  readonly states: native.StateStore
  readonly #program: native.Program
  readonly #recurrence: Recurrence

  constructor(recurrence: Recurrence, isa: native.Isa, threads = 2) {
    const { op, attributes, widths, inputs, channels, size } = recurrence
    this.#recurrence = recurrence
    this.states = addon().createStates({ sizes: [size], slots: 8 })
    const values = inputs.map(({ shape }, i) => ({
      shape: widths[i] === undefined ? shape : ['tokens', widths[i]],
      type: 'f32',
      slot: -1,
    }))
    const out = inputs.length
    this.#program = addon().createProgram(
      addon().createPool(threads),
      {
        name: op,
        slots: 1,
        values: [...values, { shape: ['tokens', channels], type: 'f32', slot: 0 }],
        inputs: values.map((_, value) => ({ name: `in${value}`, value })),
        outputs: [{ name: 'y', value: out }],
        weights: [],
        code: [{ op, in: values.map((_, i) => i), out, ...attributes }],
      },
      [],
      isa,
    )
  }

  /** The results of rows of tokens, [first, count, past] each. */
  run(
    rows: readonly (readonly [number, number, number])[],
    stateSlots: readonly number[],
  ): Float32Array {
    const { widths, inputs, channels } = this.#recurrence
    const tokens = rows.reduce((sum, [, count]) => sum + count, 0)
    const y = new Float32Array(tokens * channels)
    let first = 0
    const described = rows.flatMap(([, count, past]) => {
      first += count
      return [first - count, count, past, 0]
    })
    this.#program.run({
      dims: { tokens },
      inputs: inputs.map(({ data }, i) => {
        const width = widths[i]
        if (width === undefined) return data
        return joined(rows.map(([from, count]) => data.slice(from * width, (from + count) * width)))
      }),
      outputs: [y],
      rows: Int32Array.from(described),
      states: this.states,
      stateSlots: Int32Array.from(stateSlots),
    })
    return y
  }
}

function exact({ exact: compute, inputs, widths }: Recurrence): Float64Array {
  const states = { before: () => undefined, keep: () => {} }
  const whole = inputs.map(({ shape, data }, i) =>
    tensor(widths[i] === undefined ? shape : [1, ...shape], Float64Array.from(data)),
  )
  return compute(whole, states).data
}

describe('recurrences', { skip: NO_ADDON }, () => {
  for (const isa of isas()) {
    for (const recurrence of CASES) {
      it(`${recurrence.name}, with ${isa}`, () => {
        const whole = new Runner(recurrence, isa).run([[0, TOKENS, 0]], [-1, 0])
        assertClose(whole, exact(recurrence), 1e-5)
      })
    }

    for (const recurrence of [convolution(67, 4, 'silu'), scan(67, 16, true)]) {
      it(`${recurrence.name}, gives the same bits in any pieces with ${isa}`, () => {
        const runner = new Runner(recurrence, isa)
        const whole = runner.run([[0, TOKENS, 0]], [-1, 0])
        for (const size of [1, 2, 3, 7, 22]) {
          const pieces: Float32Array[] = []
          for (let at = 0; at < TOKENS; at += size) {
            const slots = at === 0 ? [-1, 2] : [2 + ((at / size - 1) % 2), 2 + ((at / size) % 2)]
            pieces.push(runner.run([[at, Math.min(size, TOKENS - at), at]], slots))
          }
          assert.ok(sameBits(joined(pieces), whole), `pieces of ${size}`)
        }
      })

      it(`${recurrence.name}, gives the same bits beside others and on one thread with ${isa}`, () => {
        const [runner, single] = [new Runner(recurrence, isa), new Runner(recurrence, isa, 1)]
        const alone = [
          single.run([[0, 5, 0]], [-1, 0]),
          single.run([[5, 1, 5]], [0, 1]),
          single.run([[3, 9, 0]], [-1, 2]),
        ]
        const first = runner.run([[0, 5, 0]], [-1, 0])
        const others = runner.run(
          [
            [5, 1, 5],
            [3, 9, 0],
            [0, 0, 0],
          ],
          [0, 1, -1, 2, -1, 3],
        )
        assert.ok(sameBits(joined([first, others]), joined(alone)))
      })

      it(`${recurrence.name}, leaves a state that is read as it was with ${isa}`, () => {
        const runner = new Runner(recurrence, isa)
        runner.run([[0, 6, 0]], [-1, 0])
        const [one, again] = [1, 2].map((to) => runner.run([[6, 4, 6]], [0, to]))
        assert.ok(sameBits(one!, again!))
        // In place it is the same, once.
        assert.ok(sameBits(runner.run([[6, 4, 6]], [0, 0]), one!))
        assert.ok(!sameBits(runner.run([[6, 4, 6]], [0, 0]), one!))
      })
    }
  }

  it('refuse slots that are not there, or that two rows would use', () => {
    const runner = new Runner(scan(4, 2, false), 'portable')
    const two = [
      [0, 1, 0],
      [1, 1, 0],
    ] as const
    const run = (slots: readonly number[]) => () => runner.run(two, slots)
    assert.throws(run([-1, 0, -1, 0]), /^RangeError: row 1 writes state slot 0 as another one does/)
    assert.throws(
      run([-1, 0, -1, 8]),
      /^RangeError: row 1 has state slots -1 and 8, of which there are 8/,
    )
    assert.throws(run([-1, 0, 1, 2]), /^RangeError: row 1 has 0 positions and a state before them/)
    assert.throws(
      run([-1, 0]),
      /^TypeError: stateSlots has 2 numbers, expected two for each of 2 rows/,
    )
    assert.throws(
      () =>
        runner.run(
          [
            [0, 1, 3],
            [1, 1, 3],
          ],
          [1, 2, 2, 3],
        ),
      /^RangeError: row 1 reads state slot 2, which another one writes/,
    )
    runner.states.close()
    assert.throws(run([-1, 0, -1, 1]), /^TypeError: states is closed/)
  })

  it('refuse a store that is of another size', () => {
    const runner = new Runner(scan(4, 2, false), 'portable')
    const other = new Runner(scan(4, 3, false), 'portable')
    Object.defineProperty(runner, 'states', { value: other.states })
    assert.throws(
      () => runner.run([[0, 1, 0]], [-1, 0]),
      /^TypeError: .*recurrence 0 of 8 floats is not in the state store of 1, which has 12 floats for it/,
    )
    assert.throws(() => addon().createStates({ sizes: [], slots: 1 }), /^RangeError: state store/)
  })
})
