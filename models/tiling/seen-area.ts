/** Which part of a picture a tower's input shows: more than there is where it is padded, less where it is cropped. */
import type { PictureSize, TileGrid } from './layout.ts'

/** In pixels of the upright picture; `left` and `top` are negative where padding begins before it. */
export interface PictureArea {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** A grid and what it lies over. */
export interface SeenLevel extends TileGrid {
  readonly area: PictureArea
}

/** What a grid of tiles of `tileSize` pixels covers, by the same roundings as the resize (`src/media/preprocess.ts`). */
export function seenArea(
  mode: 'pad' | 'stretch' | 'crop',
  { width, height }: PictureSize,
  grid: TileGrid,
  tileSize: number,
): PictureArea {
  if (mode === 'stretch') return { left: 0, top: 0, width, height }
  if (mode === 'pad') {
    const side = Math.max(width, height)
    const before = (length: number) => 0 - Math.floor((side - length) / 2)
    return { left: before(width), top: before(height), width: side, height: side }
  }
  const level = { width: grid.columns * tileSize, height: grid.rows * tileSize }
  // The shorter side becomes that of the level, the longer one a whole number of pixels of which the middle is kept.
  const longer = Math.trunc((level.width * Math.max(width, height)) / Math.min(width, height))
  const whole = width <= height ? { ...level, height: longer } : { ...level, width: longer }
  const [across, down] = [width / whole.width, height / whole.height]
  return {
    left: Math.floor((whole.width - level.width) / 2) * across,
    top: Math.floor((whole.height - level.height) / 2) * down,
    width: level.width * across,
    height: level.height * down,
  }
}
