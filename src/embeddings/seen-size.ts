/** At which size a tower is to see a picture, and how the picture comes to it. */
import type { EmbeddingTower } from '../../models/family.ts'
import type { Preprocessing, WholePicture } from '../../models/preprocessing.ts'
import type { PictureSize } from '../../models/tiling/layout.ts'
import { AerieError } from '../errors.ts'
import type { RequestedSize } from './contract.ts'

/** How a picture is brought to the size at which it is seen. */
export interface SeenPicture {
  readonly size: PictureSize
  readonly preprocessing: Preprocessing
}

/** The request field that sizes come from. */
const PARAM = 'aerie.size'

/** Patches that a picture of this size is cut into. */
export function patchesOf({ patchSize }: EmbeddingTower, { height, width }: PictureSize): number {
  return Math.floor(height / patchSize) * Math.floor(width / patchSize)
}

/**
 * `auto` as the published examples have it: the picture's own size, brought to the nearest that the tower takes without
 * antialias; where that is beyond a limit, smaller in the same proportions, antialiased. Sizes that were asked for: as
 * CLIPImageProcessor resizes. A tower of one size has its own processing. Throws `invalid_request` for a size that the tower does not take.
 */
export function seenAs(
  tower: EmbeddingTower,
  picture: PictureSize,
  requested: RequestedSize,
  maxPatches: number,
): SeenPicture {
  if (tower.processing) {
    if (typeof requested === 'object') checkSize(tower, requested, maxPatches)
    return { size: tower.preferred, preprocessing: tower.processing }
  }
  if (requested === 'auto') {
    const nearest = tower.nearest(picture)
    return fits(tower, nearest, maxPatches)
      ? whole(nearest, 'bilinear-floats')
      : whole(shrunk(tower, picture, maxPatches), 'bicubic')
  }
  const size = requested === 'preferred' ? tower.preferred : requested
  checkSize(tower, size, maxPatches)
  return whole(size, 'bicubic')
}

function whole(size: PictureSize, resample: WholePicture['resample']): SeenPicture {
  return { size, preprocessing: { mode: 'whole', ...size, resample, alpha: 'dropped' } }
}

function fits(tower: EmbeddingTower, size: PictureSize, maxPatches: number): boolean {
  const longest = Math.max(size.height, size.width)
  return longest <= tower.maxSide && patchesOf(tower, size) <= maxPatches
}

/** The largest size of about the picture's proportions that is within the limits. */
function shrunk(tower: EmbeddingTower, picture: PictureSize, maxPatches: number): PictureSize {
  const { step, maxSide, patchSize } = tower
  const area = maxPatches * patchSize ** 2
  const [shorter, longer] = [
    Math.min(picture.height, picture.width),
    Math.max(picture.height, picture.width),
  ]
  const scale = Math.min(maxSide / longer, Math.sqrt(area / (shorter * longer)))
  const floor = (length: number) => Math.max(step, Math.floor(length / step) * step)
  const short = floor(shorter * scale)
  // A strip may not become thinner than a step, and is shorter for it.
  const long = floor(Math.min(longer * scale, area / short))
  return picture.height <= picture.width
    ? { height: short, width: long }
    : { height: long, width: short }
}

function checkSize(tower: EmbeddingTower, size: PictureSize, maxPatches: number): void {
  const { step, maxSide } = tower
  const { height, width } = size
  const got = `${height}×${width}`
  if (height % step !== 0 || width % step !== 0 || Math.max(height, width) > maxSide) {
    const nearest = tower.nearest({
      height: Math.min(height, maxSide),
      width: Math.min(width, maxSide),
    })
    throw invalid(
      `height and width as multiples of ${step} up to ${maxSide}, got ${got}; the nearest is ${nearest.height}×${nearest.width}`,
    )
  }
  const patches = patchesOf(tower, size)
  if (patches > maxPatches)
    throw invalid(`at most ${maxPatches} patches (maxPatches), got ${patches} of ${got}`)
}

function invalid(what: string): AerieError {
  return new AerieError('invalid_request', `${PARAM}: expected ${what}`, { param: PARAM })
}
