/** The decoders that engines are measured with. */
import type { DecoderShape } from '../random-configs.ts'

export const SHAPES = {
  /** Qwen2.5-0.5B. */
  '0.5b': {
    modelType: 'qwen2',
    hidden: 896,
    intermediate: 4864,
    layers: 24,
    heads: 14,
    kvHeads: 2,
    headDim: 64,
    vocabulary: 151_936,
    maxPositions: 32_768,
    ropeTheta: 1_000_000,
    isTied: true,
  },
  /** Llama-3.2-1B, of whose 131072 positions as many. */
  '1b': {
    modelType: 'llama',
    hidden: 2048,
    intermediate: 8192,
    layers: 16,
    heads: 32,
    kvHeads: 8,
    headDim: 64,
    vocabulary: 128_256,
    maxPositions: 32_768,
    ropeTheta: 500_000,
    isTied: true,
  },
  /** Of no published model: to see that everything runs. */
  tiny: {
    modelType: 'qwen2',
    hidden: 128,
    intermediate: 256,
    layers: 2,
    heads: 4,
    kvHeads: 2,
    headDim: 32,
    vocabulary: 512,
    maxPositions: 4096,
    ropeTheta: 1_000_000,
    isTied: true,
  },
} as const satisfies Readonly<Record<string, DecoderShape>>

export type ShapeName = keyof typeof SHAPES

/** What a step multiplies with; a table that is only looked up is not part of it. */
export interface StepWeights {
  /** For every position. */
  readonly layers: number
  /** For positions whose logits are wanted. */
  readonly head: number
}

export function stepWeights(shape: DecoderShape): StepWeights {
  const { hidden, intermediate, layers, heads, kvHeads, headDim, vocabulary } = shape
  const attention = 2 * hidden * headDim * (heads + kvHeads)
  return { layers: layers * (attention + 3 * hidden * intermediate), head: vocabulary * hidden }
}
