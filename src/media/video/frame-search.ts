/** Times → the frames that are shown then, found by seeking: as few frames as can be are decoded, and fewer still leave ffmpeg. */
import { AerieError } from '../../errors.ts'
import type { ClipFacts } from './clip-protocol.ts'
import { type ClipInput, runFilters } from './ffmpeg.ts'
import { type Place, pictureGraph, type Span, timeGraph } from './frame-graph.ts'
import { RawFrames } from './raw-frames.ts'

/** A frame and which of the times asked for it is shown at. */
export interface FoundFrame {
  /** When it is shown first, in seconds of the clip. */
  readonly time: number
  /** Indices of the times. */
  readonly asked: readonly number[]
  /** `[height, width, 3]` or, for clips with alpha, `[height, width, 4]`; only until the callback returns. */
  readonly data: Uint8Array
}

export interface FrameSearch {
  readonly facts: ClipFacts
  /** Seconds of the clip, in any order. */
  readonly times: readonly number[]
  /** Whether alpha is dropped. */
  readonly isOpaque: boolean
  /** Called for every frame that is found, in no certain order; holds up ffmpeg. */
  readonly onFrame: (frame: FoundFrame) => void
}

/** A time asked for and where its frame must lie. */
interface Want extends Span {
  readonly at: number
  readonly asked: readonly number[]
  readonly seek: number | undefined
}

/** Half a millisecond: times are rounded to milliseconds on their way through JSON, and frames are not that short. */
const LEEWAY = 0.0005
/** Timestamps are compared in microseconds. */
const TICK = 2e-6
/** Openings of a file in one run of ffmpeg, which costs more to start than to be told of another place. */
const MAX_PLACES = 8
/** Each opening has a decoder with its reference pictures. */
const MAX_PIXELS_OPEN = 24_000_000
/** What another opening costs, and what decoding does, on a processor of 2020: one place is left when going on costs more. */
const PLACE_MS = 40
const PIXEL_MS = 2e-6
/** How much earlier to start when a seek finds nothing to begin with; at last at the file's beginning. */
const BACK_OFFS = [0, 2, 8, 32, 128, 512, 2048, Number.POSITIVE_INFINITY]
/** These have no index: a seek lands anywhere, and the next keyframe may come too late. */
const INDEXLESS = /^(mpegts|mpeg|flv|ogg|asf)$/
/** Partial pictures that add up from the beginning. */
const UNSEEKABLE = /^gif$/

/** Finds all frames. Resolves with what is to be said of the clip. Throws `invalid_media` where not one can be decoded. */
export async function findFrames(
  input: ClipInput,
  search: FrameSearch,
  signal: AbortSignal,
): Promise<string[]> {
  const { facts } = search
  const slack = slackOf(facts)
  const shown = 1.5 / facts.fps
  const first = wantsOf(search).map((want) => ({
    ...want,
    from: want.at - shown,
    to: want.at + LEEWAY,
    seek: seekTo(facts, want.at - slack),
  }))
  const missing = await take(input, search, first, signal)
  if (missing.length === 0) return []
  const { found, breaksOff } = await locate(input, facts, missing, slack, signal)
  const lost = await take(input, search, found, signal)
  if (lost.length > 0) {
    const message = `${input.param}: clip cannot be decoded at ${(lost[0]!.at - facts.origin).toFixed(3)} s`
    throw new AerieError('invalid_media', message, { param: input.param })
  }
  return breaksOff === undefined
    ? []
    : [
        `breaks off at ${(breaksOff - facts.origin).toFixed(3)} s: its last frame stands for what is behind`,
      ]
}

/** Each time once, in order. */
function wantsOf({ times, facts }: FrameSearch): Pick<Want, 'at' | 'asked'>[] {
  const byTime = Map.groupBy(times.keys(), (index) => times[index]!)
  return [...byTime]
    .map(([time, asked]) => ({ at: facts.origin + time, asked }))
    .sort((a, b) => a.at - b.at)
}

/** Seconds by which to seek earlier than is asked for. */
export function slackOf({ format }: ClipFacts): number {
  return INDEXLESS.test(format) ? 3 : 0
}

/** Undefined: to the beginning of the file. */
export function seekTo({ format, origin }: ClipFacts, at: number): number | undefined {
  return at <= origin || UNSEEKABLE.test(format) ? undefined : at
}

/** Wants that share an opening, since decoding on from one to the next costs less than another. */
function group<W extends Want>({ fps, width, height }: ClipFacts, wants: readonly W[]): W[][] {
  const worthwhile = PLACE_MS / (fps * width * height * PIXEL_MS) + 1
  const groups: W[][] = []
  for (const want of wants) {
    const last = groups.at(-1)
    const next = want.seek ?? Number.NEGATIVE_INFINITY
    if (last && next - last.at(-1)!.at < worthwhile) last.push(want)
    else groups.push([want])
  }
  return groups
}

/** What one run of ffmpeg opens at once. */
function* batches<W>({ width, height }: ClipFacts, groups: readonly W[][]): Generator<W[][]> {
  const size = Math.min(MAX_PLACES, Math.max(1, Math.floor(MAX_PIXELS_OPEN / (width * height))))
  for (let at = 0; at < groups.length; at += size) yield groups.slice(at, at + size)
}

function placeOf(wants: readonly Want[]): Place {
  const spans: Span[] = []
  for (const { from, to } of wants) {
    const last = spans.at(-1)
    if (last && from <= last.to)
      spans[spans.length - 1] = { from: last.from, to: Math.max(last.to, to) }
    else spans.push({ from, to })
  }
  return { seek: wants[0]!.seek, spans }
}

/** Decodes and hands out the last frame within each want; returns the wants in which there was none. */
async function take(
  input: ClipInput,
  { facts, isOpaque, onFrame }: FrameSearch,
  wants: readonly Want[],
  signal: AbortSignal,
): Promise<Want[]> {
  const missing: Want[] = []
  const bytes = facts.width * facts.height * (facts.hasAlpha && !isOpaque ? 4 : 3)
  for (const groups of batches(facts, group(facts, wants))) {
    const frames = new RawFrames(bytes, groups.length)
    const open = groups.map((group) => [...group])
    const settle = (place: number, before: number) => {
      const held = frames.held?.place === place ? frames.held : undefined
      const due = open[place]!.findIndex(({ to }) => to >= before)
      const settled = open[place]!.splice(0, due < 0 ? open[place]!.length : due)
      const [seen, unseen] = partition(
        settled,
        ({ from }) => held !== undefined && held.pts >= from - TICK,
      )
      missing.push(...unseen)
      const asked = seen.flatMap(({ asked }) => asked)
      if (asked.length > 0) onFrame({ time: held!.pts - facts.origin, asked, data: held!.data })
    }
    const places = groups.map(placeOf)
    let last = 0
    frames.onFrame = ({ place, pts }) => {
      for (; last < place; last++) settle(last, Number.POSITIVE_INFINITY)
      settle(place, pts - TICK)
    }
    await runFilters(
      input,
      {
        inputs: places.map(({ seek }) => (seek === undefined ? {} : { seek })),
        ...{ stream: facts.stream, decoder: facts.decoder },
        graph: pictureGraph(facts, places, !facts.hasAlpha || isOpaque),
        onBytes: (piece) => frames.bytes(piece),
        onLine: (line) => frames.line(line),
      },
      signal,
    )
    frames.end()
    for (; last < groups.length; last++) settle(last, Number.POSITIVE_INFINITY)
  }
  return missing.sort((a, b) => a.at - b.at)
}

/** Where the frames are that were not where they usually are: between frames far apart, behind a bad index or a break. */
async function locate(
  input: ClipInput,
  facts: ClipFacts,
  wants: readonly Want[],
  slack: number,
  signal: AbortSignal,
): Promise<{ found: Want[]; breaksOff: number | undefined }> {
  let open = wants
  const found: Want[] = []
  let breaksOff: number | undefined
  for (const backOff of BACK_OFFS) {
    if (open.length === 0) break
    if (backOff < slack) continue
    const moved = open.map((want) => ({ ...want, seek: seekTo(facts, want.at - backOff) }))
    const still: Want[] = []
    for (const groups of batches(facts, group(facts, moved))) {
      const times = await frameTimes(input, facts, groups.map(placeOf), signal)
      for (const [place, group] of groups.entries()) {
        for (const want of group) {
          const seek = group[0]!.seek
          const shown = times[place]!.findLast((time) => time <= want.at + LEEWAY)
          const next = times[place]!.find((time) => time > want.at + LEEWAY)
          // Where the clip shows nothing yet, its first frame.
          const pts = shown ?? (seek === undefined ? next : undefined)
          if (pts === undefined) {
            still.push(want)
            continue
          }
          found.push({ ...want, seek, from: pts - TICK, to: pts + TICK })
          if (next === undefined && isMissing(pts, want.at, facts)) breaksOff = pts
        }
      }
    }
    open = still
  }
  if (open.length > 0) {
    const message = `${input.param}: clip has no frame that can be decoded`
    throw new AerieError('invalid_media', message, { param: input.param })
  }
  return { found: found.sort((a, b) => a.at - b.at), breaksOff }
}

/** Nothing is shown after `pts`, though the clip is said to go on; by more than any rounding of its duration explains. */
function isMissing(pts: number, at: number, { origin, duration, fps }: ClipFacts): boolean {
  return Math.min(at, origin + duration) - pts > 0.5 + 2 / fps
}

/** Of each place the times of the frames in order, up to the first one behind it. */
async function frameTimes(
  input: ClipInput,
  facts: ClipFacts,
  places: readonly Place[],
  signal: AbortSignal,
): Promise<number[][]> {
  const frames = new RawFrames(0, places.length)
  await runFilters(
    input,
    {
      inputs: places.map(({ seek }) => (seek === undefined ? {} : { seek })),
      stream: facts.stream,
      graph: timeGraph(facts, places),
      onLine: (line) => frames.line(line),
    },
    signal,
  )
  return frames.times.map((times) => times.sort((a, b) => a - b))
}

function partition<T>(all: readonly T[], is: (one: T) => boolean): [T[], T[]] {
  return [all.filter(is), all.filter((one) => !is(one))]
}
