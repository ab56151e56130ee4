/** Shows a long transfer of bytes. */
import type { OnProgress, Progress } from '../import/progress.ts'
import { type ProgressOutput, progressBar, type Step, shareOf } from './progress-bar.ts'

export interface TransferProgress {
  readonly show: OnProgress
  /** Removes the bar, so that other words can follow. */
  end(): void
}

interface Transfer extends Step {
  readonly total: number
  readonly file: string
}

/** The rate is that of about the last so many milliseconds. */
const MEMORY_MS = 5000

/** `now` in milliseconds. */
export function transferProgress(
  output: ProgressOutput,
  now: () => number = () => performance.now(),
): TransferProgress {
  const bar = progressBar<Transfer>(
    output,
    {
      title: ({ what, file }) => `${what} ${file}`,
      amounts: (step) =>
        `${Math.floor(shareOf(step) * 100)} % of ${formatBytes(step.total)} (${formatBytes(step.done)})`,
      rate: (perSecond) => (perSecond < 1 ? undefined : `${formatBytes(perSecond)}/s`),
    },
    MEMORY_MS,
    now,
  )
  return {
    show: ({ what, doneBytes, totalBytes, file }: Progress) =>
      bar.show({ what, done: doneBytes, total: totalBytes, file }),
    end: bar.end,
  }
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
