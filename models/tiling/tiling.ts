/** The published rules by which a picture becomes tiles. */
import { closestRatio } from './closest-ratio.ts'
import {
  layoutOf,
  ONE_TILE,
  type PictureLayout,
  type PictureSize,
  type TileGrid,
} from './layout.ts'
import { saturatedArea } from './saturated-area.ts'
import { type SharedContext, shareContext } from './shared-context.ts'

export type Tiling = GridTiling | ScaleTiling

/** One grid, chosen by the picture's size. */
interface GridTiling {
  /** `saturated-area`: Eagle 2 and 2.5. `closest-ratio`: NVILA's `dynamic`. */
  readonly rule: 'saturated-area' | 'closest-ratio'
  readonly minTiles: number
  readonly maxTiles: number
  /** Whether the whole picture as one tile follows, where the grid has more than one. */
  readonly thumbnail: boolean
  /** Several pictures in a conversation get one tile each. */
  readonly onlyAlone: boolean
  /** Absent: each picture has its tiles, however many pictures there are. */
  readonly shared?: SharedContext
}

/** NVILA's dynamic S2 (`llava/mm_utils.py: dynamic_s2_preprocess`): square grids, then one near the picture's aspect. */
interface ScaleTiling {
  readonly rule: 'scales'
  /** Sides in pixels, ascending; the first is the tile's own. */
  readonly scales: readonly number[]
  /** Of the last scale; it has at least as many as its square. */
  readonly maxTiles: number
  /** Index of the scale that the features of all are brought to. */
  readonly outputScale: number
  readonly onlyAlone: true
}

/** A picture to be cut, of which some get one tile whatever the rule. */
export interface PictureToTile {
  readonly size: PictureSize
  readonly isOneTile: boolean
}

/** The tiles of each picture of a conversation. */
export function tilePictures(
  tiling: Tiling,
  tileSize: number,
  pictures: readonly PictureToTile[],
): PictureLayout[] {
  const isCut = !tiling.onlyAlone || pictures.length === 1
  const layOut = (tiling: Tiling) =>
    pictures.map(({ size, isOneTile }) =>
      isOneTile || !isCut ? ONE_TILE : tilePicture(tiling, tileSize, size),
    )
  if (tiling.rule === 'scales' || !tiling.shared) return layOut(tiling)
  return shareContext(tiling.shared, tiling.maxTiles, (maxTiles) => layOut({ ...tiling, maxTiles }))
}

function tilePicture(tiling: Tiling, tileSize: number, picture: PictureSize): PictureLayout {
  if (tiling.rule === 'scales') {
    const squares = tiling.scales.map((scale): TileGrid => {
      const side = scale / tileSize
      return { rows: side, columns: side }
    })
    const last = squares.pop()!
    const minTiles = last.rows * last.columns
    return layoutOf([...squares, closestRatio(picture, tileSize, minTiles, tiling.maxTiles)])
  }
  const choose = tiling.rule === 'saturated-area' ? saturatedArea : closestRatio
  const grid = choose(picture, tileSize, tiling.minTiles, tiling.maxTiles)
  const isOne = grid.rows * grid.columns === 1
  return layoutOf(tiling.thumbnail && !isOne ? [grid, ...ONE_TILE.levels] : [grid])
}

/** The most tiles' worth of features that a picture can give. */
export function mostFeatureTiles(tiling: Tiling, tileSize: number): number {
  if (tiling.rule !== 'scales') return mostTiles(tiling, tileSize)
  const { scales, outputScale, maxTiles } = tiling
  return outputScale === scales.length - 1 ? maxTiles : (scales[outputScale]! / tileSize) ** 2
}

/** The most tiles that a picture can become. */
export function mostTiles(tiling: Tiling, tileSize: number): number {
  if (tiling.rule !== 'scales') return tiling.maxTiles + (tiling.thumbnail ? 1 : 0)
  const coarser = tiling.scales.slice(0, -1).map((scale) => (scale / tileSize) ** 2)
  return coarser.reduce((sum, tiles) => sum + tiles, tiling.maxTiles)
}
