/** Which frames of a video the published code looks at; indices from 0, of frames that can be decoded. */
import { roundHalfToEven } from '../blocks/round.ts'

/** `count` places from 0 to `last`, evenly apart; numpy's `linspace`, in its order of operations. */
function linspace(last: number, count: number): number[] {
  if (count === 1) return [0]
  const step = last / (count - 1)
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? last : i * step))
}

/** NVILA, and every folder of pictures: `count` frames, more than once where there are fewer (`llava/utils/media.py`). */
export function evenFrames(frames: number, count: number): number[] {
  return linspace(frames - 1, count).map(roundHalfToEven)
}

/** NVILA with `fps` set: so many frames a second of the video, the first `count` of them. */
export function framesAtRate(
  frames: number,
  count: number,
  { fps, videoFps }: { readonly fps: number; readonly videoFps: number },
): number[] {
  const duration = videoFps > 0 ? frames / videoFps : 0
  const interval = 1 / fps
  const times = Math.min(count, Math.ceil(duration / interval))
  return Array.from({ length: times }, (_, i) => Math.trunc(i * interval * videoFps))
}

/**
 * VILA-1.5 (`mm_utils.py: opencv_extract_frames`): `count` frames, each once; all of a shorter clip. With `maxFps`, a clip
 * that is too short to fill `count` at that rate gives fewer, two at least.
 */
export function distinctFrames(
  frames: number,
  count: number,
  rate?: { readonly maxFps: number; readonly videoFps: number },
): number[] {
  const wanted = rate === undefined ? count : atMost(frames, count, rate)
  return [...new Set(linspace(frames - 1, wanted).map(Math.floor))]
}

/** Frames that a clip of this length gives; a single one becomes two, its first and its last. */
function atMost(
  frames: number,
  count: number,
  { maxFps, videoFps }: { readonly maxFps: number; readonly videoFps: number },
): number {
  const duration = frames / videoFps
  if (duration >= count / maxFps) return count
  const wanted = Math.trunc(duration * maxFps)
  return wanted === 1 ? 2 : wanted
}
