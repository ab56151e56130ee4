/**
 * Lines that this server has taken: so many of them run at a time, others lie ready behind them. Slows down when routes say that
 * they have too much to do, as clients should.
 */
import type { BatchRecord, TakenLine } from './batch-records.ts'

export interface LinePumpOptions {
  /** Lines that run at one time, at most. */
  readonly concurrency: number
  /** Pictures, clips and files that running lines name, at most; a line with more of them runs alone. */
  readonly maxMedia: number
  /** Bytes of the bodies of running lines, at most; a longer one runs alone. */
  readonly maxBytes: number
  /** Runs a line until its result is kept. False: it has none and is to be given back. Never rejects. */
  run(line: TakenLine, batch: BatchRecord, signal: AbortSignal): Promise<boolean>
  /** Lines that are not to be run any more. */
  giveBack(lines: readonly TakenLine[]): void
  /** There is room for lines. */
  onRoom(): void
}

interface Ready {
  readonly line: TakenLine
  readonly batch: BatchRecord
}

interface Running extends Ready {
  readonly abort: AbortController
}

export class LinePump {
  readonly #options: LinePumpOptions
  #ready: Ready[] = []
  readonly #running = new Set<Running>()
  readonly #idle = new Set<() => void>()
  /** Lines that may run at once now: halved when there is too much to do, one more after as many that went well. */
  #limit: number
  #isStopped = false

  constructor(options: LinePumpOptions) {
    this.#options = options
    this.#limit = options.concurrency
  }

  get running(): number {
    return this.#running.size
  }

  get ready(): number {
    return this.#ready.length
  }

  get limit(): number {
    return Math.floor(this.#limit)
  }

  /** Lines to take now: none while enough lie ready. */
  get room(): number {
    const { concurrency } = this.#options
    const isShort = this.#ready.length <= concurrency / 2
    return this.#isStopped || !isShort ? 0 : concurrency - this.#ready.length
  }

  add(batch: BatchRecord, lines: readonly TakenLine[]): void {
    if (this.#isStopped) this.#options.giveBack(lines)
    else this.#ready.push(...lines.map((line) => ({ line, batch })))
    this.#start()
  }

  /** A route has too much to do. */
  slowDown(): void {
    this.#limit = Math.max(1, this.#limit / 2)
  }

  /** Ends what runs of the batch and gives back what was ready. */
  stop(batchId: string): void {
    const stopped = this.#ready.filter(({ batch }) => batch.id === batchId)
    this.#ready = this.#ready.filter(({ batch }) => batch.id !== batchId)
    if (stopped.length > 0) this.#options.giveBack(stopped.map(({ line }) => line))
    for (const { batch, abort } of this.#running) if (batch.id === batchId) abort.abort()
  }

  /** Ends everything and resolves when nothing runs any more. What was taken is for the caller to give back. */
  async dispose(): Promise<void> {
    this.#isStopped = true
    this.#ready = []
    for (const { abort } of this.#running) abort.abort()
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.add(resolve))
  }

  #start(): void {
    for (let i = 0; i < this.#ready.length && this.#running.size < this.limit; ) {
      const next = this.#ready[i]!
      // One that was running when a server died waits for the others of its kind: the two shall not die together again.
      if (next.line.crashes > 0 && this.#runsSuspect()) {
        i++
        continue
      }
      if (!this.#fits(next.line)) return
      this.#ready.splice(i, 1)
      this.#run(next)
    }
  }

  #runsSuspect(): boolean {
    return [...this.#running].some(({ line }) => line.crashes > 0)
  }

  #fits({ media, length }: TakenLine): boolean {
    if (this.#running.size === 0) return true
    let [allMedia, allBytes] = [media, length]
    for (const { line } of this.#running) {
      allMedia += line.media
      allBytes += line.length
    }
    return allMedia <= this.#options.maxMedia && allBytes <= this.#options.maxBytes
  }

  #run({ line, batch }: Ready): void {
    const { concurrency, run, giveBack, onRoom } = this.#options
    const running: Running = { line, batch, abort: new AbortController() }
    this.#running.add(running)
    void run(line, batch, running.abort.signal).then((isDone) => {
      this.#running.delete(running)
      if (isDone) this.#limit = Math.min(concurrency, this.#limit + 1 / this.#limit)
      else if (!this.#isStopped) giveBack([line])
      this.#start()
      if (this.room > 0) onRoom()
      if (this.#running.size === 0) for (const resolve of this.#idle) resolve()
    })
  }
}
