/** Which frames of a video Eagle 2 and 2.5 look at. */
import { roundHalfToEven } from '../blocks/round.ts'

export interface VideoFacts {
  readonly totalFrames: number
  /** Average frames a second. */
  readonly fps: number
}

/** What a request may say about it; `frames` excludes the others. */
export interface FrameOptions {
  readonly fps?: number
  readonly frames?: number
  readonly minFrames?: number
  readonly maxFrames?: number
}

export interface ChosenFrames {
  /** Places in the video, from 0. */
  readonly indices: readonly number[]
  /** Seconds from its beginning, one a frame. */
  readonly seconds: readonly number[]
  /** Frames a second that were chosen, which the prompt says. */
  readonly sampledFps: number
}

const FPS = 2
/** Frames come in pairs. */
const FACTOR = 2
const MIN_FRAMES = 4
export const MAX_FRAMES = 256

/** Eagle 2.5's rule: `smart_nframes` and `_read_video_decord` of `processing_eagle2_5_vl.py`. */
export function chooseFrames(video: VideoFacts, options: FrameOptions = {}): ChosenFrames {
  const { totalFrames, fps } = video
  const count = frameCount(video, options)
  const indices = evenlySpaced(totalFrames, count)
  return {
    indices,
    seconds: indices.map((index) => index / fps),
    sampledFps: (count / totalFrames) * fps,
  }
}

function frameCount(
  { totalFrames, fps }: VideoFacts,
  { frames, fps: wantedFps = FPS, minFrames = MIN_FRAMES, maxFrames }: FrameOptions,
): number {
  let count: number
  if (frames === undefined) {
    const least = Math.ceil(minFrames / FACTOR) * FACTOR
    const most = Math.floor((maxFrames ?? Math.min(MAX_FRAMES, totalFrames)) / FACTOR) * FACTOR
    const wanted = (totalFrames / fps) * wantedFps
    const bounded = Math.min(Math.max(wanted, least), most, totalFrames)
    count = Math.floor(bounded / FACTOR) * FACTOR
  } else {
    count = roundHalfToEven(frames / FACTOR) * FACTOR
  }
  return count >= FACTOR && count <= totalFrames ? count : totalFrames
}

/** `torch.linspace(0, total − 1, count).round()`: 32-bit floats, the second half counted from the end. */
function evenlySpaced(total: number, count: number): number[] {
  if (count === 1) return [0]
  const end = Math.fround(total - 1)
  const step = Math.fround(end / (count - 1))
  return Array.from({ length: count }, (_, i) => {
    if (i < Math.floor(count / 2)) return roundHalfToEven(Math.fround(step * i))
    return roundHalfToEven(Math.fround(end - Math.fround(step * (count - 1 - i))))
  })
}

/** The rule of Eagle 2's first generation (`get_seq_frames` of demo.py): the middle of each of `count` equal parts. */
export function chooseMiddleFrames({ totalFrames, fps }: VideoFacts, count: number): ChosenFrames {
  const part = (totalFrames - 1) / count
  const indices = Array.from({ length: count }, (_, i) => {
    const [start, end] = [roundHalfToEven(part * i), roundHalfToEven(part * (i + 1))]
    return Math.floor((start + end) / 2)
  })
  return {
    indices,
    seconds: indices.map((index) => index / fps),
    sampledFps: (count / totalFrames) * fps,
  }
}
