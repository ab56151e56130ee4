/** Cuts a clip into the parts that are captioned one by one. */
import type { SegmentRule, Span } from './job.ts'

/** Of a clip; more would be a mistake in the length of either. */
const MOST_SEGMENTS = 100_000
/** A rest that is shorter than this part of a segment belongs to the segment before it: nobody means 40 ms of their own. */
const REST = 0.1

/**
 * Segments of `rule.seconds` each, one behind the other, from start to end: the last is shorter, or longer by a small rest.
 * Times are whole milliseconds but for the last end, which is the clip's. Undefined: there would be too many.
 */
export function cutSegments({ start, end }: Span, rule: SegmentRule): Span[] | undefined {
  if (rule === 'whole') return [{ start, end }]
  const { seconds } = rule
  const count = Math.max(1, Math.ceil((end - start) / seconds - REST))
  if (count > MOST_SEGMENTS) return undefined
  const cut = (i: number) => Math.round((start + i * seconds) * 1000) / 1000
  return Array.from({ length: count }, (_, i) => ({
    start: i === 0 ? start : cut(i),
    end: i === count - 1 ? end : cut(i + 1),
  }))
}

/** A length such as `10s`, or `whole`; undefined for anything else, and for less than 100 ms. */
export function parseSegmentRule(text: string): SegmentRule | undefined {
  if (text === 'whole') return 'whole'
  const seconds = parseSeconds(text)
  return seconds !== undefined && seconds >= 0.1 ? { seconds } : undefined
}

/** `10s`, `500ms`, `2m`, `1h`, `7.5` → seconds, in whole milliseconds; undefined for anything else. */
export function parseSeconds(text: string): number | undefined {
  const [, digits, unit = 's'] = /^(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)?$/.exec(text.trim()) ?? []
  if (digits === undefined) return undefined
  const milliseconds = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit as 'ms' | 's' | 'm' | 'h']
  return Math.round(Number(digits) * milliseconds) / 1000
}
