/** Frames of clips → features: from the cache, or decoded and run through the towers, a few at a time. */
import type { Features, PooledFrames } from '../engine/types.ts'
import type { Media } from '../media/types.ts'
import { inWindow, PICTURES_AT_ONCE } from '../picture-window.ts'
import { tracedEncode, tracedLookup } from '../tracing/encoder-trace.ts'
import type { ClipSeen, StationTimes, VideoSeen } from './contract.ts'
import { contentKey, pictureKey } from './feature-key.ts'
import type { ServedModel } from './model.ts'
import type { LoadedVideo } from './videos.ts'

export interface EncodedVideo {
  /** One a group of frames. */
  readonly groups: readonly Features[]
  readonly seen: VideoSeen
}

/** Of one window: more would be the pixels of one request that wait while others' wait for memory. */
const WINDOW_BYTES = 64 * 1024 ** 2
/** One is decoded while the towers see the other. */
const WINDOWS_AT_ONCE = 2

/** Frames that are computed together, and the place of their features. */
interface FrameGroup {
  readonly key: string
  readonly frames: readonly number[]
}

/** Features of the clips' frames, clip after clip: a clip has windows of its own. */
export async function encodeVideos(
  model: ServedModel,
  media: Media,
  videos: readonly LoadedVideo[],
  tenant: string,
  signal: AbortSignal,
): Promise<EncodedVideo[]> {
  const encoded: EncodedVideo[] = []
  for (const video of videos) encoded.push(await encodeVideo(model, media, video, tenant, signal))
  return encoded
}

async function encodeVideo(
  model: ServedModel,
  media: Media,
  video: LoadedVideo,
  tenant: string,
  signal: AbortSignal,
): Promise<EncodedVideo> {
  const encoder = model.visionEncoder!
  const { shown, cost, layout } = video
  const keys = video.groups.map((frames) => groupKey(model, video, frames, tenant))
  // The last frame may be shown again.
  const groups = new Map(keys.map((key, i) => [key, { key, frames: video.groups[i]! }]))
  const found = new Map<string, Features>()
  const stations: { -readonly [Station in keyof StationTimes]: StationTimes[Station] } = {}
  const spend = (station: keyof StationTimes, ms: number) => {
    stations[station] = (stations[station] ?? 0) + ms
  }
  await inWindow([...groups.keys()], signal, async (key) => {
    const known = await tracedLookup(encoder, key, video.part.param)
    if (!known) return
    found.set(key, known.features)
    if (known.from === 'disk') spend('disk', known.readMs)
  })
  const cachedFrames = keys.reduce(
    (sum, key, i) => sum + (found.has(key) ? video.groups[i]!.length : 0),
    0,
  )
  const missing = [...groups.values()].filter(({ key }) => !found.has(key))
  await inWindow(
    windowsOf(model, missing),
    signal,
    async (window, linked) => {
      const frames = window.flatMap((group) => group.frames)
      const prepared = await prepareFrames(model, media, video, frames, linked)
      spend('decode', prepared.decodeMs)
      spend('preprocess', prepared.preprocessMs)
      const perFrame = prepared.pixels.length / frames.length
      let next = 0
      const results = await Promise.all(
        window.map(({ key, frames }) => {
          const from = next
          next += frames.length
          return tracedEncode(
            encoder,
            {
              ...{ key, layout, conversions: prepared.conversions },
              // The towers' thread takes each group's pixels by themselves.
              pixels: prepared.pixels.slice(from * perFrame, next * perFrame),
              ...(prepared.seconds && { seconds: prepared.seconds.slice(from, next) }),
              ...pooledFrames(model, frames.length),
            },
            { param: video.part.param, signal: linked },
          )
        }),
      )
      results.forEach(({ features }, i) => {
        found.set(window[i]!.key, features)
      })
      spend('encode', Math.max(...results.map(({ queueMs, encodeMs }) => queueMs + encodeMs)))
    },
    () => {},
    WINDOWS_AT_ONCE,
  )
  const features = keys.map((key) => found.get(key)!)
  const fetchMs = fetchTime(video)
  if (fetchMs !== undefined) spend('fetch', fetchMs)
  return {
    groups: features,
    seen: {
      ...cost,
      shown: features.flatMap(
        ({ seconds }, i) => seconds ?? video.groups[i]!.map((frame) => shown.seconds[frame]!),
      ),
      tilesPerFrame: layout.tiles,
      cachedFrames,
      conversions: [...new Set(features.flatMap(({ conversions }) => conversions ?? []))],
      clip: clipSeen(video),
      stations,
    },
  }
}

/** Groups that are decoded together. */
function windowsOf(model: ServedModel, groups: readonly FrameGroup[]): FrameGroup[][] {
  const [first] = groups
  if (!first) return []
  const { size } = model.preprocessing!
  const frameBytes = 3 * size * size * Float32Array.BYTES_PER_ELEMENT
  const frames = Math.min(PICTURES_AT_ONCE, Math.floor(WINDOW_BYTES / frameBytes))
  const perWindow = Math.max(1, Math.floor(frames / first.frames.length))
  return Array.from({ length: Math.ceil(groups.length / perWindow) }, (_, i) =>
    groups.slice(i * perWindow, (i + 1) * perWindow),
  )
}

interface PreparedWindow {
  /** `[frames, 3, size, size]` */
  readonly pixels: Float32Array
  /** Undefined for pictures, which say nothing of it. */
  readonly seconds: readonly number[] | undefined
  readonly conversions: readonly string[]
  readonly decodeMs: number
  readonly preprocessMs: number
}

async function prepareFrames(
  model: ServedModel,
  media: Media,
  { source, shown, part, layout }: LoadedVideo,
  frames: readonly number[],
  signal: AbortSignal,
): Promise<PreparedWindow> {
  const preprocessing = model.preprocessing!
  if (source.from === 'clip') {
    const times = frames.map((frame) => shown.seconds[frame]!)
    const { clip } = source
    const { param } = part
    const prepared = await media.clips.prepare(clip, times, preprocessing, layout, param, signal)
    if (prepared.times.length !== times.length)
      throw new Error(`${prepared.times.length} frames were prepared for ${times.length} times`)
    const conversions = [...clip.header.conversions, ...prepared.conversions]
    return { ...prepared, seconds: prepared.times, conversions: [...new Set(conversions)] }
  }
  const all = await Promise.all(
    frames.map((frame) =>
      media.prepare(source.images[frame]!, preprocessing, layout, part.param, signal),
    ),
  )
  const pixels = new Float32Array(all.reduce((sum, { pixels }) => sum + pixels.length, 0))
  let at = 0
  for (const one of all) {
    pixels.set(one.pixels, at)
    at += one.pixels.length
  }
  return {
    pixels,
    seconds: undefined,
    conversions: [...new Set(all.flatMap(({ conversions }) => conversions))],
    decodeMs: all.reduce((sum, { decodeMs }) => sum + decodeMs, 0),
    preprocessMs: all.reduce((sum, { preprocessMs }) => sum + preprocessMs, 0),
  }
}

function pooledFrames(
  { videoRule }: ServedModel,
  frames: number,
): { readonly pooled?: PooledFrames } {
  const { pooling } = videoRule!
  return pooling ? { pooled: { frames, pooling } } : {}
}

/**
 * Everything that decides the features, and the tenant, so that nobody can probe for another's clips. A frame that came as a
 * picture has the key of that picture.
 */
function groupKey(
  model: ServedModel,
  { source, shown, layout }: LoadedVideo,
  frames: readonly number[],
  tenant: string,
): string {
  const { pooling } = model.videoRule!
  if (source.from === 'pictures' && !pooling)
    return pictureKey(model, source.images[frames[0]!]!.sha256, layout, tenant)
  const seen =
    source.from === 'clip'
      ? { clip: source.clip.sha256, times: frames.map((frame) => shown.seconds[frame]!) }
      : { pictures: frames.map((frame) => source.images[frame]!.sha256) }
  return contentKey(model, [seen, pooling, layout.levels], tenant)
}

function fetchTime({ part, source }: LoadedVideo): number | undefined {
  const isFetched = part.type === 'video' && 'url' in part.from && !/^\s*data:/i.test(part.from.url)
  return isFetched && source.from === 'clip' ? source.clip.fetchMs : undefined
}

function clipSeen({ source, part }: LoadedVideo): ClipSeen | undefined {
  if (source.from !== 'clip' || part.type !== 'video') return undefined
  const { header, byteLength, sha256 } = source.clip
  const { format, codec, width, height, fps, frames, hasSound } = header
  return {
    ...{ format, codec, width, height, fps, frames, hasSound, sha256 },
    bytes: byteLength,
    ...('fileId' in part.from && part.from.fileId !== undefined && { fileId: part.from.fileId }),
  }
}
