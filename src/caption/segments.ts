/** Cuts a clip into the parts that are captioned one by one. */
import type { SceneRule, SegmentRule, Span } from './job.ts'

/** Of a clip; more would be a mistake in the length of either. */
const MOST_SEGMENTS = 100_000
/** A rest that is shorter than this part of a segment belongs to the segment before it: nobody means 40 ms of their own. */
const REST = 0.1
const SHORTEST = 0.1
/** Of `scenes` alone: what a sentence can be said about, and what one sentence suffices for. */
const SCENES: SceneRule = { least: 1, longest: 30 }

/** What is meant by a segment, for messages. */
export const SEGMENT_WORDS =
  'a length from 100ms on, such as 10s; scenes, scenes:30s or scenes:1s-30s, the longest at least twice the shortest; or whole'

/**
 * Segments of `rule.seconds` each, one behind the other, from start to end: the last is shorter, or longer by a small rest.
 * Times are whole milliseconds but for the last end, which is the clip's. Undefined: there would be too many.
 */
export function cutSegments(
  { start, end }: Span,
  rule: Exclude<SegmentRule, SceneRule>,
): Span[] | undefined {
  if (rule === 'whole') return [{ start, end }]
  const { seconds } = rule
  const count = Math.max(1, Math.ceil((end - start) / seconds - REST))
  if (count > MOST_SEGMENTS) return undefined
  const cut = (i: number) => inMilliseconds(start + i * seconds)
  return Array.from({ length: count }, (_, i) => ({
    start: i === 0 ? start : cut(i),
    end: i === count - 1 ? end : cut(i + 1),
  }))
}

/**
 * Segments between changes of scenes, in order, one behind the other, from start to end. Of two changes that are closer than `least` the
 * first counts. Undefined: there would be too many.
 */
export function cutAtScenes(
  { start, end }: Span,
  changes: readonly number[],
  { least, longest }: SceneRule,
): Span[] | undefined {
  const borders = [start]
  for (const change of changes.map(inMilliseconds)) {
    if (change - borders.at(-1)! >= least && end - change >= least) borders.push(change)
  }
  const segments: Span[] = []
  for (const [i, from] of borders.entries()) {
    const to = borders[i + 1] ?? end
    // What is longer by less than a millisecond is as long.
    const parts = Math.max(1, Math.ceil((to - from - 0.001) / longest))
    if (segments.length + parts > MOST_SEGMENTS) return undefined
    const at = (part: number) => inMilliseconds(from + ((to - from) * part) / parts)
    for (let part = 0; part < parts; part++) {
      segments.push({
        start: part === 0 ? from : at(part),
        end: part === parts - 1 ? to : at(part + 1),
      })
    }
  }
  return segments
}

export function isSceneRule(rule: SegmentRule): rule is SceneRule {
  return rule !== 'whole' && 'longest' in rule
}

/** A length such as `10s`, `scenes`, `scenes:30s`, `scenes:1s-30s`, or `whole`; undefined for anything else, and for less than 100 ms. */
export function parseSegmentRule(text: string): SegmentRule | undefined {
  if (text === 'whole') return 'whole'
  if (text === 'scenes') return SCENES
  if (text.startsWith('scenes:')) return parseScenes(text.slice('scenes:'.length))
  const seconds = parseSeconds(text)
  return seconds !== undefined && seconds >= SHORTEST ? { seconds } : undefined
}

function parseScenes(lengths: string): SceneRule | undefined {
  const [first, second, more] = lengths.split('-').map(parseSeconds)
  if (first === undefined || more !== undefined) return undefined
  if (!lengths.includes('-')) {
    return first >= 2 * SHORTEST
      ? { least: Math.min(SCENES.least, first / 2), longest: first }
      : undefined
  }
  if (second === undefined || first < SHORTEST || second < 2 * first) return undefined
  return { least: first, longest: second }
}

/** As it is written into files; the same text is the same rule. */
export function segmentText(rule: SegmentRule): string {
  if (rule === 'whole') return rule
  return isSceneRule(rule) ? `scenes:${rule.least}s-${rule.longest}s` : `${rule.seconds}s`
}

/** `10s`, `500ms`, `2m`, `1h`, `7.5` → seconds, in whole milliseconds; undefined for anything else. */
export function parseSeconds(text: string): number | undefined {
  const [, digits, unit = 's'] = /^(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)?$/.exec(text.trim()) ?? []
  if (digits === undefined) return undefined
  const milliseconds = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit as 'ms' | 's' | 'm' | 'h']
  return inMilliseconds((Number(digits) * milliseconds) / 1000)
}

const inMilliseconds = (seconds: number) => Math.round(seconds * 1000) / 1000
