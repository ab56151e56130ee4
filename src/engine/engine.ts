/** The engine as the main thread sees it: requests go to the worker, events come back by the step. */
import { AerieError, fromWireError, toWireError } from '../errors.ts'
import type { Vocabulary } from '../grammar/vocabulary.ts'
import { type Backend, type BackendOptions, type KvCacheType, mostRunning } from './backend.ts'
import { type Constraint, refuseDeep } from './constraint.ts'
import type {
  EngineAdapters,
  EngineReady,
  EngineWorkerData,
  FromEngine,
  GrammarLimits,
  ToEngine,
} from './engine-messages.ts'
import { GenerationStream } from './generation.ts'
import type { Logger } from './logger.ts'
import { Preparations } from './preparations.ts'
import { QueueBound } from './queue-bound.ts'
import { checkRequest } from './request-check.ts'
import type { RequestId } from './sequence.ts'
import { StatsLog } from './stats-log.ts'
import type { Engine, EngineStats, GenerateRequest, Generation, GenerationEvent } from './types.ts'
import { WorkerHost } from './worker-host.ts'

export interface EngineOptions {
  readonly modelDir: string
  readonly backend: Backend['name']
  readonly threads: number
  readonly packedWeights?: BackendOptions['packedWeights']
  readonly kvCacheBytes: number
  /** Positions a KV block holds. */
  readonly kvBlockSize: number
  /** Sequences that run at once. */
  readonly maxRunning: number
  /** Sequences that wait; beyond that `queue_full`. */
  readonly maxWaiting: number
  /** Positions appended in one step, decoding and prefill together. */
  readonly stepTokenBudget: number
  /** Tokens that a sequence may be guessed ahead in one step; absent: 0, no speculation. */
  readonly maxDraftTokens?: number
  /** Absent: f32. */
  readonly kvCacheType?: KvCacheType
  /** Absent: none. */
  readonly adapters?: EngineAdapters | undefined
  /** Blocks that the prefix cache may hold; absent: half of all, 0: no prefix reuse. */
  readonly prefixCacheBlocks?: number
  /** Milliseconds that a batch request lets live ones pass; absent: 10 000. */
  readonly batchPatienceMs?: number
  /** What constraints may take; absent: ten seconds and 128 MiB. */
  readonly grammars?: GrammarLimits
  readonly logger: Logger
  /** Hears of a crash of the worker, after the running requests have failed. */
  readonly onCrash?: (error: Error) => void
}

export const GRAMMAR_LIMITS: GrammarLimits = { compileTimeoutMs: 10_000, cacheBytes: 128 * 2 ** 20 }

const ENTRY = new URL('./engine-worker.ts', import.meta.url)

/** Starts the worker and loads the decoder. Rejects with `invalid_package`, `invalid_config` or `backend_failure`. */
export async function startEngine(options: EngineOptions, entry: URL = ENTRY): Promise<Engine> {
  const engine = new WorkerEngine(options)
  await engine.start(entry)
  return engine
}

interface InFlight {
  readonly stream: GenerationStream
  /** Answers that have not ended. */
  choices: number
  readonly priority: GenerateRequest['priority']
  readonly forget: () => void
}

class WorkerEngine implements Engine {
  readonly #options: EngineOptions
  readonly #bound: QueueBound
  readonly #inFlight = new Map<RequestId, InFlight>()
  #host!: WorkerHost<EngineReady, ToEngine, FromEngine>
  readonly #stats = new StatsLog()
  readonly #preparations = new Preparations()
  #vocabulary: Vocabulary | undefined
  #nextId: RequestId = 1
  #draining: Promise<void> | undefined
  #drained: (() => void) | undefined

  constructor(options: EngineOptions) {
    this.#options = options
    this.#bound = new QueueBound(options.maxRunning, options.maxWaiting, () => performance.now())
  }

  async start(entry: URL): Promise<void> {
    const { logger } = this.#options
    this.#host = await WorkerHost.start({
      name: 'engine',
      entry,
      workerData: toWorkerData(this.#options),
      logger,
      onMessage: (message) => this.#receive(message),
      onCrash: (error) => this.#crashed(error),
    })
    this.#stats.kvBlocksTotal = this.#host.ready.kvBlocksTotal
    this.#stats.stateSlotsTotal = this.#host.ready.stateSlotsTotal
  }

  get vocabSize(): number {
    return this.#host.ready.vocabSize
  }

  get maxContext(): number {
    return this.#host.ready.maxContext
  }

  get healthy(): boolean {
    return this.#host.healthy
  }

  useVocabulary(vocabulary: Vocabulary): void {
    this.#vocabulary = vocabulary
  }

  async prepare(constraint: Constraint, signal: AbortSignal): Promise<void> {
    if (this.#draining) throw new AerieError('shutting_down', 'the engine takes no new requests')
    this.#host.assertHealthy()
    const vocabulary = this.#vocabulary
    if (!vocabulary) throw new AerieError('backend_failure', 'the engine was given no vocabulary')
    refuseDeep(constraint)
    await this.#preparations.begin(
      (id) => this.#host.post({ type: 'prepare', id, constraint, vocabulary }),
      signal,
    )
  }

  generate(request: GenerateRequest, signal: AbortSignal): Generation {
    if (this.#draining) throw new AerieError('shutting_down', 'the engine takes no new requests')
    this.#host.assertHealthy()
    checkRequest(request, this.#host.ready, this.#options.adapters)
    if (request.constraint) refuseDeep(request.constraint)
    const id = this.#nextId++
    const stream = new GenerationStream({
      onAbort: () => this.#abort(id),
      onStop: (choice) => this.#host.post({ type: 'stop', id, choice }),
    })
    if (signal.aborted) {
      stream.cancel(signal.reason)
      return stream
    }
    this.#bound.enter(request.n, request.priority)
    const cancel = () => stream.cancel(signal.reason)
    signal.addEventListener('abort', cancel, { once: true })
    const forget = () => signal.removeEventListener('abort', cancel)
    const { n: choices, priority } = request
    this.#inFlight.set(id, { stream, choices, priority, forget })
    const vocabulary = request.constraint && this.#vocabulary
    this.#host.post({ type: 'generate', id, request, ...(vocabulary ? { vocabulary } : {}) })
    return stream
  }

  stats(): EngineStats {
    const { maxWaiting, kvCacheType = 'f32' } = this.#options
    const { stateSlotsTotal, prefixCacheBlocks: kvBlocksCachedMax } = this.#host.ready
    const maxRunning = Math.min(this.#options.maxRunning, mostRunning(stateSlotsTotal))
    return { ...this.#stats.take(), maxRunning, maxWaiting, kvBlocksCachedMax, kvCacheType }
  }

  drain(): Promise<void> {
    this.#draining ??= new Promise((resolve) => {
      if (this.#inFlight.size === 0) resolve()
      else this.#drained = resolve
    })
    return this.#draining
  }

  /** Ends what still runs with `shutting_down`. */
  async dispose(): Promise<void> {
    this.#draining ??= Promise.resolve()
    this.#failAll(new AerieError('shutting_down', 'the engine is shutting down'))
    await this.#host.dispose()
  }

  #receive({ events, stats, failures, prepared = [] }: FromEngine): void {
    for (const failure of failures) {
      this.#options.logger.error(
        { err: fromWireError(failure), stack: failure.stack },
        'step failed',
      )
    }
    for (const [id, event] of events) this.#deliver(id, event)
    for (const { id, error } of prepared) this.#preparations.end(id, error)
    if (stats) this.#stats.receive(stats)
  }

  #deliver(id: RequestId, event: GenerationEvent): void {
    // An aborted request may still have events under way.
    const request = this.#inFlight.get(id)
    if (!request) return
    request.stream.push(event)
    if (event.type === 'finish') {
      request.choices--
      this.#bound.leave(1, request.priority)
      if (request.choices === 0) this.#end(id, request)
    } else if (event.type === 'error') {
      this.#end(id, request)
    }
  }

  #abort(id: RequestId): void {
    const request = this.#inFlight.get(id)
    if (!request) return
    this.#host.post({ type: 'abort', id })
    this.#end(id, request)
  }

  #end(id: RequestId, request: InFlight): void {
    this.#inFlight.delete(id)
    this.#bound.leave(request.choices, request.priority)
    request.forget()
    request.stream.close()
    if (this.#inFlight.size === 0) this.#drained?.()
  }

  #crashed(error: AerieError): void {
    this.#failAll(error)
    // Counters go on where they were; what ran or was cached is gone.
    this.#stats.restart()
    this.#options.onCrash?.(error)
  }

  #failAll(error: AerieError): void {
    this.#preparations.failAll(error)
    for (const [id, request] of this.#inFlight) {
      request.stream.push({ type: 'error', error: toWireError(error) })
      this.#end(id, request)
    }
  }
}

function toWorkerData(options: EngineOptions): EngineWorkerData {
  const { modelDir, backend, threads, packedWeights } = options
  const { kvCacheBytes, kvBlockSize, kvCacheType = 'f32' } = options
  const { maxRunning, stepTokenBudget, prefixCacheBlocks, batchPatienceMs = 10_000 } = options
  const { maxDraftTokens = 0, grammars = GRAMMAR_LIMITS, adapters } = options
  return {
    modelDir,
    backend,
    adapters,
    backendOptions: {
      ...{ threads, packedWeights, kvCacheBytes, kvBlockSize, kvCacheType, maxRunning },
      adapters: adapters !== undefined,
    },
    scheduling: {
      ...{ maxRunning, stepTokenBudget, prefixCacheBlocks, batchPatienceMs },
      maxDraftTokens,
    },
    grammars,
  }
}
