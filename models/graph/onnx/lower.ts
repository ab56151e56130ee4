/** Lowers a graph to ONNX for ONNX Runtime on a CPU: one emitter an operation. */
import { AerieError } from '../../../src/errors.ts'
import type { Graph, Node, NodeOf, Value, Weight } from '../graph.ts'
import { kvGeometry } from '../graph.ts'
import { antialiasMatrix, cubicMatrix, halfPixelMatrix, linearMatrix } from '../interpolation.ts'
import type { OpName } from '../ops.ts'
import type { Dim, Shape } from '../shape.ts'
import { KvAttentionLowering } from './kv-attention.ts'
import { OnnxGraph } from './onnx-graph.ts'
import { ONNX_TYPE } from './protobuf.ts'
import {
  type QuantisedLocation,
  QuantisedLowering,
  type QuantisedRows,
  type StoredData,
} from './quantised-linear.ts'
import { emitRelativeAttention } from './relative-attention.ts'
import { emitRopeTable, RopeLowering } from './rope.ts'

/** Where a weight's bytes lie, and in which type they are stored, or how they are quantised. */
export type WeightLocation = StoredData | QuantisedLocation

export interface LowerOptions {
  /** Undefined for a derived weight that the checkpoint does not hold. */
  readonly locate: (weight: Weight) => WeightLocation | undefined
  /** Also publish the graph's stages as outputs, under their names. */
  readonly stages?: boolean
}

/** What an emitter works with: the ONNX graph and the names of its inputs in it. */
interface Emission {
  readonly onnx: OnnxGraph
  readonly inputs: readonly string[]
  readonly rope: RopeLowering
  readonly kv: () => KvAttentionLowering
}

type Emitters = { readonly [Op in OpName]: (node: NodeOf<Op>, emission: Emission) => string }

/**
 * The bytes of an ONNX model. Inputs and outputs keep their names; a decoder gains the inputs and
 * the output that {@link KvAttentionLowering} describes. Every output is float32, which holds
 * indices up to 2²⁴ exactly. Weights stay in their files and are widened when loaded.
 */
export function lowerToOnnx(graph: Graph, options: LowerOptions): Uint8Array {
  const onnx = new OnnxGraph(graph.name)
  const names = new Map<Value, string>()
  const nameOf = (value: Value) => names.get(value) ?? unknownValue(graph, value)
  for (const { name, value } of graph.inputs)
    names.set(value, onnx.input(name, value.type, value.shape))
  const quantised = new Map<Value, QuantisedRows>()
  for (const weight of graph.weights) {
    const location = options.locate(weight)
    if (location && 'bits' in location) quantised.set(weight, wholeWeight(weight, location))
    else names.set(weight, emitWeight(onnx, weight, location))
  }
  const linears = new QuantisedLowering(onnx)

  const rope = new RopeLowering(onnx)
  let attention: KvAttentionLowering | undefined
  const kv = () => {
    attention ??= new KvAttentionLowering(onnx, kvGeometry(graph))
    return attention
  }
  for (const node of graph.nodes) {
    const rows = node.inputs.map((input) => quantised.get(input)).find((found) => found)
    if (rows && node.op === 'linear') {
      const [x, , bias] = node.inputs
      names.set(node.output, linears.linear(nameOf(x!), rows, bias && nameOf(bias)))
      continue
    }
    if (rows) {
      quantised.set(node.output, rowsOf(graph, node, rows))
      continue
    }
    names.set(node.output, emit(node, { onnx, inputs: node.inputs.map(nameOf), rope, kv }))
  }
  const published = options.stages ? [...graph.outputs, ...graph.stages] : graph.outputs
  for (const { name, value } of published)
    onnx.output(name, asFloats(onnx, value, nameOf(value)), value.shape)
  attention?.publishPresent()
  return onnx.encode()
}

function emit(node: Node, emission: Emission): string {
  // `op` selects the emitter of its own type; the compiler cannot follow that through a table.
  return (EMITTERS[node.op] as (node: Node, emission: Emission) => string)(node, emission)
}

function wholeWeight({ name, shape }: Weight, location: QuantisedLocation): QuantisedRows {
  const [out, width] = shape as readonly [number, number]
  return { name, location, shape: [out, width], start: 0, end: out }
}

/** Rows of a quantised weight that is a stack of several. */
function rowsOf(graph: Graph, node: Node, rows: QuantisedRows): QuantisedRows {
  if (node.op !== 'slice' || node.attributes.axis !== 0)
    throw new AerieError(
      'invalid_package',
      `graph ${graph.name}: weight ${rows.name} is quantised, and ${node.op} reads it, expected linear alone`,
    )
  const { start, end } = node.attributes
  return { ...rows, start: rows.start + start, end: rows.start + end }
}

/** Another stored type is converted by a Cast that ONNX Runtime folds away while loading. */
function emitWeight(onnx: OnnxGraph, weight: Weight, location: StoredData | undefined): string {
  if (!location) return onnx.floats(derivedValues(weight), weight.shape)
  const { type, ...data } = location
  const stored = onnx.external(weight.name, type, weight.shape, data)
  return type === weight.type ? stored : onnx.add('Cast', [stored], { to: ONNX_TYPE[weight.type] })
}

function asFloats(onnx: OnnxGraph, { type }: Value, name: string): string {
  return type === 'float32' ? name : onnx.add('Cast', [name], { to: ONNX_TYPE.float32 })
}

/** The state would go in and out of every run by way of the binding, which copies what it returns. */
function refuseRecurrence({ op, inputs: [x] }: Node): never {
  throw new AerieError(
    'invalid_package',
    `${op} of [${x!.shape.join(', ')}]: ONNX Runtime has no operator for it; the native and the reference backend run it`,
  )
}

const EMITTERS: Emitters = {
  linear: (_, { onnx, inputs: [x, weight, bias] }) => {
    // Packed once from [out, in] as it lies: a Transpose would be folded first, which takes as long as all the rest of loading.
    const y = onnx.add('FusedMatMul', [x!, weight!], { transB: 1 }, { domain: 'com.microsoft' })
    return bias === undefined ? y : onnx.add('Add', [y, bias])
  },
  layerNorm: (node, emission) => norm('LayerNormalization', node, emission),
  rmsNorm: (node, emission) => norm('RMSNormalization', node, emission),
  groupNorm: ({ attributes: { groups, epsilon } }, { onnx, inputs }) =>
    onnx.add('GroupNormalization', inputs, { num_groups: groups, epsilon: { float: epsilon } }),
  rope: ({ attributes }, { rope, inputs: [x, positions] }) => rope.emit(x!, positions!, attributes),
  ropeTable: ({ inputs: [from], attributes: { heads } }, { onnx, inputs: [x, cos, sin] }) =>
    emitRopeTable(onnx, { x: x!, cos: cos!, sin: sin! }, heads, headDimOf(from!, heads)),
  attention: ({ attributes }, { onnx, inputs }) =>
    // Not faster than standard operators at a hundred tokens, but it never holds all scores at once.
    onnx.add(
      'MultiHeadAttention',
      inputs,
      {
        ...{ num_heads: attributes.heads, scale: { float: attributes.scale } },
        ...(attributes.causal && { unidirectional: 1 }),
      },
      { domain: 'com.microsoft' },
    ),
  relativeAttention: ({ inputs: [from], attributes }, { onnx, inputs: [q, k, v, rows, columns] }) =>
    emitRelativeAttention(
      onnx,
      { q: q!, k: k!, v: v!, rows: rows!, columns: columns! },
      { ...attributes, headDim: headDimOf(from!, attributes.heads) },
    ),
  kvAttention: ({ attributes }, { kv, inputs: [q, k, v, positions, sinks] }) =>
    kv().emit({ q: q!, k: k!, v: v!, positions: positions!, sinks }, attributes),
  causalConv1d: (node) => refuseRecurrence(node),
  selectiveScan: (node) => refuseRecurrence(node),
  exp: (_, { onnx, inputs }) => onnx.add('Exp', inputs),
  silu: (_, { onnx, inputs: [x] }) => onnx.add('Mul', [x!, onnx.add('Sigmoid', [x!])]),
  relu: (_, { onnx, inputs }) => onnx.add('Relu', inputs),
  gelu: ({ attributes: { form } }, { onnx, inputs: [x] }) => {
    if (form !== 'quick')
      return onnx.add('Gelu', [x!], { approximate: form === 'tanh' ? 'tanh' : 'none' })
    const scaled = onnx.add('Mul', [x!, onnx.floats([1.702])])
    return onnx.add('Mul', [x!, onnx.add('Sigmoid', [scaled])])
  },
  standardize: ({ inputs: [from], attributes: { floor } }, { onnx, inputs: [x] }) => {
    // Axis by axis, so that no sum runs over millions of values.
    const mean = (value: string) =>
      from!.shape
        .slice(1)
        .reduceRight<string>(
          (sum, _, i) => onnx.add('ReduceMean', [sum, onnx.int64s([i + 1])], { keepdims: 1 }),
          value,
        )
    const centred = onnx.add('Sub', [x!, mean(x!)])
    const deviation = onnx.add('Sqrt', [mean(onnx.add('Mul', [centred, centred]))])
    return onnx.add('Div', [centred, onnx.add('Max', [deviation, onnx.floats([floor])])])
  },
  softmax: (_, { onnx, inputs }) => onnx.add('Softmax', inputs, { axis: -1 }),
  conv2d: ({ attributes: { stride, padding, groups } }, { onnx, inputs }) =>
    onnx.add('Conv', inputs, {
      strides: [stride, stride],
      pads: Array(4).fill(padding),
      group: groups,
    }),
  avgPool2d: ({ attributes: { size } }, { onnx, inputs }) =>
    onnx.add('AveragePool', inputs, { kernel_shape: [size, size], strides: [size, size] }),
  resizeBilinear: (node, emission) =>
    resize(node.attributes.alignCorners ? linearMatrix : halfPixelMatrix, node, emission),
  resizeBicubic: (node, emission) => resize(cubicMatrix, node, emission),
  resizeAntialias: (node, emission) => resize(antialiasMatrix, node, emission),
  constant: ({ attributes: { values }, output }, { onnx }) =>
    onnx.floats(values, output.shape as readonly number[]),
  add: (_, { onnx, inputs }) => onnx.add('Add', inputs),
  sub: (_, { onnx, inputs }) => onnx.add('Sub', inputs),
  mul: (_, { onnx, inputs }) => onnx.add('Mul', inputs),
  div: (_, { onnx, inputs }) => onnx.add('Div', inputs),
  concat: ({ attributes }, { onnx, inputs }) =>
    onnx.add('Concat', inputs, { axis: attributes.axis }),
  expand: ({ inputs: [from] }, { onnx, inputs: [x, like] }) => {
    const count = onnx.add('Shape', [like!], { start: 0, end: 1 })
    const ones = onnx.int64s(from!.shape.slice(1).map(() => 1))
    return onnx.add('Expand', [x!, onnx.add('Concat', [count, ones], { axis: 0 })])
  },
  padEnd: ({ inputs: [from], attributes: { axis, count } }, { onnx, inputs: [x] }) => {
    const ends = from!.shape.map((_, i) => (i === axis ? count : 0))
    return onnx.add('Pad', [x!, onnx.int64s([...ends.map(() => 0), ...ends])])
  },
  slice: ({ attributes: { axis, start, end } }, { onnx, inputs: [x] }) =>
    onnx.add('Slice', [x!, onnx.int64s([start]), onnx.int64s([end]), onnx.int64s([axis])]),
  reshape: ({ inputs: [from], output }, { onnx, inputs: [x] }) =>
    onnx.add('Reshape', [x!, onnx.int64s(reshapeTarget(from!.shape, output.shape))]),
  transpose: ({ attributes }, { onnx, inputs }) =>
    onnx.add('Transpose', inputs, { perm: attributes.permutation }),
  gather: ({ attributes: { batchDims } }, { onnx, inputs: [table, indices] }) => {
    if (batchDims === 0) return onnx.add('Gather', [table!, indices!], { axis: 0 })
    const wide = onnx.add('Cast', [indices!], { to: ONNX_TYPE.int64 })
    const places = onnx.add('Unsqueeze', [wide, onnx.int64s([-1])])
    return onnx.add('GatherND', [table!, places], { batch_dims: 1 })
  },
  squaredDistances: (_, { onnx, inputs: [x, table] }) => {
    // |x|² − 2 x·t + |t|²; what concerns the table alone is folded while loading.
    const last = onnx.int64s([-1])
    const ofRows = onnx.add('ReduceSumSquare', [table!, last], { keepdims: 0 })
    const ofX = onnx.add('ReduceSumSquare', [x!, last], { keepdims: 1 })
    const twice = onnx.add('Mul', [table!, onnx.floats([-2])])
    const products = onnx.add('MatMul', [x!, onnx.add('Transpose', [twice], { perm: [1, 0] })])
    return onnx.add('Add', [onnx.add('Add', [products, ofX]), ofRows])
  },
  argmin: (_, { onnx, inputs: [x] }) => {
    const place = onnx.add('ArgMin', [x!], { axis: -1, keepdims: 0 })
    return onnx.add('Cast', [place], { to: ONNX_TYPE.int32 })
  },
}

function norm(
  op: 'LayerNormalization' | 'RMSNormalization',
  { attributes: { epsilon, weightOffset } }: NodeOf<'layerNorm' | 'rmsNorm'>,
  { onnx, inputs: [x, weight, ...bias] }: Emission,
): string {
  // The sum is folded while loading.
  const whole =
    weightOffset === 0 ? weight! : onnx.add('Add', [weight!, onnx.floats([weightOffset])])
  return onnx.add(op, [x!, whole, ...bias], { axis: -1, epsilon: { float: epsilon } })
}

/** ONNX spells a dimension kept in place 0, and one that follows from the rest −1. */
function reshapeTarget(from: Shape, to: Shape): number[] {
  const target = to.map((dim, i) => (typeof dim === 'number' ? dim : dim === from[i] ? 0 : -1))
  if (target.filter((dim) => dim === -1).length > 1) {
    throw new Error(
      `reshape [${from.join(', ')}] → [${to.join(', ')}] has two dimensions that ONNX cannot infer`,
    )
  }
  return target
}

/** Two products with constant matrices, because runtimes differ in Resize's corner cases. */
function resize(
  matrix: (from: number, to: number) => number[],
  {
    inputs: [source],
    attributes: { height, width },
  }: NodeOf<'resizeBilinear' | 'resizeBicubic' | 'resizeAntialias'>,
  { onnx, inputs: [x] }: Emission,
): string {
  const [, , fromHeight, fromWidth] = source!.shape as [Dim, Dim, number, number]
  const rows = onnx.floats(matrix(fromHeight, height), [height, fromHeight])
  const columns = onnx.floats(matrix(fromWidth, width), [width, fromWidth])
  return onnx.add('MatMul', [
    onnx.add('MatMul', [rows, x!]),
    onnx.add('Transpose', [columns], { perm: [1, 0] }),
  ])
}

function headDimOf({ shape }: Value, heads: number): number {
  return (shape.at(-1) as number) / heads
}

function derivedValues({ name, derived }: Weight): readonly number[] {
  if (!derived) throw new Error(`weight ${name} has no tensor`)
  return derived.values()
}

function unknownValue(graph: Graph, value: Value): never {
  throw new Error(
    `graph ${graph.name}: value ${value.id} of [${value.shape.join(', ')}] belongs to another graph`,
  )
}
