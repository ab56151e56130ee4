/** The speech worker as the main thread sees it: windows in, tokens out; bounded, and every window can be taken back. */
import type { BackendOptions } from '../engine/backend.ts'
import type { Logger } from '../engine/logger.ts'
import { QueueBound } from '../engine/queue-bound.ts'
import { WorkerHost } from '../engine/worker-host.ts'
import { AerieError, fromWireError } from '../errors.ts'
import { machineMs } from '../machine-clock.ts'
import { currentSpan } from '../tracing/trace.ts'
import type { FromSpeech, SpeechWorkerData, ToSpeech } from './messages.ts'
import type { WindowRequest, WindowResult } from './window.ts'

export interface RecogniserOptions {
  readonly modelDir: string
  readonly backend: string
  readonly threads: number
  /** Windows that are decoded together. */
  readonly maxRows: number
  /** Windows that wait; beyond that `queue_full`. */
  readonly maxWaiting: number
  readonly logger: Logger
}

export interface SpeechStats {
  /** Windows. */
  readonly running: number
  readonly maxRunning: number
  readonly waiting: number
  readonly maxWaiting: number
  /** Since start. */
  readonly windows: number
  readonly retries: number
  readonly aborted: number
  /** Steps of the decoder, and rows in them. */
  readonly steps: number
  readonly rows: number
}

export interface RecognisedWindow extends WindowResult {
  readonly queueMs: number
  readonly encodeMs: number
  readonly decodeMs: number
  /** By `machineMs`; its stations came one behind the other from then on. */
  readonly enteredAt: number
}

export interface Recogniser {
  readonly healthy: boolean
  /**
   * `mel` [bins, frames], whose buffer is transferred. Rejects with `queue_full`, `cancelled`, `backend_failure` or
   * `shutting_down`.
   */
  recognise(
    mel: Float32Array<ArrayBuffer>,
    request: WindowRequest,
    signal: AbortSignal,
  ): Promise<RecognisedWindow>
  stats(): SpeechStats
  dispose(): Promise<void>
}

const ENTRY = new URL('./speech-worker.ts', import.meta.url)

/** Starts the worker and loads the model. Rejects with `invalid_package`, `invalid_config` or `backend_failure`. */
export async function startRecogniser(options: RecogniserOptions): Promise<Recogniser> {
  const recogniser = new WorkerRecogniser(options)
  await recogniser.start()
  return recogniser
}

interface Pending {
  readonly enteredAt: number
  startedAt: number | undefined
  resolve(window: RecognisedWindow): void
  reject(error: Error): void
}

class WorkerRecogniser implements Recogniser {
  readonly #options: RecogniserOptions
  readonly #bound: QueueBound
  readonly #pending = new Map<number, Pending>()
  #host!: WorkerHost<object, ToSpeech, FromSpeech>
  #nextId = 0
  #windows = 0
  #retries = 0
  #aborted = 0
  #steps = 0
  #rows = 0

  constructor(options: RecogniserOptions) {
    this.#options = options
    this.#bound = new QueueBound(options.maxRows, options.maxWaiting, () => performance.now())
  }

  async start(): Promise<void> {
    const { modelDir, backend, threads, maxRows, logger } = this.#options
    const unused: Pick<BackendOptions, 'kvCacheBytes' | 'kvBlockSize'> = {
      kvCacheBytes: 0,
      kvBlockSize: 1,
    }
    const workerData: SpeechWorkerData = {
      ...{ modelDir, backend, maxRows },
      backendOptions: { threads, ...unused },
    }
    this.#host = await WorkerHost.start({
      ...{ name: 'speech', entry: ENTRY, workerData, logger },
      onMessage: (message: FromSpeech) => this.#receive(message),
      onCrash: (error) => this.#failAll(error),
    })
  }

  get healthy(): boolean {
    return this.#host.healthy
  }

  async recognise(
    mel: Float32Array<ArrayBuffer>,
    request: WindowRequest,
    signal: AbortSignal,
  ): Promise<RecognisedWindow> {
    if (signal.aborted) throw cancelled()
    this.#host.assertHealthy()
    this.#bound.enter(1)
    const id = this.#nextId++
    const { promise, resolve, reject } = Promise.withResolvers<RecognisedWindow>()
    this.#pending.set(id, { enteredAt: machineMs(), startedAt: undefined, resolve, reject })
    const abort = () => {
      if (!this.#take(id)) return
      this.#aborted += 1
      this.#host.post({ type: 'cancel', id })
      reject(cancelled())
    }
    signal.addEventListener('abort', abort, { once: true })
    this.#host.post({ type: 'window', id, mel, request }, [mel.buffer])
    const window = await promise.finally(() => signal.removeEventListener('abort', abort))
    traceWindow(window)
    return window
  }

  stats(): SpeechStats {
    const running = [...this.#pending.values()].filter(({ startedAt }) => startedAt !== undefined)
    return {
      running: running.length,
      maxRunning: this.#options.maxRows,
      waiting: this.#pending.size - running.length,
      maxWaiting: this.#options.maxWaiting,
      windows: this.#windows,
      retries: this.#retries,
      aborted: this.#aborted,
      steps: this.#steps,
      rows: this.#rows,
    }
  }

  async dispose(): Promise<void> {
    await this.#host.dispose()
    this.#failAll(new AerieError('shutting_down', 'the speech model has been shut down'))
  }

  #receive(message: FromSpeech): void {
    if (message.type === 'step') {
      this.#steps += 1
      this.#rows += message.rows
      return
    }
    if (message.type === 'started') {
      const pending = this.#pending.get(message.id)
      if (pending) pending.startedAt = machineMs()
      return
    }
    const pending = this.#take(message.id)
    // It was taken back meanwhile.
    if (!pending) return
    if (message.type === 'failed') {
      const error = fromWireError(message.error)
      this.#options.logger.error({ err: error }, 'recognising speech failed')
      pending.reject(error)
      return
    }
    this.#windows += 1
    this.#retries += message.retries
    const { enteredAt, startedAt = enteredAt } = pending
    const { encodeMs } = message
    pending.resolve({
      ...message.result,
      encodeMs,
      queueMs: startedAt - enteredAt,
      decodeMs: Math.max(0, machineMs() - startedAt - encodeMs),
      enteredAt,
    })
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    if (!pending) return undefined
    this.#pending.delete(id)
    this.#bound.leave(1)
    return pending
  }

  #failAll(error: Error): void {
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(error)
  }
}

function traceWindow({ enteredAt, queueMs, encodeMs, decodeMs, tokens }: RecognisedWindow): void {
  const span = currentSpan()
  const [startedAt, encodedAt] = [enteredAt + queueMs, enteredAt + queueMs + encodeMs]
  span.add('queue', enteredAt, startedAt)
  span.add('encode', startedAt, encodedAt)
  span.add('decode_tokens', encodedAt, encodedAt + decodeMs, { 'aerie.tokens': tokens.length })
}

function cancelled(): AerieError {
  return new AerieError('cancelled', 'the request was cancelled')
}
