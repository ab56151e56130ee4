/** Which tiles a picture becomes: a family's published rule, as data, and what it gives for one picture. */

/** Squares of the tower's size, row-major; the whole picture is resized to fill them, whatever its aspect. */
export interface TileGrid {
  readonly rows: number
  readonly columns: number
}

/** Grids over the same picture, in the order in which the model reads their tiles. */
export interface PictureLayout {
  readonly levels: readonly TileGrid[]
  /** Tiles of all levels. */
  readonly tiles: number
}

/** Upright, in pixels. */
export interface PictureSize {
  readonly width: number
  readonly height: number
}

export const ONE_TILE: PictureLayout = layoutOf([{ rows: 1, columns: 1 }])

export function layoutOf(levels: readonly TileGrid[]): PictureLayout {
  return { levels, tiles: levels.reduce((sum, { rows, columns }) => sum + rows * columns, 0) }
}

/** The level with the most tiles, which shows the picture most closely. */
export function finestLevel({ levels }: PictureLayout): TileGrid {
  return levels.reduce((best, level) =>
    level.rows * level.columns > best.rows * best.columns ? level : best,
  )
}

/** The level whose grid the features of several scales are brought to; a picture of one tile has but one level. */
export function outputLevel({ levels }: PictureLayout, outputScale: number): TileGrid {
  return levels[outputScale] ?? levels[0]!
}
