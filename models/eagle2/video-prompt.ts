/** What stands for a video in a prompt: texts, and between them each frame's features, so one frame fewer than texts. */
import { twoDecimals } from './rounding.ts'

/** What stands before and behind a picture's features. */
export interface PictureMarks {
  readonly start: string
  readonly end: string
}

const ORDINALS = [
  'first',
  'second',
  'third',
  'fourth',
  'fifth',
  'sixth',
  'seventh',
  'eighth',
  'ninth',
  'tenth',
]

/** Clips of one conversation for which there is a word. */
export const MOST_VIDEOS = ORDINALS.length

/** How a video was sampled, where the prompt says so. */
export interface SampledVideo {
  /** Frames a second. */
  readonly fps?: number
  /** One a frame; −1 for each of a list of pictures, which has no times, and the published code writes that. */
  readonly seconds?: readonly number[]
}

/**
 * Of the `number`th video, from 1, of a conversation with Eagle 2.5 (`replace_media_placeholder`). Throws RangeError for an
 * eleventh, as the published code has no word for it.
 */
export function videoText(
  number: number,
  frames: number,
  { fps, seconds }: SampledVideo,
  { start, end }: PictureMarks,
): string[] {
  const ordinal = ORDINALS[number - 1]
  if (ordinal === undefined)
    throw new RangeError(`video ${number} of a conversation, at most ${ORDINALS.length}`)
  const sampled = fps === undefined ? '' : ` sampled with ${twoDecimals(fps)} fps`
  const titles = Array.from({ length: frames }, (_, i) => {
    const time = seconds === undefined ? '' : ` sample at ${twoDecimals(seconds[i]!)}s`
    return `Frame ${i + 1}${time}: ${start}`
  })
  return between(`The ${ordinal} video${sampled}: `, titles, end)
}

/** The same in Eagle 2's first generation (`build_video_prompt` of demo.py): a line a frame. */
export function videoLines(seconds: readonly number[], { start, end }: PictureMarks): string[] {
  const titles = seconds.map(
    (at, i) => `Frame ${i + 1} sampled at ${twoDecimals(at)} seconds: ${start}`,
  )
  return between('This is a video:\n', titles, `${end}\n`)
}

function between(first: string, titles: readonly string[], end: string): string[] {
  return [...titles.map((title, i) => `${i === 0 ? first : end}${title}`), end]
}

/** A list of pictures in a video's place (`fetch_video`): frames come in pairs, so the last of an odd number counts twice. */
export function pairedFrames<Frame>(frames: readonly Frame[]): Frame[] {
  return frames.length % 2 === 0 ? [...frames] : [...frames, frames.at(-1)!]
}
