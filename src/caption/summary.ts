/** What is said at the end of a run. */
import { formatSeconds } from '../cli/progress-bar.ts'
import type { Tally } from './ledger.ts'

export interface Outcome {
  readonly tally: Tally
  /** What earlier runs of the same job had done. */
  readonly before: { readonly clips: number; readonly segments: number; readonly frames: number }
  readonly seconds: number
  readonly captions: string
  readonly failures: string
}

const LONGEST_EXAMPLE = 200

/** Lines for the terminal. */
export function summaryLines(outcome: Outcome): string[] {
  const { tally, before, seconds, captions, failures } = outcome
  const clips = tally.clips - before.clips
  const segments = tally.segments - before.segments
  const frames = tally.frames - before.frames
  const rate = (count: number) => (count / Math.max(seconds, 0.001)).toPrecision(3)
  const lines = [
    `${count(clips, 'clip')} captioned: ${count(segments, 'segment')}, ${count(frames, 'frame')} in ` +
      `${formatSeconds(seconds)} (${rate(clips)} clips/s, ${rate(frames)} frames/s)`,
  ]
  if (before.segments > 0 || before.clips > 0)
    lines.push(
      `with earlier runs ${count(tally.clips, 'clip')}, ${count(tally.segments, 'segment')} in ${captions}`,
    )
  const failed = [...tally.failures].sort(([, a], [, b]) => b.count - a.count)
  if (failed.length === 0) return lines
  const all = failed.reduce((sum, [, { count }]) => sum + count, 0)
  lines.push(`${count(all, 'failure')}, in ${failures}:`)
  for (const [code, { count, example }] of failed)
    lines.push(`  ${count} ${code}, such as ${shown(example)}`)
  lines.push('the same command with --retry-failed tries them again')
  return lines
}

/** Names of files and words of a server: what would steer the terminal is left out. */
function shown(example: string): string {
  return example.replaceAll(/\p{Cc}+/gu, ' ').slice(0, LONGEST_EXAMPLE)
}

const count = (value: number, noun: string) => `${value} ${noun}${value === 1 ? '' : 's'}`
