/** A worker thread with a model in it: started, watched, restarted after a crash, shut down. */
import { type Transferable, Worker } from 'node:worker_threads'
import { AerieError, fromWireError, type WireError } from '../errors.ts'
import type { Logger } from './logger.ts'

/** What every worker says first: that it has loaded its model, or why it could not. */
export type StartMessage<Ready> =
  | ({ readonly type: 'ready' } & Ready)
  | { readonly type: 'failed'; readonly error: WireError }

/** What a worker says for the log, at any time. */
export interface RemarkMessage {
  readonly type: 'remark'
  readonly text: string
}

/** Asks a worker to dispose of its session and leave. */
export interface DisposeMessage {
  readonly type: 'dispose'
}

export interface WorkerHostOptions<FromWorker> {
  /** For messages and the log: 'engine', 'encoder'. */
  readonly name: string
  /** The worker's module, and the data it is started with. */
  readonly entry: URL
  readonly workerData: unknown
  readonly logger: Logger
  readonly onMessage: (message: FromWorker) => void
  /** The worker is gone and with it everything it was given. */
  readonly onCrash: (error: AerieError) => void
}

/** Restarts in a row; a worker that then lived this long starts the count anew. */
const MAX_RESTARTS = 3
const HEALTHY_AFTER_MS = 60_000
const FIRST_BACKOFF_MS = 200
const DISPOSE_TIMEOUT_MS = 5_000

export class WorkerHost<Ready extends object, ToWorker, FromWorker> {
  readonly #options: WorkerHostOptions<FromWorker>
  #state: 'up' | 'restarting' | 'gone' | 'disposed' = 'restarting'
  #worker: Worker | undefined
  #ready: Ready | undefined
  #restarts = 0
  #upSince = 0
  #restartTimer: NodeJS.Timeout | undefined

  private constructor(options: WorkerHostOptions<FromWorker>) {
    this.#options = options
  }

  /** Starts the worker; rejects with its error when the model cannot be loaded. */
  static async start<Ready extends object, ToWorker, FromWorker>(
    options: WorkerHostOptions<FromWorker>,
  ): Promise<WorkerHost<Ready, ToWorker, FromWorker>> {
    const host = new WorkerHost<Ready, ToWorker, FromWorker>(options)
    await host.#spawn()
    return host
  }

  /** What the worker said of its model when it was ready. */
  get ready(): Ready {
    return this.#ready!
  }

  get healthy(): boolean {
    return this.#state === 'up'
  }

  /** Throws `not_ready` while restarting, `backend_failure` when it is gone for good, `shutting_down` after dispose. */
  assertHealthy(): void {
    const { name } = this.#options
    if (this.#state === 'restarting') {
      throw new AerieError('not_ready', `the ${name} is restarting`, { retryAfterSeconds: 1 })
    }
    if (this.#state === 'gone') {
      throw new AerieError('backend_failure', `the ${name} crashed and could not be restarted`)
    }
    if (this.#state === 'disposed') {
      throw new AerieError('shutting_down', `the ${name} has been shut down`)
    }
  }

  post(message: ToWorker, transfer: readonly Transferable[] = []): void {
    this.#worker?.postMessage(message, transfer)
  }

  /** Lets the worker dispose of its session and waits for its end; after 5 s it is ended by force. */
  async dispose(): Promise<void> {
    const worker = this.#worker
    this.#state = 'disposed'
    this.#worker = undefined
    clearTimeout(this.#restartTimer)
    if (!worker) return
    const left = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    const message: DisposeMessage = { type: 'dispose' }
    worker.postMessage(message)
    const force = setTimeout(() => void worker.terminate(), DISPOSE_TIMEOUT_MS)
    await left
    clearTimeout(force)
  }

  async #spawn(): Promise<void> {
    const { entry, workerData, name } = this.#options
    const worker = new Worker(entry, { workerData, name })
    this.#worker = worker
    await new Promise<void>((resolve, reject) => {
      let cause: unknown
      worker.on('error', (error) => {
        cause = error
      })
      worker.once('exit', (code) => {
        const reason = cause instanceof Error ? cause.message : `exit code ${code}`
        const error = new AerieError('backend_failure', `the ${name} worker ended: ${reason}`, {
          cause,
        })
        reject(error)
        // After dispose the worker is not ours any more, and its end is no crash.
        if (this.#worker !== worker) return
        this.#worker = undefined
        if (this.#state === 'up') this.#crashed(error)
      })
      let isReady = false
      worker.on('message', (message: RemarkMessage | StartMessage<Ready> | FromWorker) => {
        if (isRemark(message)) this.#options.logger.info({}, message.text)
        else if (isReady) this.#options.onMessage(message as FromWorker)
        else {
          const first = message as StartMessage<Ready>
          if (first.type === 'failed') {
            reject(fromWireError(first.error))
            return
          }
          isReady = true
          this.#ready = first
          if (this.#state === 'restarting') this.#state = 'up'
          this.#upSince = performance.now()
          resolve()
        }
      })
    })
  }

  #crashed(error: AerieError): void {
    const { name, logger, onCrash } = this.#options
    if (performance.now() - this.#upSince > HEALTHY_AFTER_MS) this.#restarts = 0
    this.#state = 'restarting'
    logger.error({ err: error }, `the ${name} worker crashed`)
    onCrash(error)
    this.#scheduleRestart()
  }

  #scheduleRestart(): void {
    const { name, logger } = this.#options
    if (this.#restarts >= MAX_RESTARTS) {
      this.#state = 'gone'
      logger.error({ restarts: this.#restarts }, `the ${name} worker is not restarted again`)
      return
    }
    const delayMs = FIRST_BACKOFF_MS * 4 ** this.#restarts++
    this.#restartTimer = setTimeout(() => {
      this.#spawn().then(
        () => logger.info({ restarts: this.#restarts }, `the ${name} worker is back`),
        (error: unknown) => {
          if (this.#state === 'disposed') return
          logger.error({ err: error }, `the ${name} worker did not come back`)
          this.#scheduleRestart()
        },
      )
    }, delayMs)
  }
}

function isRemark(message: unknown): message is RemarkMessage {
  return (message as { readonly type?: unknown }).type === 'remark'
}
