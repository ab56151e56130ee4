/** Pictures of a case, as serving makes tiles of them. */
import { join } from 'node:path'
import { type ImagePreprocessing, layoutPictures } from '../../models/preprocessing.ts'
import type { PictureLayout } from '../../models/tiling/layout.ts'
import { preprocess } from '../media/preprocess.ts'
import { readPicture } from './read-picture.ts'
import type { ReferenceCase } from './reference-case.ts'

export interface CasePicture {
  readonly pixels: Float32Array
  readonly layout: PictureLayout
}

/** A file of `inputs/`, alone in a conversation or one of several pictures or frames: only that decides about its tiles. */
export async function loadCasePicture(
  { folder }: ReferenceCase,
  file: string,
  to: ImagePreprocessing,
  isAlone: boolean,
): Promise<CasePicture> {
  const picture = await readPicture(join(folder, 'inputs', file), to.alpha)
  const one = { size: picture, detail: 'auto' } as const
  const layout = layoutPictures(to, isAlone ? [one] : [one, one])[0]!
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
