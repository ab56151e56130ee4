/** A thread for grammars as its owner sees it: one job after the other, ended by force when one takes too long, and started again. */
import { Worker } from 'node:worker_threads'
import { AerieError, fromWireError } from '../errors.ts'
import type {
  FromGrammar,
  GrammarJob,
  GrammarResults,
  GrammarWorkerData,
} from './grammar-messages.ts'
import type { Vocabulary } from './vocabulary.ts'

const ENTRY = new URL('./grammar-worker.ts', import.meta.url)

/** Jobs that wait; more than any batch asks for. */
const MOST_WAITING = 10_000

export interface GrammarThreadOptions {
  readonly name: string
  readonly vocabulary: Vocabulary
  /** For one job. */
  readonly timeoutMs: number
  /** What is told of a job that took longer. */
  readonly tooLong: string
  readonly entry?: URL
}

interface Pending {
  readonly job: GrammarJob
  resolve(result: GrammarResults[GrammarJob['type']]): void
  reject(error: Error): void
}

export class GrammarThread {
  readonly #options: GrammarThreadOptions
  /** In the order in which they are done. */
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
  /** It has started; on a busy machine that takes longer than any job. */
  #isUp = false
  #timer: NodeJS.Timeout | undefined
  #nextId = 0
  #disposed = false
  /** Times that the thread was ended by force or fell over. */
  restarts = 0

  constructor(options: GrammarThreadOptions) {
    this.#options = options
  }

  /** Rejects with what the job fails with, `invalid_request` when it takes too long, `backend_failure` when the thread falls over on it. */
  run<Job extends GrammarJob>(job: Job): Promise<GrammarResults[Job['type']]> {
    if (this.#disposed) return Promise.reject(shuttingDown())
    if (this.#pending.size >= MOST_WAITING)
      return Promise.reject(
        new AerieError('queue_full', 'too many grammars wait', { retryAfterSeconds: 1 }),
      )
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      this.#worker ??= this.#start()
      // What cannot be sent throws, and is not waited for.
      this.#worker.postMessage({ id, ...job })
      this.#pending.set(id, { job, resolve: resolve as Pending['resolve'], reject })
      if (this.#pending.size === 1) this.#watch()
    })
  }

  async dispose(): Promise<void> {
    this.#disposed = true
    clearTimeout(this.#timer)
    const worker = this.#worker
    this.#worker = undefined
    for (const { reject } of this.#pending.values()) reject(shuttingDown())
    this.#pending.clear()
    await worker?.terminate()
  }

  #start(): Worker {
    const { name, vocabulary, entry = ENTRY } = this.#options
    const workerData: GrammarWorkerData = { vocabulary }
    const worker = new Worker(entry, { name, workerData })
    this.#isUp = false
    let cause: unknown
    worker.on('message', (message: FromGrammar | 'up') => {
      if (this.#worker !== worker) return
      if (message !== 'up') this.#receive(message)
      else {
        this.#isUp = true
        this.#watch()
      }
    })
    worker.on('error', (error) => {
      cause = error
    })
    worker.once('exit', () => {
      if (this.#worker !== worker) return
      const error = new AerieError('backend_failure', `the ${name} thread ended: ${cause}`, {
        cause,
      })
      this.#restart(error)
    })
    return worker
  }

  #receive(message: FromGrammar): void {
    const pending = this.#pending.get(message.id)
    if (!pending) return
    this.#pending.delete(message.id)
    this.#watch()
    if ('error' in message) pending.reject(fromWireError(message.error))
    else pending.resolve(message.result)
  }

  /** The first in line is the one that is being done. */
  #watch(): void {
    clearTimeout(this.#timer)
    if (this.#pending.size === 0 || !this.#isUp) return
    const { timeoutMs, tooLong } = this.#options
    this.#timer = setTimeout(() => {
      const worker = this.#worker
      this.#worker = undefined
      void worker?.terminate()
      this.#restart(new AerieError('invalid_request', tooLong))
    }, timeoutMs)
  }

  /** The job that was being done fails; the others are done by a new thread. */
  #restart(error: AerieError): void {
    this.restarts++
    this.#worker = undefined
    const [first] = this.#pending
    if (first) {
      this.#pending.delete(first[0])
      first[1].reject(error)
    }
    if (this.#pending.size > 0 && !this.#disposed) {
      const worker = this.#start()
      this.#worker = worker
      for (const [id, { job }] of this.#pending) worker.postMessage({ id, ...job })
    }
    this.#watch()
  }
}

function shuttingDown(): AerieError {
  return new AerieError('shutting_down', 'the engine is shutting down')
}
