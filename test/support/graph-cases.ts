/** What to try of each operation of the graph language, wherever it is computed. */
import type { GraphBuilder } from '../../models/graph/builder.ts'
import type { Value } from '../../models/graph/graph.ts'
import type { OpName } from '../../models/graph/ops.ts'

export type GraphCase = (g: GraphBuilder) => Value
/** Values of the dimensions that the cases name. */
export const DIMS = new Map([
  ['batch', 2],
  ['steps', 3],
  ['tiles', 2],
])
/** Whole numbers below this are fed to integer inputs. */
export const INTEGERS = 40
/** Added to those of inputs named far: LongVILA reads a million positions. */
export const FAR = 1_000_000

export const rows = (g: GraphBuilder, width = 12) => g.input('rows', ['batch', 'steps', width])
const picture = (g: GraphBuilder) => g.input('picture', ['tiles', 6, 8, 8])
const positions = (g: GraphBuilder) => g.input('positions', ['batch', 'steps'], 'int32')
const frequencies = [1, 0.3, 0.02]
const conv = (stride: number, padding: number, groups: number) => (g: GraphBuilder) =>
  g.conv2d(picture(g), g.weight('w', [6, 6 / groups, 3, 3]), g.weight('b', [6]), {
    stride,
    padding,
    groups,
  })

/**
 * What to try of each operation. Those that need what a sequence has left are held to the backends' contract instead, and to
 * tests of their own.
 */
export const GRAPH_CASES: Readonly<
  Record<
    Exclude<OpName, 'kvAttention' | 'causalConv1d' | 'selectiveScan'>,
    Readonly<Record<string, GraphCase>>
  >
> = {
  linear: {
    'with bias': (g) => g.linear(rows(g), g.weight('w', [7, 12]), g.weight('b', [7])),
    'without bias': (g) => g.linear(rows(g), g.weight('w', [7, 12])),
  },
  layerNorm: {
    plain: (g) => g.layerNorm(rows(g), g.weight('w', [12]), g.weight('b', [12]), 1e-6),
    'weight less one': (g) =>
      g.layerNorm(rows(g), g.weight('w', [12]), g.weight('b', [12]), 1e-6, 1),
  },
  rmsNorm: {
    plain: (g) => g.rmsNorm(rows(g), g.weight('w', [12]), 1e-5),
    'weight less one': (g) => g.rmsNorm(rows(g), g.weight('w', [12]), 1e-5, 1),
    'of heads': (g) =>
      g.rmsNorm(g.reshape(rows(g), ['batch', 'steps', 3, 4]), g.weight('w', [4]), 1e-5),
  },
  groupNorm: {
    plain: (g) =>
      g.groupNorm(picture(g), g.weight('w', [6]), g.weight('b', [6]), { groups: 3, epsilon: 1e-6 }),
  },
  rope: {
    half: (g) =>
      g.rope(rows(g), positions(g), {
        heads: 2,
        headDim: 6,
        inverseFrequencies: frequencies,
        style: 'half',
      }),
    interleaved: (g) =>
      g.rope(rows(g), positions(g), {
        heads: 2,
        headDim: 6,
        inverseFrequencies: frequencies,
        style: 'interleaved',
      }),
    stretched: (g) =>
      g.rope(rows(g), positions(g), {
        heads: 2,
        headDim: 6,
        inverseFrequencies: frequencies,
        style: 'half',
        magnitude: 1.3,
      }),
    'at the millionth position': (g) =>
      g.rope(rows(g), g.input('far positions', ['batch', 'steps'], 'int32'), {
        heads: 2,
        headDim: 6,
        // θ of LongVILA's longest context.
        inverseFrequencies: [0, 1, 2].map((i) => 3_580_165_449 ** (-i / 3)),
        style: 'half',
      }),
    'part of a head': (g) =>
      g.rope(rows(g, 20), positions(g), {
        heads: 2,
        headDim: 10,
        inverseFrequencies: frequencies,
        style: 'half',
      }),
  },
  ropeTable: {
    'of every head': (g) => {
      const x = g.input('cells', ['tiles', 3, 16])
      return g.ropeTable(x, g.weight('cos', [3, 8]), g.weight('sin', [3, 8]), 2)
    },
  },
  attention: {
    'of itself': (g) => {
      const x = rows(g)
      return g.attention(g.mul(x, g.weight('q', [12])), x, g.add(x, g.weight('v', [12])), 3)
    },
    'of fewer queries than keys, not scaled': (g) => {
      const x = g.input('cells', ['tiles', 5, 12])
      return g.attention(g.slice(x, 1, 0, 2), x, x, 3, { scale: 1 })
    },
    'of what came before': (g) => {
      const x = rows(g)
      return g.attention(g.mul(x, g.weight('q', [12])), x, x, 3, { causal: true })
    },
  },
  relativeAttention: {
    'on a map': (g) => {
      const x = g.input('cells', ['tiles', 15, 8])
      return g.relativeAttention(
        {
          q: g.mul(x, g.weight('q', [8])),
          k: x,
          v: g.add(x, g.weight('v', [8])),
          rows: g.weight('rows', [5, 4]),
          columns: g.weight('columns', [9, 4]),
        },
        { heads: 2, height: 3, width: 5, scale: 0.7 },
      )
    },
  },
  exp: {
    plain: (g) => g.exp(rows(g)),
    'of a weight': (g) => g.mul(rows(g), g.exp(g.weight('w', [12]))),
  },
  relu: { plain: (g) => g.relu(rows(g)) },
  silu: { plain: (g) => g.silu(rows(g)) },
  gelu: {
    erf: (g) => g.gelu(rows(g), 'erf'),
    tanh: (g) => g.gelu(rows(g), 'tanh'),
    quick: (g) => g.gelu(rows(g), 'quick'),
  },
  standardize: {
    'each picture by itself': (g) => g.standardize(picture(g), 0.01),
    'what hardly varies': (g) => g.standardize(g.mul(picture(g), g.weight('w', [1])), 100),
  },
  softmax: { plain: (g) => g.softmax(rows(g)) },
  conv2d: {
    dense: conv(1, 0, 1),
    'depthwise, padded': conv(1, 1, 6),
    'grouped, strided': conv(2, 1, 2),
    'without bias': (g) =>
      g.conv2d(picture(g), g.weight('w', [4, 6, 2, 2]), undefined, {
        stride: 2,
        padding: 0,
        groups: 1,
      }),
  },
  avgPool2d: { plain: (g) => g.avgPool2d(picture(g), 2) },
  resizeBilinear: {
    larger: (g) => g.resizeBilinear(picture(g), 11, 15),
    smaller: (g) => g.resizeBilinear(picture(g), 5, 3),
    'to a point': (g) => g.resizeBilinear(picture(g), 1, 1),
    'from a point': (g) => g.resizeBilinear(g.avgPool2d(picture(g), 8), 3, 2),
    'larger, between half pixels': (g) =>
      g.resizeBilinear(picture(g), 11, 15, { alignCorners: false }),
    'smaller, between half pixels': (g) =>
      g.resizeBilinear(picture(g), 5, 3, { alignCorners: false }),
  },
  resizeBicubic: {
    larger: (g) => g.resizeBicubic(picture(g), 11, 15),
    smaller: (g) => g.resizeBicubic(picture(g), 5, 3),
    'to the same': (g) => g.resizeBicubic(picture(g), 8, 8),
  },
  resizeAntialias: {
    larger: (g) => g.resizeAntialias(picture(g), 11, 15),
    smaller: (g) => g.resizeAntialias(picture(g), 5, 3),
  },
  constant: { 'of a shape': (g) => g.mul(picture(g), g.constant([1, 2, 3, 4, 5, 6], [6, 1, 1])) },
  add: {
    'with a vector': (g) => g.add(rows(g), g.weight('b', [12])),
    'of two axes': (g) => g.add(g.weight('a', [3, 1, 4]), g.weight('b', [5, 1])),
  },
  sub: { 'of a vector': (g) => g.sub(rows(g), g.weight('b', [12])) },
  mul: { 'with channels': (g) => g.mul(picture(g), g.weight('c', [6, 1, 1])) },
  div: {
    'by channels': (g) => g.div(picture(g), g.gelu(g.weight('c', [6, 1, 1]), 'erf')),
  },
  expand: {
    'a table for every tile': (g) => {
      const x = picture(g)
      return g.concat([g.expand(g.weight('t', [1, 2, 8, 8]), x), x], 1)
    },
  },
  concat: {
    'of the last axis': (g) =>
      g.concat([rows(g), g.silu(g.input('more', ['batch', 'steps', 5]))], 2),
    'of a middle axis': (g) => g.concat([picture(g), g.input('more', ['tiles', 2, 8, 8])], 1),
  },
  padEnd: { 'of a middle axis': (g) => g.padEnd(picture(g), 2, 3) },
  slice: {
    'of a middle axis': (g) => g.slice(picture(g), 2, 3, 7),
    'of a weight': (g) => g.linear(rows(g), g.slice(g.weight('w', [9, 12]), 0, 2, 7)),
  },
  reshape: {
    'merging names': (g) => g.reshape(rows(g), ['batch*steps', 3, 4]),
    'splitting numbers': (g) => g.reshape(picture(g), ['tiles', 2, 3, 64]),
  },
  transpose: { plain: (g) => g.transpose(picture(g), [2, 0, 3, 1]) },
  gather: {
    rows: (g) => g.gather(g.weight('table', [INTEGERS, 4]), positions(g)),
    'rows of each batch element': (g) =>
      g.gather(g.input('tables', ['batch', INTEGERS, 2, 3]), positions(g), { batchDims: 1 }),
    'numbers of each batch element': (g) =>
      g.gather(g.input('tables', ['batch', INTEGERS]), positions(g), { batchDims: 1 }),
  },
  squaredDistances: { plain: (g) => g.squaredDistances(rows(g), g.weight('table', [7, 12])) },
  argmin: {
    plain: (g) => g.argmin(rows(g)),
    'of equal ones': (g) => g.argmin(g.relu(rows(g))),
    'moved like any other value': (g) => {
      const place = g.reshape(g.argmin(rows(g)), ['batch', 'steps', 1])
      return g.transpose(g.slice(g.concat([place, place, place], 2), 2, 0, 2), [2, 0, 1])
    },
    'as an index': (g) => g.gather(g.weight('table', [12, 5]), g.argmin(rows(g))),
  },
}
