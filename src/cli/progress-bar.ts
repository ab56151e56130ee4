/** Shows how far something long has come: a bar that is drawn over and over on a terminal, a quiet line now and then elsewhere. */

export interface ProgressOutput {
  write(text: string): unknown
  readonly isTTY?: boolean
}

/** How far it is, in any unit. */
export interface Step {
  /** What is done: 'downloading'. The rate begins anew with another one. */
  readonly what: string
  readonly done: number
  /** Undefined while nobody knows: then there is neither bar nor time left. */
  readonly total: number | undefined
  /** What of `done` is the work of this run, where some was done before and passes by at once: the rate is that of the work. */
  readonly worked?: number
}

export interface ProgressTexts<S extends Step> {
  /** What a plain line begins with. */
  title(step: S): string
  amounts(step: S): string
  /** Undefined: too slow to be worth saying. */
  rate(perSecond: number): string | undefined
}

export interface ProgressBar<S extends Step> {
  show(step: S): void
  /** Removes the bar, so that other words can follow. */
  end(): void
}

const BAR = 24
const REDRAW_MS = 100
const LINE_MS = 10_000

/** The rate is that of about the last `memoryMs`. `now` in milliseconds. */
export function progressBar<S extends Step>(
  output: ProgressOutput,
  texts: ProgressTexts<S>,
  memoryMs: number,
  now: () => number,
): ProgressBar<S> {
  const every = output.isTTY ? REDRAW_MS : LINE_MS
  let what: string | undefined
  let last = { at: 0, worked: 0 }
  let shownAt = 0
  // A mean whose weights fade, and the sum of those weights: without it a young mean would be too small.
  let [mean, weights] = [0, 0]
  let isDrawn = false
  return {
    show(step) {
      const at = now()
      const { worked = step.done } = step
      if (step.what !== what) {
        what = step.what
        last = { at, worked }
        ;[mean, weights] = [0, 0]
        // The first line elsewhere comes when it is known to take long.
        shownAt = output.isTTY ? Number.NEGATIVE_INFINITY : at
      }
      if (at - shownAt < every) return
      const ms = at - last.at
      if (ms > 0) {
        const kept = Math.exp(-ms / memoryMs)
        weights = weights * kept + (1 - kept)
        const fresh = ((worked - last.worked) / ms) * 1000
        mean += ((fresh - mean) * (1 - kept)) / weights
        last = { at, worked }
      }
      shownAt = at
      const rate = weights === 0 ? undefined : Math.max(0, mean)
      const pace = paceText(step, rate, texts)
      if (output.isTTY) {
        output.write(`\r${step.what}${barText(step)} ${texts.amounts(step)}${pace}\x1b[K`)
        isDrawn = true
      } else output.write(`aerie: ${texts.title(step)}: ${texts.amounts(step)}${pace}\n`)
    },
    end() {
      if (isDrawn) output.write('\r\x1b[K')
      isDrawn = false
    },
  }
}

function barText(step: Step): string {
  if (step.total === undefined) return ''
  const full = Math.floor(shareOf(step) * BAR)
  return ` [${'#'.repeat(full)}${' '.repeat(BAR - full)}]`
}

function paceText<S extends Step>(
  step: S,
  rate: number | undefined,
  texts: ProgressTexts<S>,
): string {
  const text = rate === undefined ? undefined : texts.rate(rate)
  if (text === undefined || rate === undefined) return ''
  const left = step.total === undefined || rate === 0 ? undefined : (step.total - step.done) / rate
  return left === undefined ? `, ${text}` : `, ${text}, ${formatSeconds(left)} left`
}

/** From 0 to 1. */
export function shareOf({ done, total }: Step): number {
  if (total === undefined) return 0
  return total === 0 ? 1 : Math.min(1, Math.max(0, done / total))
}

export function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 100) return `${whole} s`
  const minutes = Math.ceil(seconds / 60)
  return minutes < 100 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`
}
