/** The limits on untrusted pictures, each named by its configuration key in the message it causes. */
import type { Preprocessing } from '../../models/preprocessing.ts'
import type { PictureLayout } from '../../models/tiling/layout.ts'
import { AerieError } from '../errors.ts'
import type { ImageHeader, MediaLimits } from './types.ts'

/** Throws `media_too_large` when more bytes came than a picture may have. */
export function checkBytes(bytes: number, limits: MediaLimits, param: string): void {
  if (bytes > limits.maxImageBytes) {
    throw tooLarge(param, `image is ${bytes} bytes, maxImageBytes is ${limits.maxImageBytes}`)
  }
}

/**
 * Throws `media_too_large` for a header that promises more than is allowed; nothing has been decoded yet. `what` is the
 * picture in words.
 */
export function checkHeader(
  header: ImageHeader,
  limits: MediaLimits,
  param: string,
  what = 'image',
): void {
  const { width, height } = header
  const size = `${what} is ${width}×${height}`
  const pixels = width * height
  if (Math.max(width, height) > limits.maxImageSide) {
    throw tooLarge(param, `${size}, maxImageSide is ${limits.maxImageSide}`)
  }
  if (pixels > limits.maxImagePixels) {
    throw tooLarge(
      param,
      `${size} = ${mega(pixels)} megapixels, maxImagePixels is ${mega(limits.maxImagePixels)} megapixels`,
    )
  }
  const aspect = Math.max(width, height) / Math.min(width, height)
  if (aspect > limits.maxAspectRatio) {
    throw tooLarge(
      param,
      `${size}, ${aspect.toFixed(1)} times as long as wide, maxAspectRatio is ${limits.maxAspectRatio}`,
    )
  }
}

/**
 * Bytes that decoding may hold at once, at most: the picture as stored (whole, when it is interlaced or turned)
 * and as RGB.
 */
export function decodedBytes(header: ImageHeader): number {
  const sample = header.bitDepth === 'ushort' ? 2 : 1
  return header.width * header.height * (header.channels * sample + 3)
}

/** Bytes of the tiles that a picture becomes, as floats. */
export function tileBytes(to: Preprocessing, { tiles }: PictureLayout): number {
  const area = to.mode === 'whole' ? to.width * to.height : to.size ** 2
  return tiles * 3 * area * Float32Array.BYTES_PER_ELEMENT
}

function tooLarge(param: string, what: string): AerieError {
  return new AerieError('media_too_large', `${param}: ${what}`, { param })
}

const mega = (pixels: number) => Number((pixels / 1e6).toPrecision(3))
