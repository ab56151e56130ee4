/** Programs of the native runtime: what is run, what is skipped, what is refused and how it is named. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addon, isas, NO_ADDON, numbers, sameBits } from '../support/native-programs.ts'
import { assertClose } from '../support/relative-error.ts'

type Spec = Record<string, unknown> & { values: object[]; code: object[] }

const f32 = (shape: readonly (string | number)[], slot = -1) => ({ shape, type: 'f32', slot })

/** x [n, 4] → y = silu(x · Wᵀ) [n, 3], which has a slot, and z = −y [3 · n]. */
function twoOutputs(): Spec {
  return {
    name: 'two',
    slots: 2,
    values: [
      f32(['n', 4]),
      f32(['n', 3], 0),
      { ...f32(['3*n']), sameAs: 1 },
      f32(['3*n']),
      f32([1]),
      f32(['n', 3], 1),
    ],
    inputs: [{ name: 'x', value: 0 }],
    outputs: [
      { name: 'y', value: 1 },
      { name: 'z', value: 3 },
    ],
    weights: [
      { name: 'w', kind: 'linear' },
      { name: 'minus', kind: 'tensor', value: 4 },
    ],
    code: [
      { op: 'linear', in: [0], out: 1, linear: 0, activation: 'silu' },
      { op: 'binary', kind: 'mul', in: [2, 4], out: 3 },
      { op: 'unary', kind: 'relu', in: [1], out: 5 },
    ],
  }
}

function create(spec: object, threads = 2) {
  const pool = addon().createPool(threads)
  const values = new Uint8Array(numbers(1, 12).buffer)
  const block = addon().packLinear(pool, { type: 'f32', shape: [3, 4], values })
  return addon().createProgram(pool, spec, [block, new Float32Array([-1])])
}

function expectedY(x: Float32Array): number[] {
  const w = numbers(1, 12)
  return Array.from({ length: (x.length / 4) * 3 }, (_, i) => {
    const [row, out] = [Math.floor(i / 3), i % 3]
    let sum = 0
    for (let j = 0; j < 4; j++) sum += x[row * 4 + j]! * w[out * 4 + j]!
    return sum / (1 + Math.exp(-sum))
  })
}

describe('programs of the native runtime', { skip: NO_ADDON }, () => {
  it('run for any size, into the outputs that are asked for', () => {
    const program = create(twoOutputs())
    for (const n of [3, 1, 50, 3]) {
      const x = numbers(2, n * 4)
      const [y, z] = [new Float32Array(3 * n), new Float32Array(3 * n)]
      program.run({ dims: { n }, inputs: [x], outputs: [y, z] })
      assertClose(y, expectedY(x), 1e-6)
      assert.ok(
        sameBits(
          z,
          y.map((v) => -v),
        ),
      )
    }
    assert.ok(program.arenaBytes() >= 50 * 3 * 4)
  })

  it('do not compute what nobody asks for', () => {
    const program = create(twoOutputs())
    const run = (outputs: (Float32Array | null)[]) => {
      const before = program.profile()
      program.run({ dims: { n: 1 }, inputs: [new Float32Array(4)], outputs, profile: true })
      return program.profile().map(({ op, runs }, i) => [op, runs - before[i]!.runs])
    }
    const ran = (linear: number, binary: number) => [
      ['linear', linear],
      ['binary', binary],
      ['unary', 0],
    ]
    assert.deepEqual(run([new Float32Array(3), null]), ran(1, 0))
    assert.deepEqual(run([null, new Float32Array(3)]), ran(1, 1))
    assert.deepEqual(run([null, null]), ran(0, 0))
  })

  it('run for no rows at all', () => {
    const program = create(twoOutputs())
    const [y, z] = [new Float32Array(0), new Float32Array(0)]
    program.run({ dims: { n: 0 }, inputs: [new Float32Array(0)], outputs: [y, z] })
  })

  it('go on after a run that failed', () => {
    const program = create(twoOutputs())
    const x = numbers(3, 8)
    const [y, z] = [new Float32Array(6), new Float32Array(6)]
    const outputs = [y, z]
    program.run({ dims: { n: 2 }, inputs: [x], outputs })
    assert.throws(() => program.run({ dims: { n: 3 }, inputs: [x], outputs }), {
      name: 'TypeError',
      message: 'input x has 8 elements, expected 12: [3, 4]',
    })
    assert.throws(() => program.run({ dims: { n: 2 ** 40 }, inputs: [x], outputs }), {
      name: 'RangeError',
    })
    program.run({ dims: { n: 2 }, inputs: [x], outputs })
    assertClose(y, expectedY(x), 1e-6)
  })

  it('refuse a recurrence that two instructions carry', () => {
    const spec = (recurrences: readonly number[]): Spec => ({
      name: 'convolutions',
      slots: 2,
      values: [f32(['tokens', 4]), f32([2, 4]), f32(['tokens', 4], 0), f32(['tokens', 4], 1)],
      inputs: [{ name: 'x', value: 0 }],
      outputs: [{ name: 'y', value: 3 }],
      weights: [{ name: 'w', kind: 'tensor', value: 1 }],
      code: [
        { op: 'causalConv1d', in: [0, 1], out: 2, recurrence: recurrences[0] },
        { op: 'causalConv1d', in: [2, 1], out: 3, recurrence: recurrences[1] },
      ],
    })
    const make = (recurrences: readonly number[]) =>
      addon().createProgram(addon().createPool(1), spec(recurrences), [new Float32Array(8)])
    assert.throws(() => make([1, 1]), {
      name: 'TypeError',
      message:
        /^program convolutions: instruction 1 \(causalConv1d\): recurrence 1 is another .* already$/,
    })
    make([1, 0])
  })

  it('refuse weights that were taken away', () => {
    const program = (() => {
      const pool = addon().createPool(1)
      const values = new Uint8Array(numbers(1, 12).buffer)
      const block = addon().packLinear(pool, { type: 'f32', shape: [3, 4], values })
      const made = addon().createProgram(pool, twoOutputs(), [block, new Float32Array([-1])])
      structuredClone(block.buffer, { transfer: [block.buffer as ArrayBuffer] })
      return made
    })()
    assert.throws(
      () =>
        program.run({
          dims: { n: 1 },
          inputs: [new Float32Array(4)],
          outputs: [new Float32Array(3), null],
        }),
      { name: 'TypeError', message: 'weights[0] has been detached or resized' },
    )
  })

  it('give memory back when they are closed', () => {
    const program = create(twoOutputs())
    program.close()
    assert.throws(() => program.run({ dims: { n: 0 }, inputs: [], outputs: [] }), {
      message: 'the program is closed',
    })
    assert.equal(program.arenaBytes(), 0)
    program.close()
  })

  it('take weights from shared memory', () => {
    const table = new Float32Array(new SharedArrayBuffer(4 * 30_000)).fill(2)
    const spec = {
      name: 'shared',
      slots: 0,
      values: [f32([30_000]), f32([30_000]), f32([30_000])],
      inputs: [{ name: 'x', value: 0 }],
      outputs: [{ name: 'y', value: 2 }],
      weights: [{ name: 'table', kind: 'tensor', value: 1 }],
      code: [{ op: 'binary', kind: 'mul', in: [0, 1], out: 2 }],
    }
    const program = addon().createProgram(addon().createPool(1), spec, [table])
    const x = numbers(2, 30_000)
    const y = new Float32Array(30_000)
    program.run({ dims: {}, inputs: [x], outputs: [y] })
    assert.ok(
      sameBits(
        y,
        x.map((v) => 2 * v),
      ),
    )
  })

  describe('name what is wrong', () => {
    const wrong: Readonly<Record<string, readonly [(spec: Spec) => void, RegExp]>> = {
      'an operation that is none': [
        (spec) => Object.assign(spec.code[0]!, { op: 'conv3d' }),
        /program\.code\[0\]\.op is "conv3d"/,
      ],
      'a shape that does not fit': [
        (spec) => Object.assign(spec.values[0]!, { shape: ['n', 5] }),
        /instruction 0 \(linear\): x is \[37, 5\] for a weight \[3, 4\]/,
      ],
      'a value that is read before it is made': [
        (spec) => spec.code.reverse(),
        /instruction 0 \(unary\): in: value 1 is not made before it is read/,
      ],
      'a value that does not exist': [
        (spec) => Object.assign(spec.code[1]!, { in: [2, 99] }),
        /instruction 1 \(binary\): in is value 99, of which there are 6/,
      ],
      'a value that two instructions make': [
        (spec) => Object.assign(spec.code[2]!, { out: 1 }),
        /instruction 2 \(unary\): out: value 1 comes from somewhere else already/,
      ],
      'a result in the memory of an operand': [
        (spec) => Object.assign(spec.values[5]!, { slot: 0 }),
        /instruction 2 \(unary\): out has slot 0 as value 1/,
      ],
      'a slot that does not exist': [
        (spec) => Object.assign(spec.values[5]!, { slot: 2 }),
        /value 5 has slot 2, of which there are 2/,
      ],
      'a value that is the same as a later one': [
        (spec) => Object.assign(spec.values[2]!, { sameAs: 2 }),
        /value 2 is the same as value 2, which is not before it/,
      ],
      'another number of elements under the same memory': [
        (spec) => Object.assign(spec.values[2]!, { shape: ['4*n'] }),
        /value 2 \[148\] is the same as value 1 \[37, 3\]/,
      ],
      'a weight of another size': [
        (spec) => Object.assign(spec.values[4]!, { shape: [2] }),
        /weight minus: it has 1 elements, expected 2/,
      ],
      'an output without memory that is read': [
        (spec) => Object.assign(spec.values[1]!, { slot: -1 }),
        /output value 1 is read by instructions and has no slot/,
      ],
      'a linear that is no packed weight': [
        (spec) => Object.assign(spec.code[0]!, { linear: 1 }),
        /instruction 0 \(linear\): linear is weight 1, which is no packed linear/,
      ],
      'a dimension that is no product': [
        (spec) => Object.assign(spec.values[0]!, { shape: ['n**', 4] }),
        /dimension "n\*\*" is no product/,
      ],
    }
    for (const [what, [change, message]] of Object.entries(wrong)) {
      it(what, () => {
        const spec = twoOutputs()
        change(spec)
        assert.throws(() => create(spec), { name: /^(Type|Range)Error$/, message })
      })
    }
  })

  it('quantise once for several linears, and give the same as a linear of floats', () => {
    const pool = addon().createPool(2)
    const values = Uint8Array.from(numbers(4, 8 * 64).map((v) => 8 + Math.round(3 * v))).map(
      (_, i, all) => (all[2 * i]! & 15) | ((all[2 * i + 1]! & 15) << 4),
    )
    const weight = {
      bits: 4 as const,
      group: 32,
      isSigned: false,
      shape: [8, 64] as const,
      values: values.subarray(0, 256),
      scales: numbers(5, 16),
    }
    const block = addon().packLinear(pool, weight)
    const spec = (code: object[]) => ({
      name: 'quantised',
      slots: 1,
      values: [f32(['n', 64]), { shape: ['n', 64], type: 'q8', group: 32, slot: 0 }, f32(['n', 8])],
      inputs: [{ name: 'x', value: 0 }],
      outputs: [{ name: 'y', value: 2 }],
      weights: [{ name: 'w', kind: 'linear' }],
      code,
    })
    const x = numbers(6, 5 * 64)
    for (const isa of isas()) {
      const run = (code: object[]) => {
        const y = new Float32Array(40)
        const program = addon().createProgram(pool, spec(code), [block], isa)
        program.run({ dims: { n: 5 }, inputs: [x], outputs: [y] })
        return y
      }
      const apart = run([
        { op: 'quantise', in: [0], out: 1 },
        { op: 'linear', in: [1], out: 2, linear: 0 },
      ])
      assert.ok(sameBits(apart, run([{ op: 'linear', in: [0], out: 2, linear: 0 }])))
      assert.ok(sameBits(apart, addon().linear(pool, block, x, 5, isa)))
    }
  })
})
