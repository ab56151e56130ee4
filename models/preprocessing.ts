/** Preprocessing as data: what a family's published processor does to a picture, in numbers. */
import { ONE_TILE, outputLevel, type PictureLayout, type PictureSize } from './tiling/layout.ts'
import { mostFeatureTiles, mostTiles, type Tiling, tilePictures } from './tiling/tiling.ts'

/** RGB, 0…255 for colours, unit scale for mean and std. */
export type Rgb = readonly [number, number, number]

/**
 * What becomes of a picture that is not plain RGB. Published processors differ where Pillow has a mode of its own.
 *
 * - `dropped`: alpha is dropped, and colours are seen as they are stored under it (`convert("RGB")`).
 * - `colour-on-white`: colours with alpha are laid on white; of anything else, such as grey with alpha, the alpha is dropped.
 * - `resized-then-dropped`: as Pillow resizes the modes: what has alpha with its colours multiplied by it, palettes to the
 *   nearest pixel; then alpha is dropped.
 */
export type AlphaTreatment = 'dropped' | 'colour-on-white' | 'resized-then-dropped'

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
  /** Antialiased when shrinking, 8-bit between the passes. */
  readonly resample: 'bicubic' | 'bilinear' | 'lanczos'
  /** Whose integers resizing equals: Pillow's up to 12 (absent), or torchvision's on uint8 tensors. */
  readonly arithmetic?: 'pillow' | 'torchvision'
  /** What becomes of transparency; absent: whatever shines through is white. */
  readonly alpha?: AlphaTreatment
  /** value = (byte / 255 − mean) / std. */
  readonly mean: Rgb
  readonly std: Rgb
  /** Absent: every picture is one tile. Tiles are cut from the stretched picture. */
  readonly tiling?: Tiling
}

/** A whole picture of any aspect → `[1, 3, height, width]`, colours 0…1, for towers that normalise them themselves. */
export interface WholePicture {
  readonly mode: 'whole'
  readonly height: number
  readonly width: number
  /**
   * `bicubic`: Pillow's, antialiased, 8-bit between the passes (CLIPImageProcessor). `bilinear-floats`: PyTorch's
   * `interpolate(mode="bilinear")` of floats, not antialiased.
   */
  readonly resample: 'bicubic' | 'bilinear-floats'
  readonly alpha: AlphaTreatment
}

export type Preprocessing = ImagePreprocessing | WholePicture

/** How closely a picture is looked at; `low` is one tile whatever the family's rule. */
export type ImageDetail = 'auto' | 'low' | 'high'

/** A picture of a conversation, as far as its header tells. */
export interface PictureToLayOut {
  readonly size: PictureSize
  readonly detail: ImageDetail
}

/** The tiles that each picture of a conversation becomes; known from their headers, before decoding. */
export function layoutPictures(
  { tiling, size }: ImagePreprocessing,
  pictures: readonly PictureToLayOut[],
): PictureLayout[] {
  if (!tiling) return pictures.map(() => ONE_TILE)
  const tiled = pictures.map(({ size, detail }) => ({ size, isOneTile: detail === 'low' }))
  return tilePictures(tiling, size, tiled)
}

/** The most tiles that a picture can become at this level of detail, and the most tiles' worth of features. */
export function mostTilesOf(
  { tiling, size }: ImagePreprocessing,
  detail: ImageDetail,
): { readonly tiles: number; readonly featureTiles: number } {
  if (!tiling || detail === 'low') return { tiles: 1, featureTiles: 1 }
  return { tiles: mostTiles(tiling, size), featureTiles: mostFeatureTiles(tiling, size) }
}

/** How many tiles' worth of features a layout gives: several scales go into those of one. */
export function featureTiles({ tiling }: ImagePreprocessing, layout: PictureLayout): number {
  if (tiling?.rule !== 'scales') return layout.tiles
  const { rows, columns } = outputLevel(layout, tiling.outputScale)
  return rows * columns
}
