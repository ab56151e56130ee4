/** sharp, set up for untrusted bytes; the only file that loads it. Runs in decoder processes, never in the server. */
import sharp, { type Sharp, type SharpOptions } from 'sharp'
import { AerieError } from '../errors.ts'

// One thread a picture: the pool decides how many pictures are decoded at once. No cache: pictures seldom repeat.
sharp.concurrency(1)
sharp.cache(false)

// libvips can read far more than we admit; whatever it would recognise behind our back stays shut.
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({
  operation: [
    'VipsForeignLoadJpegBuffer',
    'VipsForeignLoadPngBuffer',
    'VipsForeignLoadWebpBuffer',
    'VipsForeignLoadNsgifBuffer',
    'VipsForeignLoadHeifBuffer',
    'VipsForeignLoadTiffBuffer',
  ],
})

/** Opens bytes without decoding them. `allowSvg` stays in force for the rest of the process. */
export function openPicture(
  bytes: Uint8Array,
  options: {
    readonly maxPixels: number | false
    readonly allowSvg: boolean
    readonly ignoreIcc?: boolean
  },
): Sharp {
  if (options.allowSvg) sharp.unblock({ operation: ['VipsForeignLoadSvgBuffer'] })
  return sharp(bytes, {
    // Half a picture must not look like a whole one. Mere warnings (a stray byte between JPEG segments) are common.
    failOn: 'error',
    limitInputPixels: options.maxPixels,
    page: 0,
    pages: 1,
    autoOrient: true,
    ignoreIcc: options.ignoreIcc ?? false,
  } satisfies SharpOptions)
}

/** Awaits what sharp does and turns its failures into `invalid_media`, with libvips' own last word on it. */
export async function codecErrors<T>(param: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof AerieError || !(error instanceof Error)) throw error
    const lines = error.message.split('\n').filter((line) => !/^source: bad seek/.test(line))
    const why = (lines.at(-1) || error.message).trim().slice(0, 200)
    throw new AerieError('invalid_media', `${param}: image is damaged or cut short (${why})`, {
      param,
      cause: error,
    })
  }
}
