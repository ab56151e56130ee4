/**
 * The grid whose aspect is nearest to the picture's, as InternVL chooses it and NVILA after it (`llava/mm_utils.py:
 * dynamic_preprocess`); of two equally near ones the larger, if the picture has more than half the pixels that it needs.
 */
import { candidateGrids } from './candidates.ts'
import type { PictureSize, TileGrid } from './layout.ts'

export function closestRatio(
  { width, height }: PictureSize,
  tileSize: number,
  minTiles: number,
  maxTiles: number,
): TileGrid {
  const aspect = width / height
  let best: TileGrid = { rows: 1, columns: 1 }
  let smallest = Number.POSITIVE_INFINITY
  for (const grid of candidateGrids(minTiles, maxTiles)) {
    const difference = Math.abs(aspect - grid.columns / grid.rows)
    const needed = tileSize * tileSize * grid.columns * grid.rows
    if (difference < smallest || (difference === smallest && width * height > 0.5 * needed)) {
      smallest = difference
      best = grid
    }
  }
  return best
}
