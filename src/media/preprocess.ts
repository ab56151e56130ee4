/** A decoded picture → the numbers a tower reads, as the family's processor would make them. */
import type { ImagePreprocessing } from '../../models/preprocessing.ts'
import {
  ONE_TILE,
  type PictureLayout,
  type PictureSize,
  type TileGrid,
} from '../../models/tiling/layout.ts'
import { type Canvas, type Picture, resize, type Window } from './resample.ts'

export interface Preprocessed {
  /** `[tiles, 3, size, size]`, normalised. */
  readonly pixels: Float32Array<ArrayBuffer>
  /** What was done, in order, for people. */
  readonly steps: readonly string[]
}

/** `[height, width, 3]` bytes → the tiles of every level of the layout: padded, stretched or cropped, resized, cut, normalised. */
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
    const whole = to.mode === 'crop' ? covering(picture, level) : level
    if (canvas.width !== whole.width || canvas.height !== whole.height) {
      steps.push(`${to.resample} ${canvas.width}×${canvas.height} → ${whole.width}×${whole.height}`)
    }
    if (whole.width !== level.width || whole.height !== level.height) {
      steps.push(`cropped ${whole.width}×${whole.height} → ${level.width}×${level.height}`)
    }
    const resized = resize(picture, whole.width, whole.height, {
      kernel: to.resample,
      window: middle(whole, level),
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

/** The picture's size when its shorter side is that of the square; the longer one is cut to a whole number. */
function covering({ width, height }: Picture, square: PictureSize): PictureSize {
  const [shorter, longer] = [Math.min(width, height), Math.max(width, height)]
  const length = Math.trunc((square.width * longer) / shorter)
  return width <= height ? { ...square, height: length } : { ...square, width: length }
}

/** What of `whole` is in its middle, rounded down to the left and up. */
function middle(whole: PictureSize, { width, height }: PictureSize): Window {
  const left = Math.floor((whole.width - width) / 2)
  const top = Math.floor((whole.height - height) / 2)
  return { left, top, width, height }
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
