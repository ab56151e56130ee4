/** Runs a graph node by node in plain TypeScript with 64-bit floats: slow and exact. */
import type { Graph, Node, NodeOf, Value } from '../../../../models/graph/graph.ts'
import {
  antialiasMatrix,
  cubicMatrix,
  halfPixelMatrix,
  linearMatrix,
} from '../../../../models/graph/interpolation.ts'
import type { OpName } from '../../../../models/graph/ops.ts'
import { resolveShape } from '../../../../models/graph/shape.ts'
import { type AddedProduct, adapted } from './adapted.ts'
import {
  attention,
  kvAttention,
  linear,
  relativeAttention,
  rope,
  ropeTable,
  type SequenceCache,
} from './attention.ts'
import {
  add,
  div,
  exp,
  gelu,
  groupNorm,
  layerNorm,
  mul,
  relu,
  rmsNorm,
  silu,
  softmax,
  standardize,
  sub,
} from './element-wise.ts'
import { concat, expand, gather, slice, transpose } from './layout.ts'
import { argmin, squaredDistances } from './nearest.ts'
import { avgPool2d, conv2d, resize } from './picture.ts'
import { causalConv1d, type SequenceStates, selectiveScan } from './recurrent.ts'
import { type Tensor, tensor } from './tensor.ts'

export interface RunOptions {
  /** By input name. */
  readonly feeds: ReadonlyMap<string, Tensor>
  /** By weight name. */
  readonly weights: ReadonlyMap<string, Tensor>
  /** Decoders only: the sequence whose rows are computed, one a run. */
  readonly cache?: SequenceCache
  /** Of that sequence, where it has recurrent states. */
  readonly states?: SequenceStates
  /** What an adapter adds to the results of some of the graph's `linear`s. */
  readonly adapter?: ReadonlyMap<Node, AddedProduct> | undefined
}

interface Context {
  /** Values of the named dimensions. */
  readonly dims: ReadonlyMap<string, number>
  readonly cache: SequenceCache | undefined
  readonly states: SequenceStates | undefined
}

/** Every output and stage of the graph, by name. Throws on feeds that are not of its shapes. */
export function interpret(
  graph: Graph,
  { feeds, weights, cache, states, adapter }: RunOptions,
): Map<string, Tensor> {
  const values = new Map<Value, Tensor>()
  const dims = new Map<string, number>()
  for (const { name, value } of graph.inputs) {
    const feed = feeds.get(name)
    if (!feed) throw new Error(`graph ${graph.name}: input ${name} is not fed`)
    bindDims(`graph ${graph.name}: input ${name}`, value, feed, dims)
    values.set(value, feed)
  }
  for (const weight of graph.weights) values.set(weight, weights.get(weight.name)!)
  const context = { dims, cache, states }
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((input) => values.get(input)!)
    const result = compute(node, inputs, context)
    const added = adapter?.get(node)
    values.set(node.output, added ? adapted(result, inputs[0]!, added) : result)
  }
  return new Map(
    [...graph.outputs, ...graph.stages].map(({ name, value }) => [name, values.get(value)!]),
  )
}

function bindDims(what: string, { shape }: Value, feed: Tensor, dims: Map<string, number>): void {
  for (const [axis, dim] of shape.entries()) {
    const size = feed.shape[axis]
    if (typeof dim === 'string' && !dims.has(dim) && size !== undefined) dims.set(dim, size)
  }
  const expected = resolveShape(shape, dims)
  if (expected.join() !== feed.shape.join()) {
    throw new Error(`${what} is [${feed.shape.join(', ')}], expected [${expected.join(', ')}]`)
  }
}

type Kernels = {
  readonly [Op in OpName]: (inputs: readonly Tensor[], node: NodeOf<Op>, context: Context) => Tensor
}

function compute(node: Node, inputs: readonly Tensor[], context: Context): Tensor {
  // `op` selects the kernel of its own type; the compiler cannot follow that through a table.
  return (KERNELS[node.op] as (inputs: readonly Tensor[], node: Node, context: Context) => Tensor)(
    inputs,
    node,
    context,
  )
}

const KERNELS: Kernels = {
  linear: ([x, weight, bias]) => linear(x!, weight!, bias),
  layerNorm: ([x, weight, bias], { attributes }) => layerNorm(x!, weight!, bias!, attributes),
  rmsNorm: ([x, weight], { attributes }) => rmsNorm(x!, weight!, attributes),
  groupNorm: ([x, weight, bias], { attributes }) => groupNorm(x!, weight!, bias!, attributes),
  rope: ([x, positions], { attributes }) => rope(x!, positions!, attributes),
  ropeTable: ([x, cos, sin]) => ropeTable(x!, cos!, sin!),
  attention: ([q, k, v], { attributes }) => attention(q!, k!, v!, attributes),
  relativeAttention: ([q, k, v, rows, columns], { attributes }) =>
    relativeAttention({ q: q!, k: k!, v: v!, rows: rows!, columns: columns! }, attributes),
  kvAttention: ([q, k, v, positions, sinks], { attributes }, { cache }) => {
    if (!cache) throw new Error('kvAttention needs a cache')
    return kvAttention({ q: q!, k: k!, v: v!, positions: positions!, sinks }, attributes, cache)
  },
  causalConv1d: ([x, weight, bias], { attributes }, { states }) =>
    causalConv1d({ x: x!, weight: weight!, bias }, attributes, states),
  selectiveScan: ([x, dt, a, b, c, d, z], { attributes }, { states }) =>
    selectiveScan({ x: x!, dt: dt!, a: a!, b: b!, c: c!, d: d!, z }, attributes, states),
  exp: ([x]) => exp(x!),
  silu: ([x]) => silu(x!),
  relu: ([x]) => relu(x!),
  gelu: ([x], { attributes }) => gelu(x!, attributes.form),
  standardize: ([x], { attributes }) => standardize(x!, attributes.floor),
  softmax: ([x]) => softmax(x!),
  conv2d: ([x, weight, bias], { attributes }) => conv2d(x!, weight!, bias, attributes),
  avgPool2d: ([x], { attributes }) => avgPool2d(x!, attributes.size),
  resizeBilinear: ([x], { attributes }) =>
    resize(x!, attributes, attributes.alignCorners ? linearMatrix : halfPixelMatrix),
  resizeBicubic: ([x], { attributes }) => resize(x!, attributes, cubicMatrix),
  resizeAntialias: ([x], { attributes }) => resize(x!, attributes, antialiasMatrix),
  constant: (_, { attributes: { values }, output }) =>
    tensor(output.shape as readonly number[], Float64Array.from(values)),
  add: ([a, b]) => add(a!, b!),
  sub: ([a, b]) => sub(a!, b!),
  mul: ([a, b]) => mul(a!, b!),
  div: ([a, b]) => div(a!, b!),
  concat: (xs, { attributes }) => concat(xs, attributes.axis),
  expand: ([x, like]) => expand(x!, like!.shape[0]!),
  padEnd: ([x], { attributes: { axis, count } }) =>
    concat([x!, tensor(x!.shape.with(axis, count))], axis),
  slice: ([x], { attributes: { axis, start, end } }) => slice(x!, axis, start, end),
  reshape: ([x], { output }, { dims }) => tensor(resolveShape(output.shape, dims), x!.data),
  transpose: ([x], { attributes }) => transpose(x!, attributes.permutation),
  gather: ([table, indices], { attributes }) => gather(table!, indices!, attributes.batchDims),
  squaredDistances: ([x, table]) => squaredDistances(x!, table!),
  argmin: ([x]) => argmin(x!),
}
