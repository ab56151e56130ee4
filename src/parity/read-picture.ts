/** A picture of a case, as the media room decodes it. */
import { readFile } from 'node:fs/promises'
import { decode } from '../media/decode.ts'
import { readHeader } from '../media/header.ts'
import type { Picture } from '../media/resample.ts'

/** Cases are trusted. */
const LIMITS = {
  maxImageBytes: 1e9,
  maxImagePixels: 1e9,
  maxImageSide: 1e5,
  maxAspectRatio: 1e5,
  allowSvg: false,
}

export async function readPicture(path: string): Promise<Picture> {
  const bytes = await readFile(path)
  const header = await readHeader(bytes, LIMITS, path)
  const { picture } = await decode(bytes, header, LIMITS, path)
  return picture
}
