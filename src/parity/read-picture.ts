/** Pictures of a case. */
import { readFile } from 'node:fs/promises'
import { decode } from '../media/decode.ts'
import { readHeader } from '../media/header.ts'
import { resizeInOwnMode } from '../media/own-mode.ts'
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
export async function readPicture(path: string): Promise<Picture> {
  const bytes = await readFile(path)
  const header = await readHeader(bytes, LIMITS, path)
  const { picture } = await decode(bytes, header, LIMITS, path)
  return picture
}

/** Resized to a square by a processor that converts to RGB afterwards. Throws `invalid_media` for a damaged picture. */
export async function readSquare(path: string, side: number): Promise<Picture> {
  const bytes = await readFile(path)
  const header = await readHeader(bytes, LIMITS, path)
  const size = { width: side, height: side, kernel: 'bicubic' } as const
  return await resizeInOwnMode(bytes, { header, limits: LIMITS, param: path, ...size })
}
