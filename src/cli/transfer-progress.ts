/** Shows a long transfer: a bar that is drawn over and over on a terminal, a quiet line now and then elsewhere. */
import type { OnProgress, Progress } from '../import/progress.ts'

export interface ProgressOutput {
  write(text: string): unknown
  readonly isTTY?: boolean
}

export interface TransferProgress {
  readonly show: OnProgress
  /** Removes the bar, so that other words can follow. */
  end(): void
}

const BAR = 24
const REDRAW_MS = 100
const LINE_MS = 10_000
/** The rate is that of about the last so many milliseconds. */
const MEMORY_MS = 5000

/** `now` in milliseconds. */
export function transferProgress(
  output: ProgressOutput,
  now: () => number = () => performance.now(),
): TransferProgress {
  const every = output.isTTY ? REDRAW_MS : LINE_MS
  let what: Progress['what'] | undefined
  let last = { at: 0, doneBytes: 0 }
  let shownAt = 0
  let rate: number | undefined
  let isDrawn = false
  const show: OnProgress = (progress) => {
    const at = now()
    if (progress.what !== what) {
      what = progress.what
      last = { at, doneBytes: progress.doneBytes }
      rate = undefined
      // The first line elsewhere comes when it is known to take long.
      shownAt = output.isTTY ? Number.NEGATIVE_INFINITY : at
    }
    if (at - shownAt < every) return
    const ms = at - last.at
    if (ms > 0) {
      const fresh = ((progress.doneBytes - last.doneBytes) / ms) * 1000
      const weight = rate === undefined ? 1 : 1 - Math.exp(-ms / MEMORY_MS)
      rate = Math.max(0, (rate ?? 0) + (fresh - (rate ?? 0)) * weight)
      last = { at, doneBytes: progress.doneBytes }
    }
    shownAt = at
    if (output.isTTY) {
      output.write(`\r${barLine(progress, rate)}\x1b[K`)
      isDrawn = true
    } else output.write(`aerie: ${plainLine(progress, rate)}\n`)
  }
  return {
    show,
    end: () => {
      if (isDrawn) output.write('\r\x1b[K')
      isDrawn = false
    },
  }
}

function barLine(progress: Progress, rate: number | undefined): string {
  const share = shareOf(progress)
  const full = Math.floor(share * BAR)
  return `${progress.what} [${'#'.repeat(full)}${' '.repeat(BAR - full)}] ${amounts(progress)}${pace(progress, rate)}`
}

function plainLine(progress: Progress, rate: number | undefined): string {
  return `${progress.what} ${progress.file}: ${amounts(progress)}${pace(progress, rate)}`
}

function amounts(progress: Progress): string {
  const { doneBytes, totalBytes } = progress
  return `${Math.floor(shareOf(progress) * 100)} % of ${formatBytes(totalBytes)} (${formatBytes(doneBytes)})`
}

function pace({ doneBytes, totalBytes }: Progress, rate: number | undefined): string {
  if (rate === undefined || rate < 1) return ''
  return `, ${formatBytes(rate)}/s, ${formatSeconds((totalBytes - doneBytes) / rate)} left`
}

function shareOf({ doneBytes, totalBytes }: Progress): number {
  return totalBytes === 0 ? 1 : Math.min(1, Math.max(0, doneBytes / totalBytes))
}

/** Decimal units, as disks and networks are sold. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${units[unit]}`
}

export function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 100) return `${whole} s`
  const minutes = Math.ceil(seconds / 60)
  return minutes < 100 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`
}
