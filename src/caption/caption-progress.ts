/** Shows how far the captions have come. */
import { type ProgressOutput, progressBar, type Step, shareOf } from '../cli/progress-bar.ts'
import type { ListedClip } from './clip-list.ts'
import type { Tally } from './ledger.ts'

export interface CaptionProgress {
  /** One clip more of the list is done, or was before. */
  clipDone(): void
  /** Takes the place of the bar until the next one is drawn. */
  say(text: string): void
  end(): void
}

interface Captioning extends Step {
  readonly segments: number
  readonly failures: number
}

/** A clip may take seconds: a shorter memory would make the time left jump. */
const MEMORY_MS = 60_000
const REFRESH_MS = 500

export function captionProgress(
  output: ProgressOutput,
  tally: Tally,
  now = () => performance.now(),
): CaptionProgress & {
  /** Counts the list while it is worked on; until it is counted there is no time left. */
  count(clips: AsyncIterable<ListedClip>, stop: AbortSignal): Promise<void>
} {
  const bar = progressBar<Captioning>(
    output,
    {
      title: ({ what }) => what,
      amounts: (step) => {
        const { done, total, segments } = step
        const share =
          total === undefined
            ? `${done} clips`
            : `${Math.floor(shareOf(step) * 100)} % of ${total} clips (${done})`
        const failures = step.failures > 0 ? `, ${step.failures} failed` : ''
        return `${share}, ${segments} segments${failures}`
      },
      rate: (perSecond) => `${perSecond.toFixed(perSecond < 10 ? 1 : 0)} clips/s`,
    },
    MEMORY_MS,
    now,
  )
  const settled = () => tally.clips + tally.failedClips
  const before = settled()
  let done = 0
  let total: number | undefined
  const show = () => {
    const failures = [...tally.failures.values()].reduce((sum, { count }) => sum + count, 0)
    const worked = settled() - before
    bar.show({ what: 'captioning', done, total, worked, segments: tally.segments, failures })
  }
  const timer = setInterval(show, REFRESH_MS).unref()
  return {
    clipDone() {
      done += 1
      show()
    },
    say(text) {
      bar.end()
      output.write(`aerie: ${text}\n`)
    },
    end() {
      clearInterval(timer)
      bar.end()
    },
    async count(clips, stop) {
      let counted = 0
      for await (const _ of clips) {
        if (stop.aborted) return
        counted += 1
      }
      total = counted
    },
  }
}
