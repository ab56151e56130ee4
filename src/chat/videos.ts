/** Clips of a conversation: which frames are looked at, and what that costs, before anything is decoded. */
import { ONE_TILE, type PictureLayout } from '../../models/tiling/layout.ts'
import { framesPerGroup, type ShownFrames } from '../../models/video/rule.ts'
import { AerieError } from '../errors.ts'
import type { LoadedImage, Media } from '../media/types.ts'
import type { ClipWindow, LoadedClip } from '../media/video/contract.ts'
import { inWindow } from '../picture-window.ts'
import type { ChatMessage, FramesPart, VideoCost, VideoPart } from './contract.ts'
import {
  evenTimes,
  type FrameRequest,
  filled,
  namedTimes,
  offeredTimes,
  wantedMoments,
  windowOf,
} from './frame-times.ts'
import type { ServedModel } from './model.ts'
import { loadPart } from './pictures.ts'
import { type PromptMedium, writtenRows } from './prompt-media.ts'

/** A clip whose frames are chosen and whose cost is known, not yet decoded. */
export interface LoadedVideo {
  readonly part: VideoPart | FramesPart
  readonly source: VideoSource
  readonly shown: ShownFrames
  /** Frames whose features are computed together, as places in `shown`. */
  readonly groups: readonly (readonly number[])[]
  /** Of each frame. */
  readonly layout: PictureLayout
  readonly cost: VideoCost
}

/** How the clips of a conversation are looked at. */
export interface VideoLook {
  /** Whether every scene is looked for, also where fewer frames are shown. */
  readonly isToListScenes: boolean
}

export type VideoSource =
  | { readonly from: 'clip'; readonly clip: LoadedClip }
  /** One a frame. */
  | { readonly from: 'pictures'; readonly images: readonly LoadedImage[] }

type ClipPart = VideoPart | FramesPart

export function clipParts(messages: readonly ChatMessage[]): ClipPart[] {
  return messages.flatMap(({ content }) =>
    content.filter((part) => part.type === 'video' || part.type === 'frames'),
  )
}

/** Frames that the clips show, together. */
export function frameCount(videos: readonly LoadedVideo[]): number {
  return videos.reduce((sum, { shown }) => sum + shown.seconds.length, 0)
}

/** A clip as the prompt is told of it. */
export function videoMedium(
  { limits }: Pick<ServedModel, 'limits'>,
  shown: ShownFrames,
): Extract<PromptMedium, { kind: 'video' }> {
  return { kind: 'video', shown, tokensPerFrame: limits.tokensPerTile }
}

/** Fetches and probes every clip and chooses its frames. Errors name the part. */
export async function loadVideos(
  model: ServedModel,
  media: Media,
  messages: readonly ChatMessage[],
  signal: AbortSignal,
  look: VideoLook = { isToListScenes: false },
): Promise<LoadedVideo[]> {
  const parts = clipParts(messages)
  if (parts.length === 0) return []
  refuseBlindAndTooMany(model, parts)
  const videos: LoadedVideo[] = await inWindow(
    parts,
    signal,
    (part, linked) =>
      part.type === 'video'
        ? loadClip(model, media, part, linked, look)
        : loadFrames(model, media, part, linked),
    (video) => releaseVideo(media, video),
  )
  const frames = frameCount(videos)
  if (frames > model.maxFrames) {
    for (const video of videos) releaseVideo(media, video)
    const what = `${frames} frames of ${videos.length} clips, limit is ${model.maxFrames} together (max_frames in /v1/models)`
    const { param } = parts.at(-1)!
    throw new AerieError('media_too_large', `${param}: ${what}`, { param })
  }
  return videos
}

export function releaseVideo(media: Media, { source }: LoadedVideo): void {
  if (source.from === 'clip') media.clips.release(source.clip)
  else for (const image of source.images) media.release(image)
}

function refuseBlindAndTooMany(model: ServedModel, parts: readonly ClipPart[]): void {
  const { id, videoRule, preprocessing, maxFrames, maxVideos } = model
  if (!videoRule || !preprocessing || maxFrames === 0) {
    const { param } = parts[0]!
    const what = `${param}: model ${id} reads no video`
    throw new AerieError('unsupported_parameter', what, { param })
  }
  if (parts.length <= maxVideos) return
  const { param } = parts[maxVideos]!
  const what = `${param}: ${parts.length} clips, limit is ${maxVideos} (max_videos in /v1/models)`
  throw new AerieError('media_too_large', what, { param })
}

async function loadClip(
  model: ServedModel,
  media: Media,
  part: VideoPart,
  signal: AbortSignal,
  look: VideoLook,
): Promise<LoadedVideo> {
  const clip = await media.clips.load({ from: part.from, param: part.param }, signal)
  try {
    const { header } = clip
    const { sampling, samplingParam } = part
    const request: FrameRequest = {
      ...{ header, sampling, param: samplingParam },
      ...{ rule: model.videoRule!, most: model.maxFrames },
    }
    const { times } = sampling
    const window = times ? { start: times[0]!, end: times.at(-1)! } : windowOf(request)
    const { shown, scenes } = times
      ? { shown: namedTimes(request, times), scenes: undefined }
      : await chooseFrames(media, clip, request, window, signal, look)
    const { duration } = header
    const how: Choice = {
      ...{ ...window, duration, sampling: times ? 'times' : sampling.sampling },
      ...(scenes && { scenes }),
    }
    return plan(model, part, { from: 'clip', clip }, shown, how)
  } catch (error) {
    media.clips.release(clip)
    throw error
  }
}

async function chooseFrames(
  { clips }: Media,
  clip: LoadedClip,
  request: FrameRequest,
  window: ClipWindow,
  signal: AbortSignal,
  { isToListScenes }: VideoLook,
): Promise<{ readonly shown: ShownFrames; readonly scenes?: readonly number[] }> {
  const { sampling, param } = request
  if (sampling.sampling === 'uniform') return { shown: evenTimes(request, window) }
  const wanted = wantedMoments(request, window)
  const where = `${param}.sampling`
  if (sampling.sampling === 'keyframes') {
    const keyframes = await clips.keyframes(clip, window, where, signal)
    return { shown: offeredTimes(request, window, keyframes, wanted) }
  }
  const others = wanted > 1 || isToListScenes ? await clips.scenes(clip, window, where, signal) : []
  // A scene begins with the window itself.
  const scenes = [window.start, ...others]
  // A single frame is the first, which nothing is decoded to find; and what begins where the part ends is no part of it.
  const inside = scenes.filter((time) => time === window.start || time < window.end)
  const shown = offeredTimes(request, window, wanted > 1 ? inside : [window.start], wanted)
  return isToListScenes ? { shown, scenes } : { shown }
}

async function loadFrames(
  model: ServedModel,
  media: Media,
  part: FramesPart,
  signal: AbortSignal,
): Promise<LoadedVideo> {
  const { frames, param } = part
  const { multiple } = model.videoRule!
  const all = filled(frames, multiple)
  if (all.length > model.maxFrames) {
    const what = `${param}: ${all.length} frames, limit is ${model.maxFrames} (max_frames in /v1/models)`
    throw new AerieError('media_too_large', what, { param })
  }
  const images = await inWindow(
    frames,
    signal,
    ({ picture }, linked) => loadPart(media, picture, linked),
    (image) => media.release(image),
  )
  const times = frames.map(({ time }) => time)
  const [start, end] = [times[0]!, times.at(-1)!]
  const shown = { seconds: filled(times, multiple), sampledFps: undefined }
  const how = { start, end, duration: end - start, sampling: 'times' } as const
  return plan(model, part, { from: 'pictures', images: filled(images, multiple) }, shown, how)
}

type Choice = Pick<VideoCost, 'start' | 'end' | 'duration' | 'sampling' | 'scenes'>

/** What the frames cost, and which of them are computed together. */
function plan(
  model: ServedModel,
  part: ClipPart,
  source: VideoSource,
  shown: ShownFrames,
  how: Choice,
): LoadedVideo {
  const { param } = part
  const perGroup = framesPerGroup(model.videoRule!)
  const { seconds } = shown
  const tokens = writtenRows(model.videoRule!, videoMedium(model, shown))
  return {
    ...{ part, source, shown, layout: ONE_TILE },
    groups: Array.from({ length: seconds.length / perGroup }, (_, group) =>
      Array.from({ length: perGroup }, (_, i) => group * perGroup + i),
    ),
    cost: { param, ...how, times: seconds, tokens },
  }
}
