/**
 * Pictures as Pillow ≤ 12 keeps them beside plain RGB: with alpha, or with a table of colours. Its integers, for the processors
 * that resize such pictures before they make them RGB.
 * Numeric leaf: indices are in range by construction, so typed arrays are read with `!`.
 */
import { type Picture, type ResizeOptions, resize, type Window } from './resample.ts'

/** RGB, and what else of the file's own form decides how it is resized. */
export interface ModePicture extends Picture {
  /** `[height, width]`; colours are multiplied by it while they are resized, and then it is dropped. */
  readonly alpha?: Uint8Array
  /** Colours of a table, which are not mixed: each pixel becomes the nearest one. */
  readonly isIndexed?: boolean
}

interface Size {
  readonly width: number
  readonly height: number
}

/** As `Image.resize`, then `convert('RGB')`; a picture of that size stays as it is. */
export function resizeInMode(
  picture: ModePicture,
  width: number,
  height: number,
  options: ResizeOptions,
): Picture {
  const { window = { left: 0, top: 0, width, height }, canvas } = options
  const isWhole = window.width === width && window.height === height
  if (picture.width === width && picture.height === height && isWhole && !canvas) return picture
  if (picture.isIndexed && !canvas) return nearest(picture, width, height, window)
  const { alpha } = picture
  if (!alpha) return resize(picture, width, height, options)
  const colours = resize(combined(picture, alpha, multiplied), width, height, options)
  const alphas = resize(combined(picture, alpha, takeAlpha), width, height, options).data
  for (let i = 0; i < alphas.length; i++)
    colours.data[i] = dividedByAlpha(colours.data[i]!, alphas[i]!)
  return colours
}

/** `[height, width, 4]` → RGB behind which white shines through where alpha lets it, as `paste` with a mask leaves it. */
export function onWhite(rgba: Uint8Array, { width, height }: Size): Picture {
  const data = new Uint8Array(width * height * 3)
  for (let from = 3, to = 0; from < rgba.length; from += 4) {
    const alpha = rgba[from]!
    const white = 255 * (255 - alpha)
    for (let c = 3; c > 0; c--) data[to++] = over255(white + rgba[from - c]! * alpha)
  }
  return { data, width, height }
}

/** `[height, width, 4]` → colours as they are stored, and alpha. */
export function withAlpha(rgba: Uint8Array, { width, height }: Size): ModePicture {
  const data = new Uint8Array(width * height * 3)
  const alpha = new Uint8Array(width * height)
  for (let i = 0, from = 0, to = 0; i < alpha.length; i++) {
    for (let c = 0; c < 3; c++) data[to++] = rgba[from++]!
    alpha[i] = rgba[from++]!
  }
  return { data, width, height, alpha }
}

/** A picture whose channels are of a colour and the pixel's alpha. */
function combined(
  { data: colours, width, height }: Picture,
  alpha: Uint8Array,
  of: (colour: number, alpha: number) => number,
): Picture {
  const data = new Uint8Array(colours.length)
  for (let pixel = 0, i = 0; pixel < alpha.length; pixel++) {
    for (let c = 0; c < 3; c++, i++) data[i] = of(colours[i]!, alpha[pixel]!)
  }
  return { data, width, height }
}

function multiplied(colour: number, alpha: number): number {
  return over255(colour * alpha)
}

function takeAlpha(_colour: number, alpha: number): number {
  return alpha
}

function dividedByAlpha(colour: number, alpha: number): number {
  if (alpha === 0 || alpha === 255) return colour
  return Math.min(255, Math.trunc((255 * colour) / alpha))
}

/** x / 255, rounded, for x up to 255². */
function over255(x: number): number {
  const half = x + 128
  return ((half >> 8) + half) >> 8
}

/** A part of the picture at another size. */
function nearest(picture: Picture, width: number, height: number, part: Window): Picture {
  const columns = places(picture.width, width).subarray(part.left, part.left + part.width)
  const rows = places(picture.height, height).subarray(part.top, part.top + part.height)
  const data = new Uint8Array(columns.length * rows.length * 3)
  let to = 0
  for (const row of rows) {
    for (const column of columns) {
      const from = (row * picture.width + column) * 3
      for (let c = 0; c < 3; c++) data[to++] = picture.data[from + c]!
    }
  }
  return { data, width: part.width, height: part.height }
}

/** Which of `from` pixels each of `to` becomes. The step is added up, as Pillow does it, since that rounds otherwise than a product. */
function places(from: number, to: number): Int32Array {
  const step = from / to
  let place = step * 0.5
  return new Int32Array(to).map(() => {
    const whole = Math.trunc(place)
    place += step
    return Math.min(whole, from - 1)
  })
}
