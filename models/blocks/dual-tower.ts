/** What CLIP and SigLIP are served as: a tower of pictures of one size, and one of texts in the same space. */
import type { EmbeddingOutput, EmbeddingTower, ModelLimits, TextTower } from '../family.ts'
import type { Graph } from '../graph/graph.ts'
import type { ImagePreprocessing } from '../preprocessing.ts'
import type { TextTowerConfig } from './text-tower.ts'
import { type VitConfig, vitGrid } from './vit.ts'

export interface DualConfig {
  readonly vision: VitConfig
  readonly text: TextTowerConfig
  /** Channels of an embedding. */
  readonly channels: number
  readonly preprocessing: ImagePreprocessing
}

/** Nothing is answered; a tile has one token a patch. */
export function dualLimits({ vision }: DualConfig): ModelLimits {
  return {
    ...{ vocabSize: 0, maxContext: 0, maxImages: 1 },
    hiddenSize: vision.hiddenSize,
    tokensPerTile: vitGrid(vision) ** 2,
  }
}

/** `pictures`: pixels → the output of that name alone. */
export function dualTower(
  { vision, text, channels, preprocessing }: DualConfig,
  preparation: TextTower['preparation'],
  pictures: (output: string) => Graph,
): EmbeddingTower {
  const { imageSize: side, patchSize } = vision
  const preferred = { height: side, width: side }
  return {
    ...{ patchSize, preferred, step: side, maxSide: side, processing: preprocessing },
    outputs: outputsOf(vision, channels),
    nearest: () => preferred,
    graph: (_, { output }) => pictures(output),
    text: {
      ...{ output: 'embedding', preparation },
      vocabSize: text.vocabSize,
      maxTokens: text.positions,
    },
  }
}

/** What may be asked of a tower of pictures: the vector that texts share, and the map of its patches. */
function outputsOf({ hiddenSize }: VitConfig, channels: number): EmbeddingOutput[] {
  const own = { upsampling: 1 }
  return [
    { ...own, name: 'embedding', output: 'embedding', kind: 'summary', channels },
    { ...own, name: 'features', output: 'features', kind: 'features', channels: hiddenSize },
  ]
}
