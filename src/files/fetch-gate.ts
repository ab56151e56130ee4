/** Work by key: once for all who ask at the same time, a bounded number at once, given up when nobody waits for it any more. */
import { AerieError } from '../errors.ts'

const MOST_AT_ONCE = 16
const MOST_WAITING = 512

interface Flight {
  readonly result: Promise<string>
  readonly abort: AbortController
  waiting: number
}

export class FetchGate {
  readonly #flights = new Map<string, Flight>()
  readonly #queue: ((hasPlace: boolean) => void)[] = []
  #running = 0

  readonly maxWaiting = MOST_WAITING

  get waiting(): number {
    return this.#queue.length
  }

  /** What `work` resolves with. Rejects with `queue_full`, or `cancelled` when `signal` is aborted first. */
  async run(
    key: string,
    work: (signal: AbortSignal) => Promise<string>,
    signal?: AbortSignal,
  ): Promise<string> {
    const flight = this.#flights.get(key) ?? this.#begin(key, work)
    flight.waiting++
    const { promise, reject } = Promise.withResolvers<never>()
    const leave = () => reject(cancelled())
    if (signal?.aborted) leave()
    signal?.addEventListener('abort', leave, { once: true })
    try {
      return await Promise.race([flight.result, promise])
    } finally {
      signal?.removeEventListener('abort', leave)
      flight.waiting--
      if (flight.waiting === 0) {
        flight.abort.abort()
        // Whoever comes now begins anew.
        if (this.#flights.get(key) === flight) this.#flights.delete(key)
      }
    }
  }

  /** Gives up what is under way, and waits for its end. */
  async dispose(): Promise<void> {
    const all = [...this.#flights.values()]
    for (const { abort } of all) abort.abort()
    await Promise.allSettled(all.map(({ result }) => result))
  }

  #begin(key: string, work: (signal: AbortSignal) => Promise<string>): Flight {
    if (this.#queue.length >= MOST_WAITING) {
      const what = `files: ${MOST_WAITING} wait to be fetched from the object store; try again later`
      throw new AerieError('queue_full', what, { retryAfterSeconds: 2 })
    }
    const abort = new AbortController()
    const result = this.#enter(() => work(abort.signal), abort.signal)
    // Those who wait hear of it; when nobody does any more, nobody has to.
    result.catch(() => {})
    const flight: Flight = { result, abort, waiting: 0 }
    this.#flights.set(key, flight)
    return flight
  }

  async #enter(work: () => Promise<string>, signal: AbortSignal): Promise<string> {
    if (this.#running < MOST_AT_ONCE) this.#running++
    else if (!(await this.#place(signal))) throw cancelled()
    try {
      if (signal.aborted) throw cancelled()
      return await work()
    } finally {
      // A place is handed on, so that nobody who comes just now takes it first.
      const next = this.#queue.shift()
      if (next) next(true)
      else this.#running--
    }
  }

  /** Waits for a place; false when it is not wanted any more. */
  async #place(signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#queue.push(resolve)
    const leave = () => {
      const at = this.#queue.indexOf(resolve)
      if (at >= 0) this.#queue.splice(at, 1)
      // Without effect where the place was given already.
      resolve(false)
    }
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave, { once: true })
    return await promise
  }
}

function cancelled(): AerieError {
  return new AerieError('cancelled', 'files: nobody waits for the file')
}
