/** Attention over a KV cache that stays outside the graph. */
import type { KvGeometry } from '../graph.ts'
import type { KvAttentionAttributes } from '../ops.ts'
import type { OnnxGraph } from './onnx-graph.ts'

/** Large enough to vanish in a softmax, small enough to be added to. */
const MASKED = -1e30
const INT64_MAX = Number.MAX_SAFE_INTEGER

/** Names of a decoder's extra inputs and output. */
export const KEY_POSITIONS = 'key_positions'
export const PRESENT = 'present'
export const pastKey = (layer: number) => `past.${layer}.key`
export const pastValue = (layer: number) => `past.${layer}.value`

/** Names of a kvAttention node's inputs in the ONNX graph. */
export interface KvAttentionInputs {
  readonly q: string
  readonly k: string
  readonly v: string
  readonly positions: string
  readonly sinks?: string | undefined
}

/**
 * Adds to a decoder:
 * - inputs `past.N.key`, `past.N.value` [batch, kvHeads, 1, past, headDim]: what each sequence has
 *   seen, padded at the end;
 * - input `key_positions` [batch, past + steps]: the position of every key; a query at p sees keys
 *   at positions ≤ p, so padding has a position that no query reaches;
 * - output `present` [batch, steps, layers·2·kvHeads·headDim]: the new keys and values, layer by
 *   layer.
 *
 * The past is read in place and never copied or returned: the binding copies whatever it returns,
 * which rules out GroupQueryAttention. Each query head has a matrix of its own, and those of a group
 * share their keys by broadcasting: a decode step is then made of products with one row, which read
 * the past as it lies, while the library first packs it for products with more.
 */
export class KvAttentionLowering {
  readonly #onnx: OnnxGraph
  readonly #geometry: KvGeometry
  readonly #present: string[] = []
  readonly #pastLength: string
  readonly #biases = new Map<string, string>()

  constructor(onnx: OnnxGraph, geometry: KvGeometry) {
    this.#onnx = onnx
    this.#geometry = geometry
    onnx.input(KEY_POSITIONS, 'int32', ['batch', 'past_and_steps'])
    for (let layer = 0; layer < geometry.layers; layer++) {
      for (const name of [pastKey(layer), pastValue(layer)]) {
        onnx.input(name, 'float32', ['batch', geometry.kvHeads, 1, 'past', geometry.headDim])
      }
    }
    this.#pastLength = onnx.add('Shape', [pastKey(0)], { start: 3, end: 4 })
  }

  /** As the operation `kvAttention` of the graph language. */
  emit(inputs: KvAttentionInputs, attributes: KvAttentionAttributes): string {
    const { q, k, v, positions, sinks } = inputs
    const { layer, heads, kvHeads, headDim, scale, window, softCap } = attributes
    const onnx = this.#onnx
    this.#present.push(k, v)
    const queries = this.#splitHeads(q, kvHeads, heads / kvHeads)
    const keys = this.#splitHeads(k, kvHeads, 1)
    const values = this.#splitHeads(v, kvHeads, 1)

    const scaled = onnx.add('Mul', [queries, onnx.floats([scale])])
    const score = (against: string) =>
      onnx.add('MatMul', [scaled, onnx.add('Transpose', [against], { perm: [0, 1, 2, 4, 3] })])
    const scores = this.#capped(
      onnx.add('Concat', [score(pastKey(layer)), score(keys)], { axis: 4 }),
      softCap,
    )
    const masked = onnx.add('Add', [scores, this.#bias(positions, window)])
    const all = sinks ? this.#withSinks(masked, sinks, [kvHeads, heads / kvHeads, 1, 1]) : masked
    const weights = onnx.add('Softmax', [all], { axis: -1 })

    const past = this.#pastLength
    const lastAxis = onnx.int64s([4])
    const onPast = onnx.add('Slice', [weights, onnx.int64s([0]), past, lastAxis])
    const onNew = onnx.add('Slice', [
      weights,
      past,
      onnx.int64s([sinks ? -1 : INT64_MAX]),
      lastAxis,
    ])
    const mixed = onnx.add('Add', [
      onnx.add('MatMul', [onPast, pastValue(layer)]),
      onnx.add('MatMul', [onNew, values]),
    ])
    return this.#reshape(onnx.add('Transpose', [mixed], { perm: [0, 3, 1, 2, 4] }), [
      0,
      0,
      heads * headDim,
    ])
  }

  /** cap · tanh(scores / cap) */
  #capped(scores: string, cap: number | undefined): string {
    if (cap === undefined) return scores
    const onnx = this.#onnx
    const inner = onnx.add('Tanh', [onnx.add('Div', [scores, onnx.floats([cap])])])
    return onnx.add('Mul', [inner, onnx.floats([cap])])
  }

  /** One more score at the end, each head's sink: [batch, kvHeads, group, steps, past + steps + 1]. */
  #withSinks(scores: string, sinks: string, shape: readonly number[]): string {
    const onnx = this.#onnx
    const [start, end, axis] = [0, 1, 4].map((number) => onnx.int64s([number])) as [
      string,
      string,
      string,
    ]
    const column = onnx.add('Shape', [onnx.add('Slice', [scores, start, end, axis])])
    const sink = onnx.add('Expand', [this.#reshape(sinks, shape), column])
    return onnx.add('Concat', [scores, sink], { axis: 4 })
  }

  /** Declares the output `present`; called once, after every layer was emitted. */
  publishPresent(): void {
    const { layers, kvHeads, headDim } = this.#geometry
    const all = this.#onnx.add('Concat', this.#present, { axis: 2 })
    this.#onnx.output(PRESENT, all, ['batch', 'steps', layers * 2 * kvHeads * headDim])
  }

  /** [batch, steps, kvHeads·group·headDim] → [batch, kvHeads, group, steps, headDim]. */
  #splitHeads(x: string, kvHeads: number, group: number): string {
    const apart = this.#reshape(x, [0, 0, kvHeads, group, this.#geometry.headDim])
    return this.#onnx.add('Transpose', [apart], { perm: [0, 2, 3, 1, 4] })
  }

  /** 0 where a query may look, MASKED elsewhere: [batch, 1, 1, steps, past + steps]. */
  #bias(positions: string, window: number | undefined): string {
    const name = `${positions}:${window}`
    const known = this.#biases.get(name)
    if (known) return known
    const onnx = this.#onnx
    const keys = onnx.add('Unsqueeze', [KEY_POSITIONS, onnx.int64s([1, 2, 3])])
    const queries = onnx.add('Unsqueeze', [positions, onnx.int64s([1, 2, 4])])
    let visible = onnx.add('LessOrEqual', [keys, queries])
    if (window !== undefined) {
      const outside = onnx.add('Sub', [queries, onnx.int32s([window])])
      visible = onnx.add('And', [visible, onnx.add('Greater', [keys, outside])])
    }
    const made = onnx.add('Where', [visible, onnx.floats([0]), onnx.floats([MASKED])])
    this.#biases.set(name, made)
    return made
  }

  #reshape(x: string, shape: readonly number[]): string {
    return this.#onnx.add('Reshape', [x, this.#onnx.int64s(shape)])
  }
}
