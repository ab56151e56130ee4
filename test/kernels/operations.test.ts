/** Every operation of the native runtime but linears and attention, on every instruction set, against 64-bit floats. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ropeTable as exactRopeTable, rope } from '../../src/engine/backends/reference/attention.ts'
import {
  add,
  div,
  gelu,
  layerNorm,
  mul,
  relu,
  rmsNorm,
  silu,
  softmax,
  sub,
} from '../../src/engine/backends/reference/element-wise.ts'
import {
  concat,
  expand,
  gather,
  slice,
  transpose,
} from '../../src/engine/backends/reference/layout.ts'
import { conv2d } from '../../src/engine/backends/reference/picture.ts'
import { type Tensor, tensor } from '../../src/engine/backends/reference/tensor.ts'
import { compute, isas, NO_ADDON, numbers, type Operand } from '../support/native-programs.ts'
import { assertClose } from '../support/relative-error.ts'

interface Case {
  readonly name: string
  readonly instruction: Readonly<Record<string, unknown>> & { readonly op: string }
  readonly operands: readonly Operand[]
  readonly expected: Tensor
}

const floats = (seed: number, shape: readonly number[]): Operand => ({
  shape,
  data: numbers(
    seed,
    shape.reduce((product, size) => product * size, 1),
  ),
})
const whole = (...values: number[]): Operand => ({
  shape: [values.length],
  data: Int32Array.from(values),
})
const exact = ({ shape, data }: Operand): Tensor => tensor(shape, Float64Array.from(data))

function* norms(): Generator<Case> {
  // Widths below, at and between the widths of vectors.
  for (const width of [1, 5, 16, 67, 896]) {
    for (const weightOffset of [0, 1] as const) {
      const [x, weight, bias] = [floats(1, [3, width]), floats(2, [width]), floats(3, [width])]
      const attributes = { epsilon: 1e-5, weightOffset }
      yield {
        name: `rmsNorm of ${width}, offset ${weightOffset}`,
        instruction: { op: 'rmsNorm', ...attributes },
        operands: [x, weight],
        expected: rmsNorm(exact(x), exact(weight), attributes),
      }
      yield {
        name: `layerNorm of ${width}, offset ${weightOffset}`,
        instruction: { op: 'layerNorm', ...attributes },
        operands: [x, weight, bias],
        expected: layerNorm(exact(x), exact(weight), exact(bias), attributes),
      }
    }
    const x = floats(4, [5, width])
    yield {
      name: `softmax of ${width}`,
      instruction: { op: 'softmax' },
      operands: [x],
      expected: softmax(exact(x)),
    }
  }
  const many = [floats(5, [700, 1152]), floats(6, [1152]), floats(7, [1152])] as const
  yield {
    name: 'layerNorm of many rows',
    instruction: { op: 'layerNorm', epsilon: 1e-6, weightOffset: 0 },
    operands: many,
    expected: layerNorm(exact(many[0]), exact(many[1]), exact(many[2]), {
      epsilon: 1e-6,
      weightOffset: 0,
    }),
  }
}

function* elementWise(): Generator<Case> {
  const functions = {
    silu,
    relu,
    relu2: (x: Tensor) => mul(relu(x), relu(x)),
    gelu_erf: (x: Tensor) => gelu(x, 'erf'),
    gelu_tanh: (x: Tensor) => gelu(x, 'tanh'),
    gelu_quick: (x: Tensor) => gelu(x, 'quick'),
  }
  for (const [kind, f] of Object.entries(functions)) {
    for (const count of [1, 37, 40_000]) {
      const x = floats(8, [count])
      yield {
        name: `${kind} of ${count}`,
        instruction: { op: 'unary', kind },
        operands: [x],
        expected: f(exact(x)),
      }
    }
  }
  const shapes: readonly (readonly [number[], number[]])[] = [
    [
      [3, 5, 7],
      [3, 5, 7],
    ],
    [[3, 5, 7], [7]],
    [[7], [3, 5, 7]],
    [
      [3, 5, 7],
      [5, 7],
    ],
    [
      [3, 5, 7],
      [5, 1],
    ],
    [
      [3, 5, 7],
      [3, 1, 1],
    ],
    [
      [3, 1, 7],
      [1, 5, 1],
    ],
    [[3, 5, 7], [1]],
    [[200, 300], [300]],
    [
      [200, 300],
      [200, 1],
    ],
    [[90_000], [1]],
  ]
  for (const [kind, f] of Object.entries({ add, sub, mul, div })) {
    for (const [left, right] of shapes) {
      const [a, b] = [floats(9, left), floats(10, right)]
      for (const [i, v] of b.data.entries()) if (Math.abs(v) < 0.1) b.data[i] = 1
      yield {
        name: `${kind} of [${left}] and [${right}]`,
        instruction: { op: 'binary', kind },
        operands: [a, b],
        expected: f(exact(a), exact(b)),
      }
    }
  }
}

function* rotations(): Generator<Case> {
  for (const style of ['half', 'interleaved'] as const) {
    for (const pairs of [16, 12, 5]) {
      const inverseFrequencies = Array.from({ length: pairs }, (_, i) => 10_000 ** (-i / pairs))
      const attributes = { heads: 3, headDim: 32, inverseFrequencies, style, magnitude: 1.1 }
      const [x, positions] = [floats(11, [4, 96]), whole(0, 1, 1000, 131_071)]
      yield {
        name: `rope ${style} of ${2 * pairs} of 32 channels`,
        instruction: { op: 'rope', ...attributes },
        operands: [x, positions],
        expected: rope(exact(x), exact(positions), attributes),
      }
    }
  }
  const [x, cos, sin] = [floats(12, [2, 5, 24]), floats(13, [5, 8]), floats(14, [5, 8])]
  yield {
    name: 'ropeTable',
    instruction: { op: 'ropeTable', heads: 3 },
    operands: [x, cos, sin],
    expected: exactRopeTable(exact(x), exact(cos), exact(sin)),
  }
}

function* layouts(): Generator<Case> {
  const [x, y] = [floats(15, [3, 4, 5]), floats(16, [3, 2, 5])]
  const cube = exact(x)
  for (const permutation of [
    [0, 1, 2],
    [2, 0, 1],
    [1, 0, 2],
    [2, 1, 0],
    [0, 2, 1],
  ]) {
    yield {
      name: `transpose to ${permutation}`,
      instruction: { op: 'transpose', permutation },
      operands: [x],
      expected: transpose(cube, permutation),
    }
  }
  const wide = floats(17, [2, 729, 64])
  yield {
    name: 'transpose of many',
    instruction: { op: 'transpose', permutation: [0, 2, 1] },
    operands: [wide],
    expected: transpose(exact(wide), [0, 2, 1]),
  }
  yield {
    name: 'concat along axis 1',
    instruction: { op: 'concat', axis: 1 },
    operands: [x, y, x],
    expected: concat([cube, exact(y), cube], 1),
  }
  yield {
    name: 'slice',
    instruction: { op: 'slice', axis: 1, start: 1, end: 3 },
    operands: [x],
    expected: slice(cube, 1, 1, 3),
  }
  yield {
    name: 'padEnd',
    instruction: { op: 'padEnd', axis: 1, count: 2 },
    operands: [x],
    expected: concat([cube, tensor([3, 2, 5])], 1),
  }
  yield {
    name: 'copy to another shape',
    instruction: { op: 'copy' },
    operands: [x],
    expected: tensor([60], cube.data),
  }
  const one = floats(18, [1, 4, 5])
  yield {
    name: 'expand',
    instruction: { op: 'expand' },
    operands: [one],
    expected: expand(exact(one), 3),
  }
  const indices = whole(2, 0, 2, 1)
  yield {
    name: 'gatherRows',
    instruction: { op: 'gatherRows' },
    operands: [x, indices],
    expected: gather(cube, exact(indices), 0),
  }
  yield unfolded()
}

/** Patches of 2 × 3 of pictures of 5 × 7: a row and a column are left over. */
function unfolded(): Case {
  const x = floats(19, [2, 3, 5, 7])
  const expected = tensor([2, 2, 2, 18])
  let at = 0
  for (let n = 0; n < 2; n++)
    for (let row = 0; row < 2; row++)
      for (let column = 0; column < 2; column++)
        for (let c = 0; c < 3; c++)
          for (let i = 0; i < 2; i++)
            for (let j = 0; j < 3; j++)
              expected.data[at++] = x.data[((n * 3 + c) * 5 + row * 2 + i) * 7 + column * 3 + j]!
  return {
    name: 'unfold',
    instruction: { op: 'unfold', height: 2, width: 3 },
    operands: [x],
    expected,
  }
}

/** Pictures with more columns than are summed at once, smaller ones than their kernel, and channels that fill no vector. */
function* convolutions(): Generator<Case> {
  const cases = [
    { x: [2, 9, 21, 48], kernel: [7, 7], padding: 3, bias: true },
    { x: [1, 4, 30, 13], kernel: [3, 5], padding: 0, bias: true },
    { x: [3, 2, 2, 8], kernel: [7, 7], padding: 3, bias: false },
    { x: [1, 3, 2, 5], kernel: [2, 3], padding: 4, bias: true },
    { x: [1, 40, 40, 48], kernel: [7, 7], padding: 3, bias: true },
  ] as const
  for (const { x: shape, kernel, padding, bias: isBiased } of cases) {
    const groups = shape[3]
    const [x, weight] = [floats(23, shape), floats(24, [...kernel, groups])]
    const bias = isBiased ? floats(25, [groups]) : undefined
    const kernels = tensor([groups, 1, ...kernel], transpose(exact(weight), [2, 0, 1]).data)
    const planes = transpose(exact(x), [0, 3, 1, 2])
    const y = conv2d(planes, kernels, bias && exact(bias), { stride: 1, padding, groups })
    yield {
      name: `depthwiseConv2d of ${shape.join('×')} by ${kernel.join('×')}, padding ${padding}`,
      instruction: { op: 'depthwiseConv2d', padding },
      operands: [x, weight, ...(bias ? [bias] : [])],
      expected: transpose(y, [0, 2, 3, 1]),
    }
  }
}

describe('operations of the native runtime', { skip: NO_ADDON }, () => {
  for (const isa of isas()) {
    for (const { name, instruction, operands, expected } of [
      ...norms(),
      ...elementWise(),
      ...rotations(),
      ...layouts(),
      ...convolutions(),
    ]) {
      it(`${name}, ${isa}`, () => {
        const got = compute(isa, instruction, operands, expected.shape)
        assertClose(got, expected.data, 1e-6)
      })
    }
  }

  it('gatherRows refuses an index outside the table', () => {
    for (const isa of isas()) {
      for (const index of [-1, 3]) {
        assert.throws(
          () => compute(isa, { op: 'gatherRows' }, [floats(1, [3, 2]), whole(0, index)], [2, 2]),
          { name: 'RangeError', message: /gatherRows.*index -?\d is outside the 3 rows/ },
        )
      }
    }
  })
})
