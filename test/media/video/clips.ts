/** Clips that tests make with ffmpeg: every frame says its number in large black and white squares, which survive any codec. */
import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ImagePreprocessing } from '../../../models/preprocessing.ts'
import { ONE_TILE } from '../../../models/tiling/layout.ts'
import { type MediaOptions, startMedia } from '../../../src/media/media.ts'
import type { Media } from '../../../src/media/types.ts'
import type { Clips, LoadedClip, PreparedFrames } from '../../../src/media/video/contract.ts'
import { FETCH_LIMITS, LIMITS, NEVER } from '../pictures.ts'

const run = promisify(execFile)

/** Why tests that need ffmpeg are skipped; false where it is there. */
export const NO_FFMPEG: string | false = spawnSync('ffmpeg', ['-version']).error
  ? 'ffmpeg is not installed'
  : false

/** Squares of a number in a frame: four by four, the lowest bit first, row by row. */
const BITS = 16
export const WIDTH = 64
export const HEIGHT = 64

/** Frames of `numbered`, as lavfi source: frame n has n in its squares. */
export const numbered = (rate: number | string, seconds: number, size = `${WIDTH}x${HEIGHT}`) =>
  `nullsrc=size=${size}:rate=${rate}:duration=${seconds},format=gray,geq=lum='255*mod(floor(N/pow(2,floor(X*4/W)+4*floor(Y*4/H))),2)'`

/** The number in a picture of any size, `[height, width]` with any number of channels between bytes. */
export function numberIn(pixels: ArrayLike<number>, width: number, height: number): number {
  let number = 0
  for (let bit = 0; bit < BITS; bit++) {
    const x = Math.floor(((bit % 4) + 0.5) * (width / 4))
    const y = Math.floor((Math.floor(bit / 4) + 0.5) * (height / 4))
    if (pixels[y * width + x]! > 0.5) number += 2 ** bit
  }
  return number
}

export async function ffmpeg(args: readonly string[]): Promise<void> {
  await run('ffmpeg', ['-v', 'error', '-nostdin', '-y', ...args])
}

export interface ClipFolder extends AsyncDisposable {
  readonly folder: string
  path(name: string): string
}

export async function clipFolder(): Promise<ClipFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'aerie-test-clips-'))
  return {
    folder,
    path: (name) => join(folder, name),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

/** One tile of the clip's own size: pixels 0…1, as they are. */
export const AS_IT_IS: ImagePreprocessing = {
  mode: 'stretch',
  size: WIDTH,
  padColor: [0, 0, 0],
  resample: 'bicubic',
  mean: [0, 0, 0],
  std: [1, 1, 1],
}

export const SEARCH_PATH = process.env['PATH'] ?? ''

export function mediaForClips(options: Partial<MediaOptions> = {}): Promise<Media> {
  return startMedia({
    workers: 1,
    limits: LIMITS,
    fetch: FETCH_LIMITS,
    logger: { warn: () => {} },
    ...options,
    clips: { workers: 1, searchPath: SEARCH_PATH, ...options.clips },
  })
}

export function framesAt(
  clips: Clips,
  clip: LoadedClip,
  times: readonly number[],
  to = AS_IT_IS,
  signal = NEVER,
): Promise<PreparedFrames> {
  return clips.prepare(clip, times, to, ONE_TILE, 'video', signal)
}

/** The numbers in frames of one tile each. */
export function numbersIn({ pixels, times }: PreparedFrames, size = WIDTH): number[] {
  const area = size * size
  return times.map((_, index) =>
    numberIn(pixels.subarray(index * 3 * area, index * 3 * area + area), size, size),
  )
}
