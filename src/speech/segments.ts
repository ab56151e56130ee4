/** Tokens of a window → segments with times, and where the next window begins: `_retrieve_segment` of transformers. */

/** Seconds from one timestamp token to the next. */
export const TIMESTAMP_SECONDS = 0.02
/** Frames of log-mel in one of those. */
const FRAMES_PER_TIMESTAMP = 2
/** Frames of log-mel a second. */
export const FRAMES_PER_SECOND = 100

/** A stretch of speech. Seconds from the beginning of the sound. */
export interface TokenSegment {
  readonly start: number
  readonly end: number
  /** With the timestamps. */
  readonly tokens: readonly number[]
}

export interface WindowSegments {
  readonly segments: readonly TokenSegment[]
  /** Frames from the beginning of this window to that of the next. */
  readonly advance: number
}

/**
 * `seek`: the first frame of the window; `frames`: those of sound that it has. A model that pairs timestamps has told where
 * speech ends: what is behind the last pair is heard again in the next window, which begins there.
 */
export function segmentsOf(
  tokens: readonly number[],
  firstTimestamp: number,
  { seek, frames }: { readonly seek: number; readonly frames: number },
): WindowSegments {
  const offset = seek / FRAMES_PER_SECOND
  const isTime = (id: number | undefined) => id !== undefined && id >= firstTimestamp
  const secondsAt = (id: number) => offset + (id - firstTimestamp) * TIMESTAMP_SECONDS
  const pairs = [...tokens.keys()].filter(
    (i) => i > 0 && isTime(tokens[i - 1]) && isTime(tokens[i]),
  )
  const endsWithOne = isTime(tokens.at(-1)) && !isTime(tokens.at(-2)) && tokens.length > 1
  if (pairs.length === 0) {
    const last = tokens.findLast(isTime)
    const hasEnd = last !== undefined && last !== firstTimestamp
    const end = hasEnd ? secondsAt(last) : offset + frames / FRAMES_PER_SECOND
    return { segments: [{ start: offset, end, tokens }], advance: frames }
  }
  // Without a single one at the end, the second of the last pair goes with the last segment.
  const cuts = endsWithOne ? [...pairs, tokens.length] : pairs.with(-1, pairs.at(-1)! + 1)
  const segments = cuts.map((cut, i) => {
    const own = tokens.slice(i === 0 ? 0 : cuts[i - 1], cut)
    const isWhole = i < cuts.length - 1 || endsWithOne
    return { start: secondsAt(own[0]!), end: secondsAt(own.at(isWhole ? -1 : -2)!), tokens: own }
  })
  if (endsWithOne) return { segments, advance: frames }
  const last = tokens[cuts.at(-1)! - 2]! - firstTimestamp
  return { segments, advance: last * FRAMES_PER_TIMESTAMP }
}
