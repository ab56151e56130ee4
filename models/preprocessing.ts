/** Preprocessing as data: what a family's published processor does to a picture, in numbers. */
import { finestLevel, ONE_TILE, type PictureLayout, type PictureSize } from './tiling/layout.ts'
import { mostTiles, type Tiling, tilePicture } from './tiling/tiling.ts'

/** RGB, 0…255 for colours, unit scale for mean and std. */
export type Rgb = readonly [number, number, number]

/** Picture → tiles `[tiles, 3, size, size]`. */
export interface ImagePreprocessing {
  /**
   * `pad`: to a square with `padColor`, picture centred (floor), then resized to `size` (LLaVA, Eagle).
   * `stretch`: resized to `size`×`size` whatever the aspect (SigLIP).
   * `crop`: resized until the shorter side is `size`, of which the middle square is cut (CLIP).
   */
  readonly mode: 'pad' | 'stretch' | 'crop'
  readonly size: number
  readonly padColor: Rgb
  /** Kernel of Pillow ≤ 12, antialiased when shrinking, 8-bit between the passes. */
  readonly resample: 'bicubic' | 'bilinear' | 'lanczos'
  /** What becomes of transparency. Absent: laid on white; `dropped`: colours as they are stored under it (`convert("RGB")`). */
  readonly alpha?: 'dropped'
  /** value = (byte / 255 − mean) / std. */
  readonly mean: Rgb
  readonly std: Rgb
  /** Absent: every picture is one tile. Tiles are cut from the stretched picture. */
  readonly tiling?: Tiling
}

/** How closely a picture is looked at; `low` is one tile whatever the family's rule. */
export type ImageDetail = 'auto' | 'low' | 'high'

/** The tiles that one of `pictures` pictures of a conversation becomes; known from its header, before decoding. */
export function layoutPicture(
  { tiling, size }: ImagePreprocessing,
  picture: PictureSize,
  detail: ImageDetail,
  pictures: number,
): PictureLayout {
  if (!tiling || detail === 'low') return ONE_TILE
  return tilePicture(tiling, size, picture, pictures)
}

/** The most tiles that a picture can become at this level of detail, and the most tiles' worth of features. */
export function mostTilesOf(
  { tiling, size }: ImagePreprocessing,
  detail: ImageDetail,
): { readonly tiles: number; readonly featureTiles: number } {
  if (!tiling || detail === 'low') return { tiles: 1, featureTiles: 1 }
  const tiles = mostTiles(tiling, size)
  return { tiles, featureTiles: tiling.rule === 'scales' ? tiling.maxTiles : tiles }
}

/** How many tiles' worth of features a layout gives: coarser scales go into those of the finest one. */
export function featureTiles({ tiling }: ImagePreprocessing, layout: PictureLayout): number {
  if (tiling?.rule !== 'scales') return layout.tiles
  const { rows, columns } = finestLevel(layout)
  return rows * columns
}
