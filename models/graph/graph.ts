/** A graph: what a part of a model computes, without values, device or backend. */
import type { KvAttentionAttributes, OpAttributes, OpName } from './ops.ts'
import type { Shape } from './shape.ts'

export type ElementType = 'float32' | 'int32'

/** A tensor inside one graph. Compared by identity. */
export interface Value {
  readonly id: number
  readonly shape: Shape
  readonly type: ElementType
}

/** A tensor of the checkpoint, by name; its shape holds numbers only. */
export interface Weight extends Value {
  readonly name: string
  readonly shape: readonly number[]
  /** Set for what can be computed: a checkpoint may hold it, once or several times, or not at all. */
  readonly derived?: DerivedWeight
}

/** A table that the published code computes when it starts, and saves with some checkpoints. */
export interface DerivedWeight {
  /** Other names that the same tensor may be saved under. */
  readonly copies: readonly string[]
  /** What it holds where no name is in the checkpoint. A saved one may be rounded, and is what the model was trained with. */
  values(): readonly number[]
}

export interface NamedValue {
  readonly name: string
  readonly value: Value
}

export interface NodeOf<Op extends OpName> {
  readonly op: Op
  readonly inputs: readonly Value[]
  readonly attributes: OpAttributes[Op]
  readonly output: Value
}

/** One operation, discriminated by `op`. */
export type Node = { [Op in OpName]: NodeOf<Op> }[OpName]

/** Nodes are in an order in which they can be run. */
export interface Graph {
  readonly name: string
  readonly inputs: readonly NamedValue[]
  readonly weights: readonly Weight[]
  readonly nodes: readonly Node[]
  readonly outputs: readonly NamedValue[]
  /** Intermediate values that parity tests may ask for. */
  readonly stages: readonly NamedValue[]
}

/** Geometry of the KV cache that a decoder graph needs. */
export interface KvGeometry {
  readonly layers: number
  readonly kvHeads: number
  readonly headDim: number
}

/**
 * Reads the cache's geometry off a decoder graph; throws when the layers differ or are not numbered
 * 0, 1, ….
 */
export function kvGeometry(graph: Graph): KvGeometry {
  const layers: KvAttentionAttributes[] = []
  for (const node of graph.nodes) if (node.op === 'kvAttention') layers.push(node.attributes)
  const [first] = layers
  if (!first) throw new Error(`graph ${graph.name}: no kvAttention, so it is not a decoder`)
  for (const [i, { layer, kvHeads, headDim }] of layers.entries()) {
    if (layer !== i) throw new Error(`graph ${graph.name}: KV layer ${layer} stands at place ${i}`)
    if (kvHeads !== first.kvHeads || headDim !== first.headDim) {
      throw new Error(
        `graph ${graph.name}: KV layer ${i} has ${kvHeads}×${headDim}, layer 0 has ${first.kvHeads}×${first.headDim}`,
      )
    }
  }
  return { layers: layers.length, kvHeads: first.kvHeads, headDim: first.headDim }
}

/**
 * Floats of each recurrent state that a sequence of a decoder has, in their order; none for most. Throws when they are not
 * numbered 0, 1, ….
 */
export function recurrenceSizes(graph: Graph): number[] {
  const sizes: number[] = []
  for (const { op, inputs, attributes } of graph.nodes) {
    if (op !== 'causalConv1d' && op !== 'selectiveScan') continue
    const { recurrence } = attributes
    if (recurrence !== sizes.length)
      throw new Error(
        `graph ${graph.name}: recurrence ${recurrence} stands at place ${sizes.length}`,
      )
    const [rows, channels] = inputs[op === 'causalConv1d' ? 1 : 2]!.shape as [number, number]
    // A convolution keeps what it read last, but for the step itself.
    sizes.push((op === 'causalConv1d' ? rows - 1 : rows) * channels)
  }
  return sizes
}
