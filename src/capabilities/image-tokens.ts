/** What a picture costs in positions, and how that comes about, in words. */
import type { EmbeddingTower, ModelLimits } from '../../models/family.ts'
import { type ImagePreprocessing, mostTilesOf } from '../../models/preprocessing.ts'

export interface ImageTokens {
  readonly min: number
  readonly max: number
  /** Of a tile, or of a merged block; null where it depends on the picture's size. */
  readonly perTile: number | null
  readonly how: string
}

const SHAPES: Readonly<Record<ImagePreprocessing['mode'], string>> = {
  pad: 'padded to a square',
  stretch: 'stretched to a square',
  crop: 'cut to its middle square',
}

/** Of a model that answers. Text that a family writes around pictures is not counted. */
export function tiledImageTokens(
  preprocessing: ImagePreprocessing,
  { tokensPerTile }: Pick<ModelLimits, 'tokensPerTile'>,
): ImageTokens {
  const { featureTiles } = mostTilesOf(preprocessing, 'high')
  const max = featureTiles * tokensPerTile
  const how = howTiled(preprocessing, tokensPerTile)
  return { min: tokensPerTile, max, perTile: tokensPerTile, how }
}

function howTiled({ mode, size, tiling }: ImagePreprocessing, perTile: number): string {
  const tile = `${size}×${size} pixels`
  if (!tiling) return `one tile: the picture ${SHAPES[mode]} of ${tile}, ${perTile} tokens`
  const low = `one tile where detail is low${tiling.onlyAlone ? ' or there are several pictures' : ''}`
  if (tiling.rule === 'scales') {
    const { scales, maxTiles } = tiling
    return (
      `squares of ${scales.slice(0, -1).join(' and ')} pixels a side and up to ${maxTiles} tiles of ${tile} ` +
      `near the picture's aspect, joined to the grid of one scale, ${perTile} tokens a tile of it; ${low}`
    )
  }
  const rule =
    tiling.rule === 'saturated-area'
      ? "whose grid is chosen by the picture's area and aspect"
      : "whose grid is closest to the picture's aspect"
  const thumbnail = tiling.thumbnail ? ', and the whole picture as one more' : ''
  return (
    `${tiling.minTiles} to ${tiling.maxTiles} tiles of ${tile} ${rule}${thumbnail}, ` +
    `${perTile} tokens a tile; ${low}`
  )
}

/** Of a tower that is served alone: a token a patch. */
export function patchTokens(
  { patchSize, step, maxSide }: EmbeddingTower,
  maxPatches: number,
): ImageTokens {
  return {
    min: (step / patchSize) ** 2,
    max: Math.min(maxPatches, Math.floor(maxSide / patchSize) ** 2),
    perTile: null,
    how: `a token a patch of ${patchSize}×${patchSize} pixels, sides rounded to multiples of ${step}`,
  }
}
