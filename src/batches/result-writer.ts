/**
 * Results on their way into the records. Answers end many at a time, so whatever comes in neighbouring turns of the event loop
 * goes into one commit, and whatever comes while that waits for the disk into the next.
 */
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { AerieError } from '../errors.ts'
import type { BatchRecords, LineResult } from './batch-records.ts'

export interface ResultWriterOptions {
  readonly records: Pick<BatchRecords, 'storeResults'>
  readonly server: string
  /** Bytes that results may still take before they and all files are as many as there may be. */
  room(): number
  /** Unix seconds. */
  readonly now: () => number
  /** Hears why nothing can be kept, and with undefined that it can again. */
  onTrouble(reason: string | undefined): void
  /** Between two attempts. */
  readonly retryMs: number
}

interface Waiting {
  readonly result: LineResult
  readonly kept: () => void
}

/** Bytes of results in one transaction, more or less. */
const COMMIT_BYTES = 16 * 2 ** 20

export class ResultWriter {
  readonly #options: ResultWriterOptions
  readonly #waiting: Waiting[] = []
  readonly #end = new AbortController()
  #writing: Promise<void> | undefined

  constructor(options: ResultWriterOptions) {
    this.#options = options
  }

  /** Resolves when the result is kept, or when the writer has been disposed of before it could be. */
  async keep(result: LineResult): Promise<void> {
    if (this.#end.signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push({ result, kept: resolve })
    this.#writing ??= this.#write()
    await promise
  }

  /** Tries once more to keep what there is, and gives up then. */
  async dispose(): Promise<void> {
    this.#end.abort()
    await this.#writing
  }

  async #write(): Promise<void> {
    for (;;) {
      await this.#gather()
      const some = this.#next()
      if (some.length === 0) {
        // Here and not when the promise has settled: what comes in between would wait for whoever comes next.
        this.#writing = undefined
        return
      }
      await this.#store(some.map(({ result }) => result))
      for (const { kept } of some) kept()
    }
  }

  /** Resolves when a turn brought nothing more; in the end one does, as lines wait for their results to be kept. */
  async #gather(): Promise<void> {
    for (let seen = 0; seen < this.#waiting.length; ) {
      seen = this.#waiting.length
      await nextTurn()
    }
  }

  #next(): Waiting[] {
    let bytes = 0
    let some = 0
    for (const { result } of this.#waiting) {
      bytes += result.text.length
      if (some > 0 && bytes > COMMIT_BYTES) break
      some++
    }
    return this.#waiting.splice(0, some)
  }

  /** Again and again: a line that was run is not to be run once more because a disk was full for an hour. */
  async #store(results: readonly LineResult[]): Promise<void> {
    const { records, server, now, onTrouble, room, retryMs } = this.#options
    const { signal } = this.#end
    const bytes = results.reduce((all, { text }) => all + text.length, 0)
    for (let isFirst = true; isFirst || !signal.aborted; isFirst = false) {
      try {
        if (bytes > room()) {
          const what =
            'files and results of batches are as many bytes as there may be (maxFilesBytes); delete files'
          throw new AerieError('insufficient_storage', what)
        }
        await records.storeResults(server, results, now())
        onTrouble(undefined)
        return
      } catch (error) {
        onTrouble(error instanceof Error ? error.message : String(error))
        await delay(retryMs, undefined, { signal }).catch(() => undefined)
      }
    }
  }
}
