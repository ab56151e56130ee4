/** How many frames a family that goes by a number takes, and where it finds them; for families without a rule of their own. */
import type { ClipFrames, FrameWish } from './rule.ts'

/** `usual` frames where a request says nothing; at a rate, as many as it gives in the clip. */
export function wantedFrames({ frames, fps }: ClipFrames, wish: FrameWish, usual: number): number {
  const most = wish.maxFrames ?? (wish.fps === undefined ? usual : Number.POSITIVE_INFINITY)
  if (wish.fps === undefined) return most
  return Math.max(1, Math.min(most, frames, Math.round((frames / fps) * wish.fps)))
}

/** The middle frame of each of `count` equal parts, each frame once. */
export function middleFrames(frames: number, count: number): number[] {
  const parts = Math.min(frames, count)
  return Array.from({ length: parts }, (_, i) => Math.floor(((2 * i + 1) * frames) / (2 * parts)))
}
