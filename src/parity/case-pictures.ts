/** Pictures of a case, as serving makes tiles of them. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ImagePreprocessing, layoutPicture } from '../../models/preprocessing.ts'
import type { PictureLayout } from '../../models/tiling/layout.ts'
import { decode } from '../media/decode.ts'
import { readHeader } from '../media/header.ts'
import { preprocess } from '../media/preprocess.ts'
import type { Picture } from '../media/resample.ts'
import type { ReferenceCase } from './reference-case.ts'

const LIMITS = {
  maxImageBytes: 1e9,
  maxImagePixels: 1e9,
  maxImageSide: 1e5,
  maxAspectRatio: 1e5,
  allowSvg: false,
}

export interface CasePicture {
  readonly pixels: Float32Array
  readonly layout: PictureLayout
}

/** A file of `inputs/`, upright and in RGB. */
export async function decodeCasePicture({ folder }: ReferenceCase, file: string): Promise<Picture> {
  const bytes = await readFile(join(folder, 'inputs', file))
  const header = await readHeader(bytes, LIMITS, file)
  return (await decode(bytes, header, LIMITS, file)).picture
}

/** A file of `inputs/` as one of `pictures` pictures of a conversation. */
export async function loadCasePicture(
  reference: ReferenceCase,
  file: string,
  to: ImagePreprocessing,
  pictures: number,
): Promise<CasePicture> {
  const picture = await decodeCasePicture(reference, file)
  const layout = layoutPicture(to, picture, 'auto', pictures)
  return { pixels: preprocess(picture, to, layout).pixels, layout }
}

/** Floats one after the other. */
export function joinFloats(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
