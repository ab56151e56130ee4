/** How VILA-1.5, NVILA and VILA-U look at videos; the placeholder's meaning changed twice (see `VideoLayout`). */

import { wantedFrames } from '../video/frame-count.ts'
import { framesToPool, pooledShape } from '../video/pooling.ts'
import type { ClipFrames, FrameStretch, FrameWish, VideoRule, WrittenVideo } from '../video/rule.ts'
import type { VilaVideo } from './config.ts'
import { distinctFrames, evenFrames, framesAtRate } from './frame-sampling.ts'
import { type VideoEncoder, videoPieces } from './media-encoders.ts'

/**
 * `lines`: VILA-1.5, each frame a picture on a line of its own, in front of the text. `pictures`: NVILA since 2025, each frame a
 * picture, which passes the pooling of the video encoder by. `video`: NVILA before that and the hub's code, one placeholder
 * for what the video encoder gives. For Basic encoders the last two are the same features, so that serving knows `video` alone.
 */
export type VideoLayout = 'lines' | 'pictures' | 'video'

export const VIDEO_TOKEN = '<vila/video>'

/** VILA-1.5, whose templates put a line break behind each picture. */
export function vila15Video({ frames: usual, fps: maxFps }: VilaVideo): VideoRule {
  return {
    choose: (clip, wish) =>
      wish.fps === undefined && wish.maxFrames === undefined && maxFps > 0
        ? distinctFrames(clip.frames, usual, { maxFps, videoFps: clip.fps })
        : distinctFrames(clip.frames, wantedFrames(clip, wish, usual)),
    multiple: 1,
    prompt: { form: 'pictures', around: () => ['', ''] },
    how: `${usual} frames evenly from the first to the last, each once, each a picture on a line of its own`,
  }
}

/** VILA-U (`vila_u/utils/media.py`): frames of a short clip come more than once. */
export function vilaUVideo(usual: number): VideoRule {
  return {
    choose: (clip, wish) => evenFrames(clip.frames, wantedFrames(clip, wish, usual)),
    multiple: 1,
    prompt: { form: 'pictures', around: () => ['', ''] },
    how: `${usual} frames evenly from the first to the last, each a picture on a line of its own`,
  }
}

/** NVILA. Throws where the encoder's pools do not divide the `side`² rows of a frame, as the published code does. */
export function nvilaVideo(video: VilaVideo, side: number): VideoRule {
  const { encoder } = video
  const isPooling = encoder.pools.some((size) => size.some((length) => length > 1))
  const multiple = framesToPool({ sizes: encoder.pools })
  for (const size of encoder.pools) pooledShape(multiple, side, size)
  return {
    choose: (clip, wish) => nvilaFrames(clip, wish, video, multiple),
    multiple,
    ...((isPooling || encoder.pools.length > 1) && { pooling: { side, sizes: encoder.pools } }),
    prompt: {
      form: 'video',
      placeholder: () => VIDEO_TOKEN,
      write: ({ seconds }) => written(encoder, seconds.length, side, multiple),
    },
    how: howMany(video, multiple),
  }
}

function howMany({ frames, fps, encoder }: VilaVideo, multiple: number): string {
  const usual =
    fps > 0
      ? `${fps} frames a second, the first ${frames} of them`
      : `${frames} frames evenly from the first to the last`
  const pools = encoder.pools.map((size) => size.join('×')).join(' and ')
  return multiple > 1 || pools !== '1×1×1'
    ? `${usual}, pooled by ${pools} (frames × rows × columns), a multiple of ${multiple}`
    : usual
}

function nvilaFrames(
  clip: ClipFrames,
  wish: FrameWish,
  { frames: usual, fps }: VilaVideo,
  multiple: number,
): number[] {
  if (fps > 0 && wish.fps === undefined && wish.maxFrames === undefined)
    return framesAtRate(clip.frames, usual, { fps, videoFps: clip.fps })
  const wanted = wantedFrames(clip, wish, usual)
  return evenFrames(clip.frames, Math.max(1, Math.floor(wanted / multiple)) * multiple)
}

/** The sequence of the video encoder. Texts stand behind the frame before them, and those of the beginning before the first. */
function written(
  encoder: VideoEncoder,
  frames: number,
  side: number,
  multiple: number,
): WrittenVideo {
  const shapes = encoder.pools.map((size) => pooledShape(multiple, side, size))
  const rowsOf = (pool: number) => shapes[pool]!.rows * shapes[pool]!.columns
  const firstRow = (pool: number) =>
    shapes.slice(0, pool).reduce((sum, { frames }, i) => sum + frames * rowsOf(i), 0)
  const stretches: (FrameStretch & { readonly before: string[]; readonly after: string[] })[] = []
  const first: string[] = []
  for (const piece of videoPieces(encoder, frames, side)) {
    if (piece.kind === 'text') {
      ;(stretches.at(-1)?.after ?? first).push(piece.text)
      continue
    }
    const { frames: perGroup } = shapes[piece.pool]!
    const rows = rowsOf(piece.pool)
    stretches.push({
      group: Math.floor(piece.frame / perGroup),
      firstRow: firstRow(piece.pool) + (piece.frame % perGroup) * rows,
      rows,
      before: stretches.length === 0 ? first : [],
      after: [],
    })
  }
  return { texts: new Array<string>(stretches.length + 1).fill(''), stretches }
}
