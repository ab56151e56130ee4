/** How large a page is drawn, and how large a document may be. */

import type { PictureSize } from '../../../models/tiling/layout.ts'
import { AerieError } from '../../errors.ts'
import type { ImageHeader } from '../types.ts'
import type { DocumentLimits } from './contract.ts'

/** What office documents are scanned at, and what towers of a few tiles can see of an A4 page. */
const DOTS_PER_INCH = 150
const POINTS_PER_INCH = 72
/** Posters and plans are drawn smaller, so that the longer side has as many pixels. */
const LONGEST_SIDE = 2048

/** The size in pixels of a page of `points`. */
export function drawnSize(points: PictureSize): PictureSize {
  const longest = Math.max(points.width, points.height)
  const scale = Math.min(DOTS_PER_INCH / POINTS_PER_INCH, LONGEST_SIDE / longest)
  const pixels = (length: number) => Math.max(1, Math.round(length * scale))
  return { width: pixels(points.width), height: pixels(points.height) }
}

/** A page as the picture that it is drawn as, as one would be found in a file. */
export function pictureHeader({ width, height }: PictureSize): ImageHeader {
  return {
    format: 'pdf',
    width,
    height,
    orientation: 1,
    colourSpace: 'srgb',
    // What it is drawn on.
    channels: 4,
    bitDepth: 'uchar',
    hasAlpha: false,
    profile: null,
    isPalette: false,
    frames: 1,
  }
}

/** Throws `media_too_large`. */
export function checkDocumentBytes(
  bytes: number,
  { maxDocumentBytes }: DocumentLimits,
  param: string,
): void {
  if (bytes <= maxDocumentBytes) return
  const what = `the document is ${bytes} bytes, maxDocumentBytes is ${maxDocumentBytes}`
  throw new AerieError('media_too_large', `${param}: ${what}`, { param })
}
