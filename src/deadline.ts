/** One clock for a whole request: media, queue and generation share it. */
import { AerieError } from './errors.ts'

export interface Deadline extends Disposable {
  /** Fires when the client goes away or the time is up. */
  readonly signal: AbortSignal
  remainingMs(): number
  /** What an error means once the clock is taken into account: a cancellation by the clock is `deadline_exceeded`. */
  explain(error: unknown): unknown
}

export function withDeadline(client: AbortSignal, deadlineMs: number): Deadline {
  const timeUp = new AbortController()
  const ends = performance.now() + deadlineMs
  const timer = setTimeout(() => timeUp.abort(), deadlineMs)
  const exceeded = () =>
    new AerieError('deadline_exceeded', `the request was not finished within ${deadlineMs} ms`)
  return {
    signal: AbortSignal.any([client, timeUp.signal]),
    remainingMs: () => Math.max(0, Math.ceil(ends - performance.now())),
    explain(error) {
      const aborted =
        (error instanceof AerieError && error.code === 'cancelled') ||
        (error instanceof Error && error.name === 'AbortError')
      if (!aborted) return error
      if (timeUp.signal.aborted && !client.aborted) return exceeded()
      return new AerieError('cancelled', 'the client went away', { cause: error })
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}
