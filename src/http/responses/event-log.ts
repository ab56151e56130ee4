/** Events of responses in the background, as they go out, so that streams can be taken up again; bounded over all of them. */
import { AerieError } from '../../errors.ts'
import type { Frame } from '../sse.ts'
import type { ResponseEvent } from './builder.ts'

export interface EventLogStats {
  readonly bytes: number
  readonly maxBytes: number
  /** Responses whose events were given up for others'. */
  readonly dropped: number
}

/** What a character takes at most, with the objects around a frame. */
const FRAME_BYTES = 200

/** All logs of a server, the oldest first. */
export class EventLogs {
  readonly #maxBytes: number
  readonly #logs = new Set<EventLog>()
  #bytes = 0
  #dropped = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  open(): EventLog {
    const log = new EventLog((bytes) => this.#grow(log, bytes))
    this.#logs.add(log)
    return log
  }

  stats(): EventLogStats {
    return { bytes: this.#bytes, maxBytes: this.#maxBytes, dropped: this.#dropped }
  }

  /** Its events are not wanted any more. */
  drop(log: EventLog): void {
    if (!this.#logs.delete(log)) return
    this.#bytes -= log.bytes
    log.clear()
  }

  /** Those that have ended make room before those that have not, and the older before the newer. */
  #grow(log: EventLog, bytes: number): void {
    if (!this.#logs.has(log)) return
    this.#bytes += bytes
    while (this.#bytes > this.#maxBytes) {
      const all = [...this.#logs]
      const oldest = all.find((one) => one.hasEnded) ?? all[0]!
      this.#dropped++
      this.drop(oldest)
    }
  }
}

/** The events of one response, which any number of readers follow. */
export class EventLog {
  readonly #grow: (bytes: number) => void
  readonly #frames: Frame[] = []
  #bytes = 0
  #hasEnded = false
  #isGone = false
  #news = Promise.withResolvers<void>()

  constructor(grow: (bytes: number) => void) {
    this.#grow = grow
  }

  get bytes(): number {
    return this.#bytes
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Whether its events had to make room. */
  get isGone(): boolean {
    return this.#isGone
  }

  /** Sequence numbers count from 0, so that they are places. */
  add(events: readonly ResponseEvent[]): void {
    if (this.#isGone) return
    const frames = events.map(toFrame)
    this.#frames.push(...frames)
    const bytes = frames.reduce((sum, { data }) => sum + data.length + FRAME_BYTES, 0)
    this.#bytes += bytes
    this.#grow(bytes)
    this.#tell()
  }

  end(): void {
    this.#hasEnded = true
    this.#tell()
  }

  clear(): void {
    this.#isGone = true
    this.#frames.length = 0
    this.#tell()
  }

  /** Those behind one, and what comes, until the end. Rejects with `not_found` when they have to make room. */
  async *read(startingAfter: number, signal: AbortSignal): AsyncGenerator<Frame, void, undefined> {
    const { promise: left, resolve } = Promise.withResolvers<void>()
    const leave = () => resolve()
    signal.addEventListener('abort', leave, { once: true })
    try {
      for (let next = startingAfter + 1; !signal.aborted; ) {
        if (this.#isGone) throw eventsGone()
        const frame = this.#frames[next]
        if (frame !== undefined) {
          next++
          yield frame
        } else if (this.#hasEnded) return
        else await Promise.race([this.#news.promise, left])
      }
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  #tell(): void {
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }
}

/** Of events that are not there any more. */
export function eventsGone(): AerieError {
  const what =
    'its events are not kept here: it was made without stream, they made room for others, or are with another server; retrieve it without stream'
  return new AerieError('not_found', `stream: ${what}`, { param: 'stream' })
}

export function toFrame(event: ResponseEvent): { readonly event: string; readonly data: string } {
  return { event: event.type, data: JSON.stringify(event) }
}
