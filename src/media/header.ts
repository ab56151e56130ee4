/** Bytes → header, without decoding a pixel. */
import { AerieError } from '../errors.ts'
import { codecErrors, openPicture } from './codec.ts'
import { profileName } from './icc.ts'
import { sniff } from './sniff.ts'
import type { ImageHeader, MediaLimits } from './types.ts'

/**
 * Reads what the file says about itself. Throws `invalid_media` for what is no picture or damaged,
 * `unsupported_media` for pictures of a kind that is not decoded here.
 */
export async function readHeader(
  bytes: Uint8Array,
  limits: MediaLimits,
  param: string,
): Promise<ImageHeader> {
  const unsupported = (what: string): never => {
    throw new AerieError('unsupported_media', `${param}: ${what}`, { param })
  }
  const found = sniff(bytes)
  if (found.is === 'other' || found.is === 'video' || found.is === 'sound') {
    throw new AerieError('invalid_media', `${param}: data is ${found.name}`, { param })
  }
  if (found.is === 'unsupported') {
    return unsupported(`${found.name} pictures are not supported; send ${DECODED}`)
  }
  if (found.format === 'svg' && !limits.allowSvg) {
    return unsupported('SVG pictures are refused unless allowSvg is set')
  }
  const meta = await codecErrors(param, () =>
    openPicture(bytes, { maxPixels: false, allowSvg: limits.allowSvg }).metadata(),
  )
  if (meta.format === 'heif' && meta.compression !== 'av1') {
    return unsupported(
      `HEIC pictures cannot be decoded here (${meta.compression}); send ${DECODED}`,
    )
  }
  if (meta.format !== (found.format === 'avif' ? 'heif' : found.format)) {
    throw new AerieError(
      'invalid_media',
      `${param}: image begins as ${found.format} and reads as ${meta.format}`,
      { param },
    )
  }
  if (meta.depth !== 'uchar' && meta.depth !== 'ushort') {
    return unsupported(`samples of type ${meta.depth} are not supported, only 8 and 16 bits`)
  }
  return {
    format: found.format,
    width: meta.autoOrient.width,
    height: meta.autoOrient.height,
    orientation: meta.orientation ?? 1,
    colourSpace: meta.space,
    channels: meta.channels,
    bitDepth: meta.depth,
    hasAlpha: meta.hasAlpha,
    profile: meta.icc ? (profileName(meta.icc) ?? 'embedded profile') : null,
    isPalette: meta.isPalette ?? false,
    frames: meta.pages ?? 1,
  }
}

const DECODED = 'JPEG, PNG, WebP, GIF, AVIF or TIFF'
