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
  /** What {@link #busyMs} was when the last few left. */
  readonly #departures: number[] = []
  /** Milliseconds that the places to run in were taken, all together: idle ones say nothing of how fast a full queue moves. */
  #busyMs = 0
  #countedAt: number
  #inFlight = 0
  /** Of those, of batch requests, for which no live one is refused. */
  #inFlightBatch = 0

  /** `now` in milliseconds, monotonic. */
  constructor(maxRunning: number, maxWaiting: number, now: () => number) {
    this.#maxRunning = maxRunning
    this.#maxWaiting = maxWaiting
    this.#now = now
    this.#countedAt = now()
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /**
   * Takes places for `count`; all of them or none. Throws `queue_full` with `retryAfterSeconds`: the time in
   * which those that wait will have started, if each takes a place for as long as the last 32 did. A lone request always enters. Batch
   * requests find places that are left over: live ones are counted as if there were no others.
   */
  enter(count: number, priority: Priority = 'live'): void {
    this.#count()
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
    this.#count()
    this.#inFlight -= count
    if (priority === 'batch') this.#inFlightBatch -= count
    for (let i = 0; i < count; i++) this.#departures.push(this.#busyMs)
    this.#departures.splice(0, Math.max(this.#departures.length - RATE_WINDOW, 0))
  }

  #retryAfterSeconds(): number {
    const waiting = Math.max(this.#inFlight - this.#maxRunning, 1)
    const oldest = this.#departures[0]
    if (oldest === undefined) return UNKNOWN_RETRY_SECONDS
    const millisecondsEach = (this.#busyMs - oldest) / this.#departures.length / this.#maxRunning
    const seconds = Math.ceil((waiting * millisecondsEach) / 1000)
    return Math.min(Math.max(seconds, 1), MAX_RETRY_SECONDS)
  }

  /** The time since it was last called. */
  #count(): void {
    const now = this.#now()
    this.#busyMs += Math.min(this.#inFlight, this.#maxRunning) * (now - this.#countedAt)
    this.#countedAt = now
  }
}
