/** The engine's side of the thread that reads adapters: started by the first one, and ended when none has come for a while. */
import { Worker } from 'node:worker_threads'
import { AerieError, fromWireError } from '../errors.ts'
import type { AdapterAnswer, AdapterWorkerData } from './adapter-worker.ts'
import type { PreparedAdapter } from './backend.ts'
import type { WantedAdapter } from './prepare-adapter.ts'

export interface AdapterLoader {
  /** One after the other. Rejects with `invalid_package` or `backend_failure`. */
  load(wanted: WantedAdapter): Promise<PreparedAdapter>
  dispose(): Promise<void>
}

const ENTRY = new URL('./adapter-worker.ts', import.meta.url)
const IDLE_MS = 60_000

interface Waiting {
  readonly resolve: (prepared: PreparedAdapter) => void
  readonly reject: (error: Error) => void
}

export class AdapterThread implements AdapterLoader {
  readonly #data: AdapterWorkerData
  #worker: Worker | undefined
  /** In the order in which they were asked for. */
  #waiting: Waiting[] = []
  #idle: NodeJS.Timeout | undefined

  constructor(data: AdapterWorkerData) {
    this.#data = data
  }

  load(wanted: WantedAdapter): Promise<PreparedAdapter> {
    clearTimeout(this.#idle)
    this.#worker ??= this.#start()
    const worker = this.#worker
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      worker.postMessage(wanted)
    })
  }

  async dispose(): Promise<void> {
    clearTimeout(this.#idle)
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
    this.#failAll(new AerieError('shutting_down', 'the engine is shutting down'))
  }

  #start(): Worker {
    const worker = new Worker(ENTRY, { workerData: this.#data, name: 'adapters' })
    let cause: unknown
    worker.on('message', (answer: AdapterAnswer) => {
      const next = this.#waiting.shift()!
      if ('prepared' in answer) next.resolve(answer.prepared)
      else next.reject(fromWireError(answer.error))
      if (this.#waiting.length === 0) this.#idle = setTimeout(() => void this.#rest(), IDLE_MS)
      this.#idle?.unref()
    })
    worker.on('error', (error) => {
      cause = error
    })
    worker.once('exit', (code) => {
      if (this.#worker !== worker) return
      this.#worker = undefined
      const why = cause instanceof Error ? cause.message : `exit code ${code}`
      this.#failAll(
        new AerieError('backend_failure', `the thread that reads adapters ended: ${why}`, {
          cause,
        }),
      )
    })
    return worker
  }

  async #rest(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  #failAll(error: AerieError): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}
