/** Threads that quantise rows, each piece on whichever is free. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { FromRowWorker, RowsToQuantise } from './row-messages.ts'

/** More would wait for the disk. */
const MOST_THREADS = 8

interface Job {
  readonly message: RowsToQuantise
  readonly resolve: (answer: FromRowWorker) => void
  readonly reject: (error: Error) => void
}

export class RowPool implements AsyncDisposable {
  readonly #workers: Worker[]
  readonly #idle: Worker[]
  readonly #running = new Map<Worker, Job>()
  readonly #waiting: Job[] = []
  #nextId = 0
  #failure: Error | undefined

  constructor(threads = Math.min(MOST_THREADS, availableParallelism())) {
    this.#workers = Array.from({ length: threads }, () => this.#start())
    this.#idle = [...this.#workers]
  }

  get threads(): number {
    return this.#workers.length
  }

  /** The bytes are the pool's from now on. Rejects when a thread dies. */
  run(work: Omit<RowsToQuantise, 'id'>): Promise<FromRowWorker> {
    const { promise, resolve, reject } = Promise.withResolvers<FromRowWorker>()
    if (this.#failure) reject(this.#failure)
    else {
      this.#waiting.push({ message: { ...work, id: this.#nextId++ }, resolve, reject })
      this.#give()
    }
    return promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }

  #start(): Worker {
    const worker = new Worker(new URL('./row-worker.ts', import.meta.url))
    worker.on('message', (answer: FromRowWorker) => {
      this.#running.get(worker)?.resolve(answer)
      this.#running.delete(worker)
      this.#idle.push(worker)
      this.#give()
    })
    worker.on('error', (error) => this.#fail(error as Error))
    return worker
  }

  #give(): void {
    while (this.#waiting.length > 0 && this.#idle.length > 0) {
      const worker = this.#idle.pop()!
      const job = this.#waiting.shift()!
      this.#running.set(worker, job)
      worker.postMessage(job.message, [job.message.bytes.buffer])
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { reject } of [...this.#running.values(), ...this.#waiting]) reject(error)
    this.#running.clear()
    this.#waiting.length = 0
  }
}
