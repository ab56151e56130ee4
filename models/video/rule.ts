/** How a family looks at clips: which frames, and what stands around them in the prompt. Pure; no clip is opened here. */
import { type FramePooling, pooledShape } from './pooling.ts'

/** A clip, or the part of it that is asked about, as far as it is known before anything is decoded. */
export interface ClipFrames {
  /** At least 1. */
  readonly frames: number
  /** Frames a second, on average. */
  readonly fps: number
}

/** What a request says about the number of frames; nothing: as the published code does. */
export interface FrameWish {
  readonly fps?: number
  readonly maxFrames?: number
}

/** What of a clip is shown. */
export interface ShownFrames {
  /** From the clip's beginning, one a frame. */
  readonly seconds: readonly number[]
  /** Frames a second that were chosen; undefined where they are not evenly apart. */
  readonly sampledFps: number | undefined
}

/** A stretch of a clip's features in the prompt. */
export interface FrameStretch {
  /** Of the groups of frames whose features are computed together. */
  readonly group: number
  /** Rows of the group's features. */
  readonly firstRow: number
  readonly rows: number
  /** Texts around it, each tokenized by itself. */
  readonly before: readonly string[]
  readonly after: readonly string[]
}

/** What stands for a clip in a prompt: texts, and a stretch between each two, so one stretch fewer than texts. */
export interface WrittenVideo {
  readonly texts: readonly string[]
  readonly stretches: readonly FrameStretch[]
}

export type VideoPrompt =
  /** Each frame is a picture, with these texts around it. */
  | { readonly form: 'pictures'; around(second: number): readonly [before: string, after: string] }
  /** A placeholder of its own for the `number`th clip of a conversation, from 1. `rows`: features of a frame. */
  | {
      readonly form: 'video'
      placeholder(number: number): string
      write(shown: ShownFrames, number: number, rows: number): WrittenVideo
    }

export interface VideoRule {
  /** Places of the frames in the clip, from 0, in order; some more than once where the published code does so. */
  choose(clip: ClipFrames, wish: FrameWish): readonly number[]
  /** Frames that the published rule gives at a rate at most; absent: as many as the rate gives. */
  readonly mostAtRate?: number
  /** Frames are this many or a multiple of it; of fewer, the last is shown again. */
  readonly multiple: number
  /** Absent: each frame has features of its own. */
  readonly pooling?: FramePooling
  readonly prompt: VideoPrompt
  /** Clips in one conversation; absent: as many as fit. */
  readonly maxVideos?: number
  /** What is seen where a request does not say, in words. */
  readonly how: string
}

/** Frames whose features are computed together. */
export function framesPerGroup({ pooling, multiple }: VideoRule): number {
  return pooling ? multiple : 1
}

/** Positions that a frame takes on average, of which the towers give `rows`. */
export function tokensOfFrame({ pooling, multiple }: VideoRule, rows: number): number {
  if (!pooling) return rows
  const { side, sizes } = pooling
  const all = sizes.reduce((sum, size) => {
    const { frames, rows, columns } = pooledShape(multiple, side, size)
    return sum + frames * rows * columns
  }, 0)
  return all / multiple
}

/** A stretch for every frame, each with features of its own. */
export function oneStretchEach(frames: number, rows: number): FrameStretch[] {
  return Array.from({ length: frames }, (_, group) => ({
    ...{ group, firstRow: 0, rows },
    ...{ before: [], after: [] },
  }))
}
