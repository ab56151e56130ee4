/** What a picture costs in a decoder, stage by stage, on this thread: the very functions that the decoders run. */
import { createHash } from 'node:crypto'
import { decodeDataUri } from '../media/data-uri.ts'
import { decode } from '../media/decode.ts'
import { readHeader } from '../media/header.ts'
import { type ResizeOptions, resize } from '../media/resample.ts'
import { PLAIN } from '../media/resample-plain.ts'
import type { MediaLimits } from '../media/types.ts'

/** Milliseconds of processor. */
export interface StageTimes {
  readonly dataUri: number
  /** Header and hash. */
  readonly open: number
  readonly decode: number
  readonly resize: number
  /** As `resize`, without SIMD. */
  readonly plainResize: number
}

export interface MeasuredPicture {
  readonly width: number
  readonly height: number
  readonly times: StageTimes
  /** SHA-256 of the resized pixels. */
  readonly sha256: string
}

const LIMITS: MediaLimits = {
  maxImageBytes: 1e9,
  maxImagePixels: 1e9,
  maxImageSide: 1e5,
  maxAspectRatio: 1e5,
  allowSvg: false,
}

/** Pads a picture to a square of `color` and resizes it to `size`, as the decoders do, once. */
export async function measureStages(
  uri: string,
  { size, color }: { readonly size: number; readonly color: readonly [number, number, number] },
): Promise<MeasuredPicture> {
  const [bytes, dataUri] = await timed(() =>
    decodeDataUri(uri, { param: 'picture', maxBytes: LIMITS.maxImageBytes }),
  )
  const [header, open] = await timed(async () => {
    sha256(bytes)
    return await readHeader(bytes, LIMITS, 'picture')
  })
  const [{ picture }, decodeTime] = await timed(() => decode(bytes, header, LIMITS, 'picture'))
  const { width, height } = picture
  const side = Math.max(width, height)
  const [left, top] = [Math.floor((side - width) / 2), Math.floor((side - height) / 2)]
  const options: ResizeOptions = {
    kernel: 'bicubic',
    canvas: { width: side, height: side, left, top, color },
  }
  const [resized, resizeTime] = await timed(() => resize(picture, size, size, options))
  const [plain, plainResize] = await timed(() =>
    resize(picture, size, size, { ...options, by: PLAIN }),
  )
  const digest = sha256(resized.data)
  if (sha256(plain.data) !== digest) throw new Error('the two forms of the resampler disagree')
  return {
    width,
    height,
    times: { dataUri, open, decode: decodeTime, resize: resizeTime, plainResize },
    sha256: digest,
  }
}

/** The result, and milliseconds of processor of the whole process, native threads included. */
async function timed<T>(work: () => T | Promise<T>): Promise<[T, number]> {
  const before = process.cpuUsage()
  const result = await work()
  const { user, system } = process.cpuUsage(before)
  return [result, (user + system) / 1000]
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
