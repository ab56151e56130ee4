/** A decoded picture → the numbers a tower reads, as the family's processor would make them. */
import { type ImagePreprocessing, type TileGrid, tileGrid } from '../../models/preprocessing.ts'
import { type Canvas, type Picture, resize } from './resample.ts'

export interface Preprocessed {
  /** `[tiles, 3, size, size]`, normalised. */
  readonly pixels: Float32Array<ArrayBuffer>
  readonly tiles: number
  readonly grid: TileGrid
  /** What was done, in order, for people. */
  readonly steps: readonly string[]
}

/** Pads or stretches, resizes and normalises `[height, width, 3]` bytes to `[1, 3, size, size]`. */
export function preprocess(picture: Picture, to: ImagePreprocessing): Preprocessed {
  const steps: string[] = []
  const { width, height } = picture
  const canvas = to.mode === 'pad' ? square(picture, to.padColor) : { width, height }
  if (canvas.width !== width || canvas.height !== height) {
    steps.push(`padded ${width}×${height} → ${canvas.width}×${canvas.height}`)
  }
  if (canvas.width !== to.size || canvas.height !== to.size) {
    steps.push(`${to.resample} ${canvas.width}×${canvas.height} → ${to.size}×${to.size}`)
  }
  const resized = resize(picture, to.size, to.size, {
    kernel: to.resample,
    ...('left' in canvas ? { canvas } : {}),
  })
  const grid = tileGrid(to, width, height)
  return { pixels: normalise(resized, to), tiles: grid.rows * grid.columns, grid, steps }
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

/** `[height, width, 3]` bytes → `[3, height, width]`; 256 possible values a channel, so each is computed once. */
function normalise(picture: Picture, { mean, std }: ImagePreprocessing): Float32Array<ArrayBuffer> {
  const area = picture.width * picture.height
  const pixels = new Float32Array(3 * area)
  const value = new Float32Array(256)
  for (let c = 0; c < 3; c++) {
    for (let byte = 0; byte < 256; byte++) value[byte] = (byte / 255 - mean[c]!) / std[c]!
    const plane = pixels.subarray(c * area, (c + 1) * area)
    for (let i = 0, p = c; i < area; i++, p += 3) plane[i] = value[picture.data[p]!]!
  }
  return pixels
}
