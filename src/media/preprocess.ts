/** A decoded picture → the numbers a tower reads, as the family's processor would make them. */
import type { ImagePreprocessing } from '../../models/preprocessing.ts'
import { ONE_TILE, type PictureLayout, type TileGrid } from '../../models/tiling/layout.ts'
import { type Canvas, type Picture, resize } from './resample.ts'

export interface Preprocessed {
  /** `[tiles, 3, size, size]`, normalised. */
  readonly pixels: Float32Array<ArrayBuffer>
  /** What was done, in order, for people. */
  readonly steps: readonly string[]
}

/** `[height, width, 3]` bytes → the tiles of every level of the layout: padded or stretched, resized, cut, normalised. */
export function preprocess(
  picture: Picture,
  to: ImagePreprocessing,
  { levels, tiles }: PictureLayout = ONE_TILE,
): Preprocessed {
  const steps: string[] = []
  const { width, height } = picture
  const canvas = to.mode === 'pad' ? square(picture, to.padColor) : { width, height }
  if (canvas.width !== width || canvas.height !== height) {
    steps.push(`padded ${width}×${height} → ${canvas.width}×${canvas.height}`)
  }
  const pixels = new Float32Array(tiles * 3 * to.size ** 2)
  const values = normalisedValues(to)
  let at = 0
  for (const grid of levels) {
    const level = { width: grid.columns * to.size, height: grid.rows * to.size }
    if (canvas.width !== level.width || canvas.height !== level.height) {
      steps.push(`${to.resample} ${canvas.width}×${canvas.height} → ${level.width}×${level.height}`)
    }
    const resized = resize(picture, level.width, level.height, {
      kernel: to.resample,
      ...('left' in canvas ? { canvas } : {}),
    })
    if (grid.rows * grid.columns > 1) steps.push(`cut into ${grid.rows}×${grid.columns} tiles`)
    at = cut(resized, grid, to.size, values, pixels, at)
  }
  return { pixels, steps }
}

/** The smallest square around the picture, which lies in its middle, rounded down. */
function square({ width, height }: Picture, color: Canvas['color']): Canvas {
  const side = Math.max(width, height)
  return {
    width: side,
    height: side,
    left: Math.floor((side - width) / 2),
    top: Math.floor((side - height) / 2),
    color,
  }
}

/** Of each channel the 256 values that a byte can become. */
function normalisedValues({ mean, std }: ImagePreprocessing): Float32Array[] {
  return [0, 1, 2].map((c) =>
    Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - mean[c]!) / std[c]!),
  )
}

/** Writes the tiles of a level, row-major, as `[tiles, 3, size, size]` from `at` on; returns where they end. */
function cut(
  { data, width }: Picture,
  { rows, columns }: TileGrid,
  size: number,
  values: readonly Float32Array[],
  pixels: Float32Array,
  at: number,
): number {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let c = 0; c < 3; c++) {
        const value = values[c]!
        for (let y = 0; y < size; y++) {
          let from = ((row * size + y) * width + column * size) * 3 + c
          for (let x = 0; x < size; x++, from += 3) pixels[at++] = value[data[from]!]!
        }
      }
    }
  }
  return at
}
