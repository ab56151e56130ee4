/** Preprocessing as data: what a family's published processor does to a picture, in numbers. */

/** RGB, 0…255 for colours, unit scale for mean and std. */
export type Rgb = readonly [number, number, number]

/** Picture → tiles `[tiles, 3, size, size]`. */
export interface ImagePreprocessing {
  /**
   * `pad`: to a square with `padColor`, picture centred (floor), then resized to `size` (LLaVA, Eagle).
   * `stretch`: resized to `size`×`size` whatever the aspect (SigLIP).
   */
  readonly mode: 'pad' | 'stretch'
  readonly size: number
  readonly padColor: Rgb
  /** Kernel of Pillow ≤ 12, antialiased when shrinking, 8-bit between the passes. */
  readonly resample: 'bicubic' | 'bilinear' | 'lanczos'
  /** value = (byte / 255 − mean) / std. */
  readonly mean: Rgb
  readonly std: Rgb
}

/** Where the tiles of one picture lie, row-major. */
export interface TileGrid {
  readonly rows: number
  readonly columns: number
}

/** The tiles that a picture of this upright size becomes; known from the header, before decoding. */
export function tileGrid(
  preprocessing: ImagePreprocessing,
  _width: number,
  _height: number,
): TileGrid {
  switch (preprocessing.mode) {
    case 'pad':
    case 'stretch':
      return { rows: 1, columns: 1 }
  }
}
