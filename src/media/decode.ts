/** Bytes → upright 8-bit sRGB, and a list of what that took. */
import type { ImagePreprocessing } from '../../models/preprocessing.ts'
import { AerieError } from '../errors.ts'
import { codecErrors, openPicture } from './codec.ts'
import type { Picture } from './resample.ts'
import type { ImageHeader, MediaLimits } from './types.ts'

export interface Decoded {
  readonly picture: Picture
  readonly conversions: readonly string[]
}

/** Decodes a picture whose header was checked, on white unless `alpha` says otherwise. Throws `invalid_media` for damaged data. */
export async function decode(
  bytes: Uint8Array,
  header: ImageHeader,
  limits: MediaLimits,
  param: string,
  alpha?: ImagePreprocessing['alpha'],
): Promise<Decoded> {
  return await codecErrors(param, async () => {
    const { maxImagePixels: maxPixels, allowSvg } = limits
    const opened = openPicture(bytes, { maxPixels, allowSvg })
    const opaque =
      alpha === 'dropped' ? opened.removeAlpha() : opened.flatten({ background: '#ffffff' })
    const pipeline = opaque.toColourspace('srgb')
    // sharp takes 16-bit pictures with a profile to Display P3 and leaves them there unless told where to go.
    if (header.profile !== null && header.colourSpace === 'rgb16') pipeline.withIccProfile('srgb')
    const { data, info } = await pipeline
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    if (info.channels !== 3) {
      throw new AerieError(
        'unsupported_media',
        `${param}: image has ${header.channels} channels of kind ${header.colourSpace}, expected grey, RGB or CMYK`,
        { param },
      )
    }
    return {
      picture: { data, width: info.width, height: info.height },
      conversions: conversions(header, alpha),
    }
  })
}

/** In the order in which they are done. */
function conversions(header: ImageHeader, alpha: ImagePreprocessing['alpha']): string[] {
  const { profile, isPalette } = header
  const grey = header.colourSpace === 'b-w' || header.colourSpace === 'grey16'
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
    header.hasAlpha && (alpha === 'dropped' ? 'alpha dropped' : 'alpha on white'),
  ]
  return steps.filter((step) => typeof step === 'string')
}
