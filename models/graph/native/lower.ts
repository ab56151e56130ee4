/** Writes a graph as a program of the native runtime, or says why it cannot. */
import { adaptableLinears, rowsName } from '../adaptable.ts'
import type { Graph, Node, NodeOf, Value, Weight } from '../graph.ts'
import { antialiasMatrix, cubicMatrix, halfPixelMatrix, linearMatrix } from '../interpolation.ts'
import type { OpName } from '../ops.ts'
import { broadcast, formatShape, productOf, type Shape, sameShape } from '../shape.ts'
import { Draft, type DraftWeight, LEAVES_SOMETHING } from './draft.ts'
import { finish } from './finish.ts'
import { FixedValues } from './fixed.ts'
import { flattenDecoder } from './flatten.ts'
import { Linears } from './linears.ts'
import { Movements } from './movement.ts'
import type { Activation, InstructionOf, Program } from './program.ts'
import { CannotLower } from './refusal.ts'

export interface NativeOptions {
  /**
   * For a quantised weight the elements of a row that share a scale, 0 for all of them; undefined for floats. Absent: all
   * weights are floats.
   */
  groupOf?(weight: Weight): number | undefined
  /** The only outputs that are wanted; absent: all. */
  readonly outputs?: readonly string[]
  /** Whether the graph's stages are outputs, too. */
  readonly stages?: boolean
  /** Whether runs may have adapters; inputs that are quantised are then kept as floats, too, until their last product. */
  readonly adapted?: boolean
}

/** What one of the program's weights is made of, in their order. */
export type NativeWeight = Pick<DraftWeight, 'name' | 'source' | 'shape'>

export type NativeProgram =
  | { readonly program: Program; readonly weights: readonly NativeWeight[] }
  | { readonly refusal: string }

/** Lowers a graph; one that the runtime has no instructions for is answered with the reason. */
export function nativeProgram(graph: Graph, options: NativeOptions = {}): NativeProgram {
  try {
    return lower(flattenDecoder(graph), options)
  } catch (error) {
    if (error instanceof CannotLower) return { refusal: error.message }
    throw error
  }
}

function lower(
  graph: Graph,
  { groupOf = () => undefined, outputs, stages, adapted = false }: NativeOptions,
) {
  const named = [...graph.outputs, ...(stages ? graph.stages : [])]
  const wanted = named.filter(({ name }) => outputs?.includes(name) ?? true)
  const fixed = new FixedValues(graph)
  const draft = new Draft(fixed)
  const inputs = graph.inputs.map(({ name, value }) => ({ name, cell: draft.input(value) }))
  const published = new Set(wanted.map(({ value }) => value))
  const numbers = new Map(
    (adapted ? adaptableLinears(graph) : []).map((linear) => [rowsName(linear), linear.number]),
  )
  const context: Context = {
    draft,
    linears: new Linears(draft, graph, { groupOf, published, adapted: numbers }),
    movements: new Movements(draft),
  }
  const needed = neededNodes(graph, published)
  for (const node of graph.nodes)
    if (needed.has(node) && !fixed.has(node.output)) emit(node, context)
  const results = wanted.map(({ name, value }) => ({ name, cell: draft.read(value) }))
  return finish(graph.name, draft, inputs, results)
}

/** What a wanted value depends on, and what is left to later runs. */
function neededNodes(graph: Graph, wanted: ReadonlySet<Value>): Set<Node> {
  const values = new Set(wanted)
  const needed = new Set<Node>()
  for (const node of graph.nodes.toReversed()) {
    if (!LEAVES_SOMETHING.has(node.op) && !values.has(node.output)) continue
    needed.add(node)
    for (const input of node.inputs) values.add(input)
  }
  return needed
}

interface Context {
  readonly draft: Draft
  readonly linears: Linears
  readonly movements: Movements
}

type Emitters = { readonly [Op in OpName]: (node: NodeOf<Op>, context: Context) => void }

function emit(node: Node, context: Context): void {
  // `op` selects the emitter of its own type; the compiler cannot follow that through a table.
  ;(EMITTERS[node.op] as (node: Node, context: Context) => void)(node, context)
}

const EMITTERS: Emitters = {
  linear: ({ inputs: [x, weight, bias], output }, { draft, linears }) =>
    linears.linear(output, draft.read(x!), weight!, bias),
  layerNorm: (node, { draft }) => same('layerNorm', node, draft, { ...node.attributes }),
  rmsNorm: (node, { draft }) => same('rmsNorm', node, draft, { ...node.attributes }),
  groupNorm: refuse,
  rope: (node, { draft }) => same('rope', node, draft, { ...node.attributes }),
  ropeTable: (node, { draft }) => same('ropeTable', node, draft, { ...node.attributes }),
  attention: (node, { draft }) => same('attention', node, draft, { ...node.attributes }),
  relativeAttention: refuse,
  kvAttention: ({ inputs: [q, k, v, , ...others], attributes, output }, { draft }) => {
    const queryTokens = others.filter(({ type }) => type === 'int32')
    const sinks = others.find(({ type }) => type === 'float32')
    const read = [q!, k!, v!, ...queryTokens].map((x) => draft.read(x))
    const all = { ...attributes, ...(sinks && { sinks: draft.read(sinks) }) }
    draft.set(output, draft.emit('kvAttention', read, output.shape, all))
  },
  causalConv1d: (node, { draft }) => same('causalConv1d', node, draft, node.attributes),
  selectiveScan: (node, { draft }) => same('selectiveScan', node, draft, node.attributes),
  silu: (node, { linears }) => linears.activate(node, 'silu'),
  // Of weights alone it is computed while loading; there is no instruction for more.
  exp: refuse,
  relu: (node, { linears }) => linears.activate(node, 'relu'),
  gelu: (node, { linears }) => linears.activate(node, GELU[node.attributes.form]),
  standardize: refuse,
  softmax: (node, { draft }) => same('softmax', node, draft, {}),
  conv2d: convolution,
  avgPool2d: averages,
  resizeBilinear: (node, context) =>
    resize(node.attributes.alignCorners ? linearMatrix : halfPixelMatrix, node, context),
  resizeBicubic: (node, context) => resize(cubicMatrix, node, context),
  resizeAntialias: (node, context) => resize(antialiasMatrix, node, context),
  // Constants depend on nothing, so they are made while loading.
  constant: refuse,
  add: (node, context) => context.linears.add(node) || binary(node, context),
  sub: binary,
  mul: (node, context) => context.linears.multiply(node) || binary(node, context),
  div: binary,
  concat: (node, { draft }) => same('concat', node, draft, node.attributes),
  expand: ({ inputs: [x], output }, { draft }) =>
    draft.set(output, draft.emit('expand', [draft.read(x!)], output.shape, {})),
  padEnd: (node, { draft }) => same('padEnd', node, draft, node.attributes),
  slice: (node, { draft }) => same('slice', node, draft, node.attributes),
  reshape: ({ inputs: [x], output }, { movements }) => movements.reshape(x!, output),
  transpose: ({ inputs: [x], attributes, output }, { movements }) =>
    movements.transpose(x!, attributes.permutation, output),
  gather: (node, { draft }) => {
    const [table, indices] = node.inputs as [Value, Value]
    if (node.attributes.batchDims !== 0) return refuse(node)
    const count = productOf(indices.shape)
    const places = draft.reshaped(draft.read(indices), [count])
    const read = draft.read(table)
    const rows = draft.emit(
      'gatherRows',
      [read, places],
      [count, ...table.shape.slice(1)],
      {},
      read,
    )
    draft.set(node.output, draft.reshaped(rows, node.output.shape))
  },
  squaredDistances: refuse,
  argmin: refuse,
}

const GELU = { erf: 'gelu_erf', tanh: 'gelu_tanh', quick: 'gelu_quick' } as const satisfies Record<
  string,
  Activation
>

function refuse({ op, inputs }: Node): never {
  throw new CannotLower(`${op} of ${inputs.map(({ shape }) => formatShape(shape)).join(', ')}`)
}

/** An operation that is an instruction of the same name, inputs and attributes. */
function same<
  Op extends
    | 'layerNorm'
    | 'rmsNorm'
    | 'rope'
    | 'ropeTable'
    | 'attention'
    | 'causalConv1d'
    | 'selectiveScan'
    | 'softmax'
    | 'concat'
    | 'padEnd'
    | 'slice',
>(
  op: Op,
  { inputs, output }: Node,
  draft: Draft,
  attributes: Omit<InstructionOf<Op>, 'op' | 'in' | 'out'>,
): void {
  const read = inputs.map((input) => draft.read(input))
  const [{ type }] = read as [(typeof read)[0]]
  // One type: the attributes of an operation and of the instruction of its name.
  draft.set(output, draft.emit(op, read, output.shape, attributes as never, { type }))
}

function binary(
  node: NodeOf<'add' | 'sub' | 'mul' | 'div'>,
  { draft }: Pick<Context, 'draft'>,
): void {
  const { op, inputs, output } = node
  const read = inputs.map((input) => {
    if (isRepeatedInFront(input.shape, output.shape)) return draft.read(input)
    if (!draft.fixed.has(input)) return refuse(node)
    return draft.read(draft.fixed.repeated(input, repeatable(input.shape, output.shape)))
  })
  draft.set(output, draft.emit('binary', read, output.shape, { kind: op }))
}

/** Whether elements repeat along leading axes alone: the shape, but for ones in front, is the end of the other. */
function isRepeatedInFront(shape: Shape, whole: Shape): boolean {
  const own = shape.slice(shape.findIndex((dim) => dim !== 1))
  if (productOf(shape) === 1) return true
  return own.length <= whole.length && sameShape(own, whole.slice(whole.length - own.length))
}

/** The shape at the end of `whole` that a fixed value of `shape` can be repeated to. */
function repeatable(shape: Shape, whole: Shape): number[] {
  const own = shape.slice(shape.findIndex((dim) => dim !== 1))
  const end = broadcast(own, whole.slice(whole.length - own.length))
  if (!end?.every((dim) => typeof dim === 'number'))
    throw new CannotLower(`${formatShape(shape)} along ${formatShape(whole)}`)
  return [...end] as number[]
}

function convolution(node: NodeOf<'conv2d'>, context: Context): void {
  const { inputs, attributes } = node
  const [x, weight] = inputs as [Value, Value]
  const [out, perGroup, height, width] = weight.shape as [number, number, number, number]
  const { stride, padding, groups } = attributes
  const isCut = groups === 1 && padding === 0 && stride === height && stride === width
  const isApart = groups === out && perGroup === 1 && stride === 1
  if (isCut) patches(node, context)
  else if (isApart && context.draft.fixed.has(weight)) depthwise(node, context)
  else {
    const kernel = `kernel ${height}×${width}, stride ${stride}, padding ${padding}, ${groups} groups`
    throw new CannotLower(`conv2d of ${formatShape(x.shape)} with ${kernel}`)
  }
}

/** Channels lie beside each other, as linears and norms have them; so a ConvNeXt's block moves nothing. */
function depthwise(node: NodeOf<'conv2d'>, { draft, movements }: Context): void {
  const { inputs, output, attributes } = node
  const [x, weight, bias] = inputs as [Value, Value, Value | undefined]
  const kernels = draft.read(draft.fixed.channelsLast(weight))
  const read = [movements.read(x, [0, 2, 3, 1]), kernels, ...(bias ? [draft.read(bias)] : [])]
  const [n, channels, rows, columns] = output.shape as [Shape[0], number, number, number]
  const shape = [n, rows, columns, channels]
  const source = draft.emit('depthwiseConv2d', read, shape, { padding: attributes.padding })
  movements.put(output, { source, axes: [[0], [3], [1], [2]] })
}

/** A convolution whose stride is its kernel: patches that do not overlap, and one linear. */
function patches(node: NodeOf<'conv2d'>, { draft, linears, movements }: Context): void {
  const { inputs, output } = node
  const [x, weight, bias] = inputs as [Value, Value, Value | undefined]
  const [out, , height, width] = weight.shape as [number, number, number, number]
  const [n, channels] = x.shape as [Shape[0], number]
  const [rows, columns] = output.shape.slice(2) as [number, number]
  const shape = [n, rows, columns, channels * height * width]
  const cut = draft.emit('unfold', [draft.read(x)], shape, { height, width })
  const source = linears.product(cut, weight, bias, [n, rows, columns, out])
  movements.put(output, { source, axes: [[0], [3], [1], [2]] })
}

/** The mean of each square is a product as well, of every channel by itself. */
function averages(node: NodeOf<'avgPool2d'>, { draft, linears }: Context): void {
  const { inputs, output, attributes } = node
  const { size } = attributes
  const [x] = inputs as [Value]
  const [n, channels, height, width] = x.shape as [Shape[0], number, number, number]
  const maps = productOf([n, channels])
  const apart = draft.reshaped(draft.read(x), [maps, 1, height, width])
  const places = [maps, height / size, width / size]
  const cut = draft.emit('unfold', [apart], [...places, size ** 2], { height: size, width: size })
  const share = draft.fixed.constant(new Array<number>(size ** 2).fill(size ** -2), [1, size ** 2])
  const means = linears.product(cut, share, undefined, [...places, 1])
  draft.set(output, draft.reshaped(means, output.shape))
}

/** Resizing is a product along each axis. */
function resize(
  matrix: (from: number, to: number) => number[],
  node: NodeOf<'resizeBilinear' | 'resizeBicubic' | 'resizeAntialias'>,
  { draft, linears, movements }: Context,
): void {
  const [x] = node.inputs as [Value]
  const { height, width } = node.attributes
  const [n, channels, from, across] = x.shape as [Shape[0], number, number, number]
  const along = (to: number, size: number) => draft.fixed.constant(matrix(size, to), [to, size])
  const wide = linears.product(draft.read(x), along(width, across), undefined, [
    n,
    channels,
    from,
    width,
  ])
  const turned = draft.emit('transpose', [wide], [n, channels, width, from], {
    permutation: [0, 1, 3, 2],
  })
  const source = linears.product(turned, along(height, from), undefined, [
    n,
    channels,
    width,
    height,
  ])
  movements.put(node.output, { source, axes: [[0], [1], [3], [2]] })
}
