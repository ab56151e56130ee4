/** Clips on the wire: parts of a message → ours, and what was seen of them → wire. */
import type {
  ContentPart,
  FiledVideo,
  FramesPart,
  TrackPart,
  VideoCost,
  VideoSampling,
  VideoSeen,
} from '../chat/contract.ts'
import { AerieError } from '../errors.ts'
import type { WireRequests } from './contract.ts'
import type { components } from './openapi.d.ts'
import { toWireTimes } from './wire-times.ts'

type Wire = components['schemas']
type WireMessage = WireRequests['ChatCompletionRequest']['messages'][number]
type WirePart = Exclude<
  Extract<WireMessage, { content?: unknown }>['content'],
  string | null | undefined
>[number]
type WireVideo = Extract<WirePart, { type: 'video_url' }>['video_url']
type WireInputVideo = Extract<WirePart, { type: 'input_video' }>['input_video']
type WireSampling = Pick<
  WireInputVideo,
  'fps' | 'max_frames' | 'start' | 'end' | 'sampling' | 'times'
>

/** `param`: of the object, `….video_url`. */
export function toVideoByUrl(video: WireVideo, param: string): ContentPart {
  if (typeof video === 'string') {
    const sampling = toSampling({}, param)
    return { type: 'video', from: { url: video }, sampling, param, samplingParam: param }
  }
  return {
    type: 'video',
    from: { url: video.url },
    sampling: toSampling(video, param),
    param: `${param}.url`,
    samplingParam: param,
  }
}

/** `param`: of the object, `….input_video`. Throws `invalid_request` unless exactly one source is given. */
export function toInputVideo(video: WireInputVideo, param: string): ContentPart | FiledVideo {
  const { data, file_id: fileId, frames } = video
  const given = Object.entries({ data, file_id: fileId, frames })
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name]) => name)
  if (given.length !== 1) {
    const got = given.length === 0 ? 'none of them' : given.join(' and ')
    throw invalid(param, `one of data, file_id and frames, got ${got}`)
  }
  if (frames) return toFrames(frames, video, param)
  const sampling = toSampling(video, param)
  if (data) {
    const from = { base64: data }
    return { type: 'video', from, sampling, param: `${param}.data`, samplingParam: param }
  }
  const where = { param: `${param}.file_id`, samplingParam: param }
  return { type: 'filed-video', fileId: fileId!, sampling, ...where }
}

/** The sound of a clip that asks for it: a part of its own behind it. `param`: of the part. */
export function trackOf(part: WirePart, param: string): TrackPart[] {
  const [video, where] =
    part.type === 'video_url'
      ? [part.video_url, `${param}.video_url`]
      : part.type === 'input_video'
        ? [part.input_video, `${param}.input_video`]
        : []
  if (typeof video !== 'object' || !video.sound) return []
  const field = `${where}.sound`
  if ('frames' in video && video.frames)
    throw invalid(field, 'none beside frames, which have no sound')
  return [{ type: 'track', param: field }]
}

const SAMPLING_FIELDS = ['fps', 'max_frames', 'start', 'end', 'sampling', 'times'] as const

function toFrames(
  frames: NonNullable<WireInputVideo['frames']>,
  sampling: WireSampling,
  param: string,
): FramesPart | FiledVideo {
  const field = SAMPLING_FIELDS.find((name) => isGiven(sampling[name]))
  if (field) throw invalid(`${param}.${field}`, 'none beside frames, which are all looked at')
  const found = frames.map((frame, i) => {
    const where = `${param}.frames[${i}]`
    const { url, file_id: fileId, time } = frame
    if (isGiven(url) === isGiven(fileId)) {
      throw invalid(where, `either url or file_id, got ${url ? 'both' : 'neither'}`)
    }
    const before = frames[i - 1]?.time
    if (before !== undefined && time <= before)
      throw invalid(`${where}.time`, `more than that of the frame before, ${before}, got ${time}`)
    return {
      time,
      picture: fileId
        ? ({ type: 'filed-image', fileId, param: `${where}.file_id` } as const)
        : // One tile, as every frame of a clip.
          ({ type: 'image', url: url!, detail: 'low', param: `${where}.url` } as const),
    }
  })
  return found.some(({ picture }) => picture.type === 'filed-image')
    ? { type: 'filed-frames', frames: found, param: `${param}.frames` }
    : ({ type: 'frames', frames: found, param: `${param}.frames` } as FramesPart)
}

function toSampling(wire: WireSampling, param: string): VideoSampling {
  const { fps, max_frames: maxFrames, start, end, sampling, times } = wire
  if (times) {
    const others = SAMPLING_FIELDS.filter((name) => name !== 'times' && isGiven(wire[name]))
    if (others[0] !== undefined)
      throw invalid(`${param}.${others[0]}`, 'none beside times, which say what is looked at')
    const late = times.findIndex((time, i) => i > 0 && time <= times[i - 1]!)
    if (late > 0) {
      const what = `more than the time before, ${times[late - 1]}, got ${times[late]}`
      throw invalid(`${param}.times[${late}]`, what)
    }
  }
  if (isGiven(start) && isGiven(end) && end <= start)
    throw invalid(`${param}.end`, `more than start, which is ${start}, got ${end}`)
  return {
    fps: fps ?? undefined,
    maxFrames: maxFrames ?? undefined,
    start: start ?? undefined,
    end: end ?? undefined,
    sampling: sampling ?? 'uniform',
    times: times ?? undefined,
  }
}

function isGiven<Value>(value: Value | null | undefined): value is Value {
  return value !== undefined && value !== null
}

export function toWireVideo(video: VideoCost): Wire['VideoSeen'] {
  const { param, start, end, duration, sampling, times, tokens, scenes } = video
  return {
    param,
    start: seconds(start),
    end: seconds(end),
    duration: seconds(duration),
    sampling,
    times: times.map(seconds),
    tokens,
    ...(scenes && { scenes: scenes.map(seconds) }),
  }
}

export function toWireExplainedVideo(video: VideoSeen): Wire['VideoSeen'] {
  const { clip, shown, tilesPerFrame, cachedFrames, conversions, stations } = video
  return {
    ...toWireVideo(video),
    shown_from: shown.map(seconds),
    tiles_per_frame: tilesPerFrame,
    cached_frames: cachedFrames,
    conversions: [...conversions],
    ...(clip && { clip: toWireClip(clip) }),
    timings_ms: toWireTimes(stations),
  }
}

function toWireClip({
  fileId,
  hasSound,
  fps,
  ...clip
}: NonNullable<VideoSeen['clip']>): NonNullable<Wire['VideoSeen']['clip']> {
  return {
    ...clip,
    ...(fileId !== undefined && { file_id: fileId }),
    fps: seconds(fps),
    has_sound: hasSound,
  }
}

/** Microseconds are finer than any clip. */
function seconds(value: number): number {
  return Math.round(value * 1e6) / 1e6
}

function invalid(param: string, what: string): AerieError {
  return new AerieError('invalid_request', `${param}: expected ${what}`, { param })
}
