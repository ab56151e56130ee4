/**
 * A whole picture at a size of its own → the numbers of a tower that takes many sizes, colours 0…1.
 * Numeric leaf: indices are in range by construction, so typed arrays are read with `!`.
 */
import { halfPixelTaps } from '../../models/graph/interpolation.ts'
import type { WholePicture } from '../../models/preprocessing.ts'
import type { Preprocessed } from './preprocess.ts'
import { type Picture, resize } from './resample.ts'

/** `[height, width, 3]` bytes → `[1, 3, height, width]`. */
export function preprocessWhole(
  picture: Picture,
  to: Pick<WholePicture, 'height' | 'width' | 'resample'>,
): Preprocessed {
  const { width, height, resample } = to
  if (picture.width === width && picture.height === height)
    return { pixels: unitPixels(picture), steps: [] }
  const kernel = resample === 'bicubic' ? 'bicubic' : 'bilinear'
  const steps = [`${kernel} ${picture.width}×${picture.height} → ${width}×${height}`]
  return resample === 'bicubic'
    ? { pixels: unitPixels(resize(picture, width, height, { kernel })), steps }
    : { pixels: bilinear(picture, width, height), steps }
}

/** `[height, width, 3]` bytes → `[3, height, width]`, 0…1. */
function unitPixels({ data, width, height }: Picture): Float32Array<ArrayBuffer> {
  const area = width * height
  const pixels = new Float32Array(3 * area)
  for (let c = 0, at = 0; c < 3; c++) {
    for (let from = c; from < 3 * area; from += 3) pixels[at++] = data[from]! / 255
  }
  return pixels
}

/** `interpolate(mode="bilinear")` of PyTorch, of the colours 0…1. */
function bilinear(from: Picture, width: number, height: number): Float32Array<ArrayBuffer> {
  const { data } = from
  const down = halfPixelTaps(from.height, height)
  const across = halfPixelTaps(from.width, width)
  const pixels = new Float32Array(3 * width * height)
  for (let c = 0, at = 0; c < 3; c++) {
    const colour = (row: number, column: number) => data[(row * from.width + column) * 3 + c]! / 255
    for (const { lower: top, upper: bottom, share: y } of down) {
      for (const { lower: left, upper: right, share: x } of across) {
        const above = (1 - x) * colour(top, left) + x * colour(top, right)
        const below = (1 - x) * colour(bottom, left) + x * colour(bottom, right)
        pixels[at++] = (1 - y) * above + y * below
      }
    }
  }
  return pixels
}
