/** Pictures of a case, as the media room decodes and prepares them. */
import { readFile } from 'node:fs/promises'
import type { ImagePreprocessing } from '../../models/preprocessing.ts'
import { decode } from '../media/decode.ts'
import { readHeader } from '../media/header.ts'
import { resizeInOwnMode } from '../media/own-mode.ts'
import { preprocess } from '../media/preprocess.ts'
import type { Picture } from '../media/resample.ts'

/** Cases are trusted. */
const LIMITS = {
  maxImageBytes: 1e9,
  maxImagePixels: 1e9,
  maxImageSide: 1e5,
  maxAspectRatio: 1e5,
  allowSvg: false,
}

/** Decoded as the server decodes one. Throws `invalid_media` for a damaged picture. */
export async function readPicture(
  path: string,
  alpha?: ImagePreprocessing['alpha'],
): Promise<Picture> {
  const bytes = await readFile(path)
  const header = await readHeader(bytes, LIMITS, path)
  const { picture } = await decode(bytes, header, LIMITS, path, alpha)
  return picture
}

/** Resized to a square by a processor that converts to RGB afterwards. Throws `invalid_media` for a damaged picture. */
export async function readSquare(path: string, side: number): Promise<Picture> {
  const bytes = await readFile(path)
  const header = await readHeader(bytes, LIMITS, path)
  const size = { width: side, height: side, kernel: 'bicubic' } as const
  return await resizeInOwnMode(bytes, { header, limits: LIMITS, param: path, ...size })
}

/** Pixels [pictures, 3, size, size] of picture files, one tile each. */
export async function readPixels(
  paths: readonly string[],
  to: ImagePreprocessing,
): Promise<Float32Array> {
  const tile = 3 * to.size ** 2
  const pixels = new Float32Array(paths.length * tile)
  for (const [i, path] of paths.entries()) {
    pixels.set(preprocess(await readPicture(path, to.alpha), to).pixels, i * tile)
  }
  return pixels
}
