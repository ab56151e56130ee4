/** The decoders that engines are measured with. */
import type { DecoderShape, TowerShape } from '../random-configs.ts'

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

/** SigLIP-base/16-256: of a picture 16² patches, each of which is a position of the decoder. */
const SIGLIP_BASE: TowerShape = {
  ...{ hidden: 768, intermediate: 3072, layers: 12, heads: 12 },
  ...{ patchSize: 16, imageSize: 256 },
}

/** What sees for a decoder in the chats about pictures. */
export const TOWERS: Readonly<Record<ShapeName, TowerShape>> = {
  '0.5b': SIGLIP_BASE,
  '1b': SIGLIP_BASE,
  tiny: {
    ...{ hidden: 64, intermediate: 128, layers: 3, heads: 2 },
    ...{ patchSize: 16, imageSize: 128 },
  },
}

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

/** Positions of the decoder that a picture takes: one a patch. */
export function pictureTokens({ imageSize, patchSize }: TowerShape): number {
  return (imageSize / patchSize) ** 2
}
