/**
 * Resizing a picture in the mode that its file has, as processors do that convert to RGB afterwards (VILA-U): a palette keeps
 * its colours, and colour under a transparent pixel does not bleed. Pillow's rules, `Image.resize` and `libImaging/Convert.c`.
 */
import { codecErrors, openPicture } from './codec.ts'
import { decode } from './decode.ts'
import { type Picture, resize } from './resample.ts'
import type { Kernel } from './resample-taps.ts'
import type { ImageHeader, MediaLimits } from './types.ts'

export interface OwnModeOptions {
  readonly header: ImageHeader
  readonly limits: MediaLimits
  readonly param: string
  readonly width: number
  readonly height: number
  readonly kernel: Kernel
}

/** Bytes → RGB of `width`×`height`; an alpha channel is dropped in the end. Throws `invalid_media` for damaged data. */
export async function resizeInOwnMode(
  bytes: Uint8Array,
  options: OwnModeOptions,
): Promise<Picture> {
  const { header, limits, param, width, height, kernel } = options
  if (!header.isPalette && !header.hasAlpha) {
    const { picture } = await decode(bytes, header, limits, param)
    return resize(picture, width, height, { kernel })
  }
  const { colours, alpha } = await decodeWithAlpha(bytes, options)
  if (colours.width === width && colours.height === height) return colours
  if (header.isPalette) return nearest(colours, width, height)
  const sized = (picture: Picture) => resize(picture, width, height, { kernel })
  return divided(sized(multiplied(colours, alpha)), sized(alpha))
}

/** The colours as they are stored, and alpha in all three channels of a second picture. */
async function decodeWithAlpha(
  bytes: Uint8Array,
  { limits, param }: OwnModeOptions,
): Promise<{ colours: Picture; alpha: Picture }> {
  return await codecErrors(param, async () => {
    const { maxImagePixels: maxPixels, allowSvg } = limits
    const { data, info } = await openPicture(bytes, { maxPixels, allowSvg })
      .toColourspace('srgb')
      .ensureAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    const { width, height } = info
    const [colours, alpha] = [0, 1].map(() => new Uint8Array(width * height * 3))
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) {
        colours![i * 3 + c] = data[i * 4 + c]!
        alpha![i * 3 + c] = data[i * 4 + 3]!
      }
    }
    return {
      colours: { data: colours!, width, height },
      alpha: { data: alpha!, width, height },
    }
  })
}

/** Of each pixel the nearest one. The places are added up, as Pillow does, and rounded with the sum. */
function nearest(picture: Picture, width: number, height: number): Picture {
  const columns = places(picture.width, width)
  const rows = places(picture.height, height)
  const data = new Uint8Array(width * height * 3)
  let at = 0
  for (const row of rows) {
    for (const column of columns) {
      const from = (row * picture.width + column) * 3
      for (let c = 0; c < 3; c++) data[at++] = picture.data[from + c]!
    }
  }
  return { data, width, height }
}

function places(from: number, to: number): number[] {
  const step = from / to
  let place = step * 0.5
  return Array.from({ length: to }, () => {
    const whole = Math.min(from - 1, Math.floor(place))
    place += step
    return whole
  })
}

/** a · b / 255, rounded. */
function multiplied(colours: Picture, alpha: Picture): Picture {
  const data = colours.data.map((colour, i) => {
    const product = colour * alpha.data[i]! + 128
    return ((product >> 8) + product) >> 8
  })
  return { ...colours, data }
}

/** 255 · a / b, cut off, at most 255; as it is where b is 0 or 255. */
function divided(colours: Picture, alpha: Picture): Picture {
  const data = colours.data.map((colour, i) => {
    const by = alpha.data[i]!
    if (by === 0 || by === 255) return colour
    return Math.min(255, Math.floor((255 * colour) / by))
  })
  return { ...colours, data }
}
