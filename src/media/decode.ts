/** Bytes → upright 8-bit sRGB, without alpha unless it is wanted, and a list of what that took. */
import type { AlphaTreatment } from '../../models/preprocessing.ts'
import { AerieError } from '../errors.ts'
import { codecErrors, openPicture } from './codec.ts'
import { type ModePicture, onWhite, withAlpha } from './modes.ts'
import type { ImageHeader, MediaLimits } from './types.ts'

export interface Decoded {
  readonly picture: ModePicture
  readonly conversions: readonly string[]
}

/** Decodes a picture whose header was checked, on white unless `alpha` says otherwise. Throws `invalid_media` for damaged data. */
export async function decode(
  bytes: Uint8Array,
  header: ImageHeader,
  limits: MediaLimits,
  param: string,
  alpha?: AlphaTreatment,
): Promise<Decoded> {
  return await codecErrors(param, async () => {
    const { maxImagePixels: maxPixels, allowSvg } = limits
    const mode = pillowMode(bytes, header)
    const isKept = header.hasAlpha && keepsAlpha(mode, alpha)
    const opened = openPicture(bytes, { maxPixels, allowSvg })
    if (!isKept && alpha === undefined) opened.flatten({ background: '#ffffff' })
    if (!isKept && alpha !== undefined) opened.removeAlpha()
    const pipeline = opened.toColourspace('srgb')
    // sharp takes 16-bit pictures with a profile to Display P3 and leaves them there unless told where to go.
    if (header.profile !== null && header.colourSpace === 'rgb16') pipeline.withIccProfile('srgb')
    const { data, info } = await pipeline
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    const { width, height } = info
    if (info.channels !== (isKept ? 4 : 3)) {
      throw new AerieError(
        'unsupported_media',
        `${param}: image has ${header.channels} channels of kind ${header.colourSpace}, expected grey, RGB or CMYK`,
        { param },
      )
    }
    const onWhiteOnly = alpha === 'colour-on-white'
    const isOnWhite = alpha === undefined || (isKept && onWhiteOnly)
    const isIndexed = alpha === 'resized-then-dropped' && mode === 'P'
    return {
      picture: isKept
        ? (onWhiteOnly ? onWhite : withAlpha)(data, info)
        : { data, width, height, ...(isIndexed && { isIndexed }) },
      conversions: conversions(header, isOnWhite ? 'on white' : 'dropped'),
    }
  })
}

/** Whether alpha is needed beyond the codec. */
function keepsAlpha(mode: PillowMode, alpha: AlphaTreatment | undefined): boolean {
  if (alpha === 'colour-on-white') return mode === 'RGBA'
  return alpha === 'resized-then-dropped' && (mode === 'RGBA' || mode === 'LA')
}

type PillowMode = 'RGBA' | 'LA' | 'P' | 'plain'

/** Kinds of pixels in the header of a PNG file. */
const PNG = { depth: 24, colourType: 25, grey: 0, palette: 3, greyAlpha: 4, rgba: 6 } as const

/**
 * How Pillow would hold the picture, as far as alpha and palettes go: a colour that a PNG or GIF file declares transparent is
 * not alpha to it, and pictures of one bit are resized as those with a palette are.
 */
function pillowMode(bytes: Uint8Array, header: ImageHeader): PillowMode {
  if (header.format === 'gif') return 'P'
  if (header.format === 'png') {
    const [depth, type] = [bytes[PNG.depth], bytes[PNG.colourType]]
    if (type === PNG.rgba) return 'RGBA'
    if (type === PNG.greyAlpha) return 'LA'
    return type === PNG.palette || (type === PNG.grey && depth === 1) ? 'P' : 'plain'
  }
  if (!header.hasAlpha) return 'plain'
  return isGrey(header) ? 'LA' : 'RGBA'
}

function isGrey({ colourSpace }: ImageHeader): boolean {
  return colourSpace === 'b-w' || colourSpace === 'grey16'
}

/** In the order in which they are done. */
function conversions(header: ImageHeader, alpha: 'on white' | 'dropped'): string[] {
  const { profile, isPalette } = header
  const grey = isGrey(header)
  const steps = [
    header.frames > 1 && `first of ${header.frames} frames`,
    header.format === 'svg' && `SVG drawn at ${header.width}×${header.height}`,
    header.orientation > 1 && `EXIF orientation ${header.orientation} applied`,
    header.colourSpace === 'cmyk' && `CMYK (${profile ?? 'no profile'}) → sRGB`,
    grey && 'greyscale → RGB',
    isPalette && 'palette → RGB',
    header.colourSpace !== 'cmyk' &&
      !grey &&
      profile &&
      !/^sRGB/i.test(profile) &&
      `${profile} → sRGB`,
    header.bitDepth === 'ushort' && '16 bits → 8 bits',
    header.hasAlpha && `alpha ${alpha}`,
  ]
  return steps.filter((step) => typeof step === 'string')
}
