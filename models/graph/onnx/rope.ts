/** Rotary position embedding in ONNX: angles once a run, one RotaryEmbedding a use. */
import type { RopeAttributes } from '../ops.ts'
import type { OnnxGraph } from './onnx-graph.ts'
import { ONNX_TYPE } from './protobuf.ts'

export class RopeLowering {
  readonly #onnx: OnnxGraph
  readonly #angles = new Map<string, { readonly cos: string; readonly sin: string }>()

  constructor(onnx: OnnxGraph) {
    this.#onnx = onnx
  }

  /** x [batch, steps, heads·headDim] rotated by positions [batch, steps]. */
  emit(
    x: string,
    positions: string,
    { heads, inverseFrequencies, headDim, style, magnitude }: RopeAttributes,
  ): string {
    const { cos, sin } = this.#anglesOf(positions, inverseFrequencies, magnitude)
    const rotated = inverseFrequencies.length * 2
    return this.#onnx.add('RotaryEmbedding', [x, cos, sin], {
      num_heads: heads,
      interleaved: style === 'interleaved' ? 1 : 0,
      // 0 stands for the whole head.
      rotary_embedding_dim: rotated === headDim ? 0 : rotated,
    })
  }

  /** cos and sin [batch, steps, rotated/2]; shared by all layers that rotate alike. */
  #anglesOf(positions: string, frequencies: readonly number[], magnitude: number) {
    const key = `${positions}:${magnitude}:${frequencies.join()}`
    const known = this.#angles.get(key)
    if (known) return known
    const onnx = this.#onnx
    const column = onnx.add('Unsqueeze', [
      onnx.add('Cast', [positions], { to: ONNX_TYPE.float32 }),
      onnx.int64s([-1]),
    ])
    const angles = onnx.add('Mul', [column, onnx.floats(frequencies)])
    const scaled = (table: string) =>
      magnitude === 1 ? table : onnx.add('Mul', [table, onnx.floats([magnitude])])
    const made = {
      cos: scaled(onnx.add('Cos', [angles])),
      sin: scaled(onnx.add('Sin', [angles])),
    }
    this.#angles.set(key, made)
    return made
  }
}

/** As the operation `ropeTable` of the graph language. */
export function emitRopeTable(
  onnx: OnnxGraph,
  { x, cos, sin }: { readonly x: string; readonly cos: string; readonly sin: string },
  heads: number,
  headDim: number,
): string {
  const apart = onnx.add('Reshape', [x, onnx.int64s([0, 0, heads, headDim])])
  const forHeads = (table: string) => onnx.add('Unsqueeze', [table, onnx.int64s([1])])
  // The other of each pair, the first of them negated, as a product: (a, b) → (−b, a).
  const turn = new Array<number>(headDim * headDim).fill(0)
  for (let even = 0; even < headDim; even += 2) {
    turn[(even + 1) * headDim + even] = -1
    turn[even * headDim + even + 1] = 1
  }
  const turned = onnx.add('MatMul', [apart, onnx.floats(turn, [headDim, headDim])])
  const rotated = onnx.add('Add', [
    onnx.add('Mul', [apart, forHeads(cos)]),
    onnx.add('Mul', [turned, forHeads(sin)]),
  ])
  return onnx.add('Reshape', [rotated, onnx.int64s([0, 0, heads * headDim])])
}
