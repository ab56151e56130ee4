/** A bounded queue in front of something that takes a few at a time and may not hold too many bytes. */
import { AerieError } from '../errors.ts'
import type { ByteBudget, Claim } from './byte-budget.ts'

export interface GateOptions {
  readonly slots: number
  readonly maxWaiting: number
  readonly budget: ByteBudget
  /** What waits, and which bytes are too many, for messages; default pictures. */
  readonly words?: { readonly waiting: string; readonly full: string }
}

const PICTURES = {
  waiting: 'pictures',
  full: 'the pictures in memory are as many bytes as there may be (mediaMaxBytesInUse)',
}

/** Permission to go on. Its claim on the budget may outlive it. */
export interface Pass {
  readonly claim: Claim
  /** Makes room for the next; again is harmless. */
  leave(): void
}

export interface Entry {
  readonly bytes: number
  /** Goes in over budget when nothing else would give bytes back, for what must go on lest nothing ever does. */
  readonly mayExceed: boolean
  readonly signal: AbortSignal
}

interface Waiting extends Entry {
  readonly enter: (pass: Pass) => void
  readonly refuse: (error: Error) => void
}

/** Weight of the newest visit in the average that `Retry-After` is guessed from. */
const NEWEST = 0.1

export class Gate {
  readonly #options: GateOptions
  readonly #waiting: Waiting[] = []
  #inside = 0
  #visitMs = 200
  #isClosed = false

  constructor(options: GateOptions) {
    this.#options = options
    options.budget.onRelease(() => this.#admit())
  }

  get waiting(): number {
    return this.#waiting.length
  }

  get inside(): number {
    return this.#inside
  }

  /**
   * Waits for a slot and for bytes, first come first served. Rejects with `queue_full` when too many wait, or when the
   * bytes do not fit and no one is going to give any back, and with `cancelled` when the signal comes first.
   */
  async enter(entry: Entry): Promise<Pass> {
    if (entry.signal.aborted) throw cancelled()
    if (this.#isClosed) throw closed()
    const { promise, resolve, reject } = Promise.withResolvers<Pass>()
    const waiting: Waiting = { ...entry, enter: resolve, refuse: reject }
    this.#waiting.push(waiting)
    this.#admit()
    const at = this.#waiting.indexOf(waiting)
    if (at < 0) return promise
    if (this.#waiting.length > this.#options.maxWaiting) {
      this.#waiting.splice(at, 1)
      throw this.#busy(`too many ${(this.#options.words ?? PICTURES).waiting} are waiting`)
    }
    const leave = () => {
      const place = this.#waiting.indexOf(waiting)
      if (place < 0) return
      this.#waiting.splice(place, 1)
      reject(cancelled())
      this.#admit()
    }
    entry.signal.addEventListener('abort', leave, { once: true })
    return promise.finally(() => entry.signal.removeEventListener('abort', leave))
  }

  /** The bytes do not fit and nobody is about to give any back. */
  full(): AerieError {
    return this.#busy((this.#options.words ?? PICTURES).full)
  }

  /** Refuses everyone who waits or comes later. */
  close(): void {
    this.#isClosed = true
    for (const waiting of this.#waiting.splice(0)) waiting.refuse(closed())
  }

  #admit(): void {
    const { budget, slots } = this.#options
    while (this.#inside < slots) {
      const next = this.#waiting[0]
      if (!next) return
      const fits = budget.fits(next.bytes)
      if (!fits && budget.isWorking) return
      this.#waiting.shift()
      const isAlone = budget.inUse === 0
      if (fits || isAlone || next.mayExceed) next.enter(this.#pass(next.bytes))
      else next.refuse(this.full())
    }
  }

  #pass(bytes: number): Pass {
    const started = performance.now()
    const claim = this.#options.budget.claim(bytes)
    let isInside = true
    this.#inside += 1
    return {
      claim,
      leave: () => {
        if (!isInside) return
        isInside = false
        this.#inside -= 1
        this.#visitMs += NEWEST * (performance.now() - started - this.#visitMs)
        this.#admit()
      },
    }
  }

  #busy(why: string): AerieError {
    const seconds = (this.#visitMs * (this.#waiting.length + 1)) / this.#options.slots / 1000
    return new AerieError('queue_full', `${why}; try again later`, {
      retryAfterSeconds: Math.min(60, Math.max(1, Math.ceil(seconds))),
    })
  }
}

function closed(): AerieError {
  return new AerieError('shutting_down', 'the server takes no more media')
}

/** The client has gone; nobody will read this. */
export function cancelled(): AerieError {
  return new AerieError('cancelled', 'the request was cancelled')
}
