/** Pictures of a case, as the media room decodes and prepares them. */
import { readFile } from 'node:fs/promises'
import type { ImagePreprocessing } from '../../models/preprocessing.ts'
import { ONE_TILE, type PictureLayout } from '../../models/tiling/layout.ts'
import { decode } from '../media/decode.ts'
import { readHeader } from '../media/header.ts'
import type { ModePicture } from '../media/modes.ts'
import { preprocess } from '../media/preprocess.ts'

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
): Promise<ModePicture> {
  const bytes = await readFile(path)
  const header = await readHeader(bytes, LIMITS, path)
  const { picture } = await decode(bytes, header, LIMITS, path, alpha)
  return picture
}

/** Pixels [pictures, 3, size, size] of picture files, one tile each. */
export async function readPixels(
  paths: readonly string[],
  to: ImagePreprocessing,
): Promise<Float32Array> {
  const pictures = await Promise.all(paths.map((path) => readPicture(path, to.alpha)))
  return tilesOf(pictures, to, () => ONE_TILE)
}

/** Pixels [tiles, 3, size, size] of pictures that are laid out each by itself, one after the other. */
export function tilesOf(
  pictures: readonly ModePicture[],
  to: ImagePreprocessing,
  layOut: (picture: number) => PictureLayout,
): Float32Array {
  const tiles = pictures.map((picture, i) => preprocess(picture, to, layOut(i)).pixels)
  const all = new Float32Array(tiles.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const pixels of tiles) {
    all.set(pixels, at)
    at += pixels.length
  }
  return all
}
