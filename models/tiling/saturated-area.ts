/**
 * Eagle 2's grid: enough tiles for most of the picture's pixels, times how near the aspects are. From 60 % of the pixels on,
 * only the aspect counts (`image_processing_eagle2_5_vl_fast.py: find_closest_aspect_ratio`; float64, operations in its order).
 */
import { candidateGrids } from './candidates.ts'
import type { PictureSize, TileGrid } from './layout.ts'

const ENOUGH = 0.6

export function saturatedArea(
  { width, height }: PictureSize,
  tileSize: number,
  minTiles: number,
  maxTiles: number,
): TileGrid {
  const aspect = width / height
  const area = width * height
  let best: TileGrid = { rows: 1, columns: 1 }
  let highest = Number.NEGATIVE_INFINITY
  for (const grid of candidateGrids(minTiles, maxTiles)) {
    const ratio = grid.columns / grid.rows
    const covered = Math.min((grid.columns * grid.rows * tileSize * tileSize) / area, ENOUGH)
    const score = covered * Math.min(ratio / aspect, aspect / ratio)
    if (score > highest) {
      highest = score
      best = grid
    }
  }
  return best
}
