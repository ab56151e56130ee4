/** Bounds what one worker is given: so many that run, so many that wait, and the rest is told when to come back. */
import { AerieError } from '../errors.ts'

type Priority = 'live' | 'batch'

const RATE_WINDOW = 32
/** Said when nothing has been finished yet that a rate could be taken from. */
const UNKNOWN_RETRY_SECONDS = 2
const MAX_RETRY_SECONDS = 60

export class QueueBound {
  readonly #maxRunning: number
  readonly #maxWaiting: number
  readonly #now: () => number
  /** Times in milliseconds at which the last few left. */
  readonly #departures: number[] = []
  #inFlight = 0
  /** Of those, of batch requests, for which no live one is refused. */
  #inFlightBatch = 0

  /** `now` in milliseconds, monotonic. */
  constructor(maxRunning: number, maxWaiting: number, now: () => number) {
    this.#maxRunning = maxRunning
    this.#maxWaiting = maxWaiting
    this.#now = now
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /**
   * Takes places for `count`; all of them or none. Throws `queue_full` with `retryAfterSeconds`: the time in
   * which those that wait will have started, at the rate at which the last 32 left. A lone request always enters. Batch requests
   * find places that are left over: live ones are counted as if there were no others.
   */
  enter(count: number, priority: Priority = 'live'): void {
    const limit = this.#maxRunning + this.#maxWaiting
    const others = this.#inFlight - (priority === 'live' ? this.#inFlightBatch : 0)
    if (others > 0 && others + count > limit) {
      throw new AerieError(
        'queue_full',
        `${others} run or wait, limit is ${limit} (maxRunning + maxWaiting)`,
        { retryAfterSeconds: this.#retryAfterSeconds() },
      )
    }
    this.#inFlight += count
    if (priority === 'batch') this.#inFlightBatch += count
  }

  /** Gives places back. */
  leave(count: number, priority: Priority = 'live'): void {
    this.#inFlight -= count
    if (priority === 'batch') this.#inFlightBatch -= count
    for (let i = 0; i < count; i++) this.#departures.push(this.#now())
    this.#departures.splice(0, Math.max(this.#departures.length - RATE_WINDOW, 0))
  }

  #retryAfterSeconds(): number {
    const waiting = Math.max(this.#inFlight - this.#maxRunning, 1)
    const oldest = this.#departures[0]
    if (oldest === undefined) return UNKNOWN_RETRY_SECONDS
    const millisecondsEach = (this.#now() - oldest) / this.#departures.length
    const seconds = Math.ceil((waiting * millisecondsEach) / 1000)
    return Math.min(Math.max(seconds, 1), MAX_RETRY_SECONDS)
  }
}
