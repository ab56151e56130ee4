/**
 * Pictures as Pillow ≤ 12 keeps them beside plain RGB: with alpha, or with a table of colours. Its integers, for the processors
 * that resize such pictures before they make them RGB.
 */
import { type Picture, type ResizeOptions, resize, type Window } from './resample.ts'

/** RGB, and what else of the file's own form decides how it is resized. */
export interface ModePicture extends Picture {
  /** `[height, width]`; colours are multiplied by it while they are resized, and then it is dropped. */
  readonly alpha?: Uint8Array
  /** Colours of a table, which are not mixed: each pixel becomes the nearest one. */
  readonly isIndexed?: boolean
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
  if (!picture.alpha) return resize(picture, width, height, options)
  const data = picture.data.map((colour, i) => scaled(colour, picture.alpha![Math.floor(i / 3)]!))
  const colours = resize({ ...picture, data }, width, height, options)
  const wide = { ...picture, data: picture.data.map((_, i) => picture.alpha![Math.floor(i / 3)]!) }
  const alphas = resize(wide, width, height, options).data
  return { ...colours, data: colours.data.map((colour, i) => unscaled(colour, alphas[i]!)) }
}

/** RGB behind which white shines through where `alpha` `[height, width]` lets it, as `paste` with a mask leaves it. */
export function onWhite({ data, ...size }: Picture, alpha: Uint8Array): Picture {
  const blended = data.map((colour, i) => {
    const opacity = alpha[Math.floor(i / 3)]!
    return divided(255 * (255 - opacity) + colour * opacity)
  })
  return { ...size, data: blended }
}

/** `[height, width, 4]` → colours and alpha. */
export function splitAlpha(
  rgba: Uint8Array,
  width: number,
  height: number,
): { readonly picture: Picture; readonly alpha: Uint8Array } {
  const data = new Uint8Array(width * height * 3)
  const alpha = new Uint8Array(width * height)
  for (let i = 0; i < alpha.length; i++) {
    for (let c = 0; c < 3; c++) data[i * 3 + c] = rgba[i * 4 + c]!
    alpha[i] = rgba[i * 4 + 3]!
  }
  return { picture: { data, width, height }, alpha }
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

/** colour · alpha / 255, rounded. */
function scaled(colour: number, alpha: number): number {
  return divided(colour * alpha)
}

function unscaled(colour: number, alpha: number): number {
  if (alpha === 0 || alpha === 255) return colour
  return Math.min(255, Math.trunc((255 * colour) / alpha))
}

/** x / 255, rounded, for x up to 255². */
function divided(x: number): number {
  const half = x + 128
  return ((half >> 8) + half) >> 8
}
