/** Which moments of a clip are looked at: one contract of sampling for all families, before anything is decoded. Pure. */
import type { ClipFrames, ShownFrames, VideoRule } from '../../models/video/rule.ts'
import { AerieError } from '../errors.ts'
import type { ClipHeader, ClipWindow } from '../media/video/contract.ts'
import type { VideoSampling } from './contract.ts'

/** What decides about the frames of one clip. */
export interface FrameRequest {
  readonly header: Pick<ClipHeader, 'duration' | 'fps' | 'frames'>
  readonly rule: Pick<VideoRule, 'choose' | 'multiple' | 'mostAtRate' | 'pooling'>
  readonly sampling: VideoSampling
  /** Path of the object that the sampling fields stand in. */
  readonly param: string
  /** Frames that a request may ask for. */
  readonly most: number
}

/** Less than the distance of two frames of any clip, and more than floats are off. Seconds. */
const EPSILON = 1e-6

/**
 * The part of the clip that is asked about. An `end` behind the clip's is the clip's. Throws `invalid_request` for a window
 * that has nothing of the clip.
 */
export function windowOf({ header, sampling, param }: FrameRequest): ClipWindow {
  const { duration } = header
  const { start = 0, end = duration } = sampling
  if (start >= duration && start > 0) {
    throw invalid(
      `${param}.start`,
      `below the clip's duration of ${seconds(duration)}, got ${start}`,
    )
  }
  if (end <= start && duration > 0) {
    throw invalid(`${param}.end`, `more than start, which is ${start}, got ${end}`)
  }
  return { start, end: Math.min(end, duration) }
}

/**
 * Frames as the family's own rule finds them in the window, as if that were the whole clip. Throws `invalid_request` where
 * they are more than a request may ask for.
 */
export function evenTimes(request: FrameRequest, window: ClipWindow): ShownFrames {
  const { header } = request
  const { first, frames } = framesIn(header, window)
  const places = choose(request, { frames, fps: header.fps })
  return {
    seconds: places.map((place) => (first + place) / header.fps),
    sampledFps: (places.length / frames) * header.fps,
  }
}

/** How many moments are taken of those that keyframes, or changes of scenes, offer. */
export function wantedMoments(request: FrameRequest, window: ClipWindow): number {
  const { header } = request
  return choose(request, { frames: framesIn(header, window).frames, fps: header.fps }).length
}

/** Of the moments that offer themselves, in order, as many as are wanted, spread evenly over them. */
export function offeredTimes(
  { rule }: Pick<FrameRequest, 'rule'>,
  window: ClipWindow,
  offered: readonly number[],
  wanted: number,
): ShownFrames {
  // Something is to be seen of a window in which no scene begins.
  const moments = offered.length > 0 ? offered : [window.start]
  const taken =
    moments.length <= wanted
      ? moments
      : Array.from(
          { length: wanted },
          (_, i) => moments[Math.floor(((2 * i + 1) * moments.length) / (2 * wanted))]!,
        )
  // Where a single frame is wanted, it is not paired.
  const multiple = Math.min(rule.multiple, wanted)
  return { seconds: filled(taken, multiple), sampledFps: undefined }
}

/** Moments that the request names. Throws `invalid_request` for one behind the end of the clip, and for too many. */
export function namedTimes(request: FrameRequest, times: readonly number[]): ShownFrames {
  const { header, rule, param } = request
  const late = times.findIndex((time) => time > header.duration + EPSILON)
  if (late >= 0) {
    const what = `at most the clip's duration of ${seconds(header.duration)}, got ${times[late]}`
    throw invalid(`${param}.times[${late}]`, what)
  }
  const shown = filled(times, rule.multiple)
  refuseTooMany(request, shown.length)
  return { seconds: shown, sampledFps: undefined }
}

/** The last frame again, until there are a multiple of so many. */
export function filled<Item>(items: readonly Item[], multiple: number): Item[] {
  const missing = (multiple - (items.length % multiple)) % multiple
  return [...items, ...new Array<Item>(missing).fill(items.at(-1)!)]
}

/** Frames that begin within the window; the one that is shown at its start where none does. */
function framesIn(
  { fps, frames, duration }: FrameRequest['header'],
  { start, end }: ClipWindow,
): { readonly first: number; readonly frames: number } {
  const all = Math.max(1, frames)
  if (start <= 0 && end >= duration - EPSILON) return { first: 0, frames: all }
  const next = Math.ceil((start - EPSILON) * fps)
  const first = Math.min(Math.max(0, next), all - 1)
  const behind = Math.min(Math.ceil((end - EPSILON) * fps), all)
  if (behind > first) return { first, frames: behind - first }
  return { first: Math.max(0, Math.min(first, Math.floor((start + EPSILON) * fps))), frames: 1 }
}

function choose(request: FrameRequest, clip: ClipFrames): readonly number[] {
  const { rule, sampling } = request
  const { fps, maxFrames } = sampling
  if (maxFrames !== undefined) {
    if (rule.pooling && maxFrames < rule.multiple) {
      const what = `at least ${rule.multiple}, the frames that this model pools, got ${maxFrames}`
      throw invalid(`${request.param}.max_frames`, what)
    }
    refuseTooMany(request, maxFrames)
  } else if (fps !== undefined) {
    // Before a clip that says that it has a thousand million frames has them listed.
    const { mostAtRate = Number.POSITIVE_INFINITY } = rule
    const atRate = Math.min(Math.floor((clip.frames / clip.fps) * fps), clip.frames)
    refuseTooMany(request, Math.min(atRate, mostAtRate))
  }
  const places = rule.choose(clip, {
    ...(fps !== undefined && { fps }),
    ...(maxFrames !== undefined && { maxFrames }),
  })
  refuseTooMany(request, places.length)
  return places.length > 0 ? places : [0]
}

function refuseTooMany({ sampling, param, most }: FrameRequest, frames: number): void {
  if (frames <= most) return
  const { maxFrames, fps, times } = sampling
  const field = times ? 'times' : maxFrames !== undefined ? 'max_frames' : fps ? 'fps' : undefined
  const where = field === undefined ? param : `${param}.${field}`
  const advice = field === 'max_frames' ? '' : '; set max_frames or a window of start and end'
  throw new AerieError(
    'media_too_large',
    `${where}: ${frames} frames, limit is ${most} (max_frames in /v1/models)${advice}`,
    { param: where },
  )
}

function invalid(param: string, what: string): AerieError {
  return new AerieError('invalid_request', `${param}: expected ${what}`, { param })
}

function seconds(value: number): string {
  return `${Math.round(value * 1000) / 1000} s`
}
