/** The vision encoder as the main thread sees it: cache, queue, and batches for one worker. */
import { AerieError, fromWireError } from '../errors.ts'
import type { Backend, BackendOptions, TowerSessions } from './backend.ts'
import { cancelled, EncodeQueue, PendingPicture } from './encode-queue.ts'
import type { EncoderReady, EncoderWorkerData, FromEncoder, ToEncoder } from './encoder-messages.ts'
import { FeatureCache } from './feature-cache.ts'
import { FeatureDisk, type FeatureDiskOptions } from './feature-disk.ts'
import type { Logger } from './logger.ts'
import { QueueBound } from './queue-bound.ts'
import type {
  EncodeRequest,
  EncodeResult,
  Encoder,
  EncoderRequest,
  EncoderStats,
  Features,
  KnownFeatures,
} from './types.ts'
import { WorkerHost } from './worker-host.ts'

export interface EncoderOptions {
  readonly modelDir: string
  readonly backend: Backend['name']
  readonly threads: number
  readonly packedWeights?: BackendOptions['packedWeights']
  /** Bytes of features that are kept. */
  readonly cacheBytes: number
  /** Where features are kept over restarts, and how many bytes of them; absent: nowhere. */
  readonly disk?: Omit<FeatureDiskOptions, 'logger'>
  /** Tiles in one run. */
  readonly maxBatch: number
  /** Of a tower that is published alone: sessions that it keeps, one an input size and output. Absent: no such tower. */
  readonly maxTowerSessions?: number
  /** Pictures that wait; beyond that `queue_full`. */
  readonly maxWaiting: number
  readonly logger: Logger
  /** Hears of a crash of the worker, after the waiting requests have failed. */
  readonly onCrash?: (error: Error) => void
}

const ENTRY = new URL('./encoder-worker.ts', import.meta.url)

/** Starts the worker and loads the towers. Rejects with `invalid_package`, `invalid_config` or `backend_failure`. */
export async function startEncoder(options: EncoderOptions, entry: URL = ENTRY): Promise<Encoder> {
  const { disk: where, logger } = options
  const disk = where && (await FeatureDisk.start({ ...where, logger }))
  const encoder = new WorkerEncoder(options, disk)
  try {
    await encoder.start(entry)
  } catch (error) {
    await disk?.dispose()
    throw error
  }
  return encoder
}

class WorkerEncoder implements Encoder {
  readonly #options: EncoderOptions
  readonly #disk: FeatureDisk | undefined
  readonly #cache: FeatureCache
  readonly #queue = new EncodeQueue()
  readonly #bound: QueueBound
  /** Waiting and running, by key. */
  readonly #pending = new Map<string, PendingPicture>()
  #batch: readonly PendingPicture[] = []
  #host!: WorkerHost<EncoderReady, ToEncoder, FromEncoder>
  /** As the worker said last; undefined until it has encoded something. */
  #sessions: TowerSessions | undefined
  #tilesEncoded = 0
  #runs = 0
  #cacheHits = 0
  #cacheMisses = 0

  constructor(options: EncoderOptions, disk: FeatureDisk | undefined) {
    this.#options = options
    this.#disk = disk
    this.#cache = new FeatureCache(options.cacheBytes, disk)
    this.#bound = new QueueBound(options.maxBatch, options.maxWaiting, () => performance.now())
  }

  async start(entry: URL): Promise<void> {
    const { modelDir, backend, threads, packedWeights, maxBatch, maxTowerSessions, logger } =
      this.#options
    const workerData: EncoderWorkerData = {
      modelDir,
      backend,
      // Towers keep no KV cache.
      backendOptions: { threads, packedWeights, kvCacheBytes: 0, kvBlockSize: 1 },
      maxBatch,
      ...(maxTowerSessions === undefined ? {} : { maxTowerSessions }),
    }
    this.#host = await WorkerHost.start({
      name: 'encoder',
      entry,
      workerData,
      logger,
      onMessage: (message) => this.#receive(message),
      onCrash: (error) => this.#crashed(error),
    })
  }

  get tokensPerTile(): number {
    return this.#host.ready.tokensPerTile
  }

  get healthy(): boolean {
    return this.#host.healthy
  }

  async lookup(key: string): Promise<KnownFeatures | undefined> {
    const known = await this.#cache.find(key)
    if (known?.from === 'memory') this.#cacheHits++
    return known
  }

  async encode(request: EncoderRequest, signal: AbortSignal): Promise<EncodeResult> {
    if (signal.aborted) throw cancelled(signal)
    const features = this.#cache.get(request.key)
    if (features) {
      this.#cacheHits++
      return { features, cached: true, queueMs: 0, encodeMs: 0 }
    }
    this.#host.assertHealthy()
    const picture = this.#pending.get(request.key) ?? this.#enqueue(request)
    if (picture.waiters.size > 0) this.#cacheHits++
    else this.#cacheMisses++
    const result = picture.wait(signal, performance.now(), () => {
      if (picture.waiters.size === 0 && picture.startedAt === undefined) this.#forget(picture)
    })
    this.#dispatch()
    return result
  }

  stats(): EncoderStats {
    return {
      waiting: this.#queue.size,
      maxWaiting: this.#options.maxWaiting,
      tilesEncoded: this.#tilesEncoded,
      runs: this.#runs,
      cacheHits: this.#cacheHits,
      cacheMisses: this.#cacheMisses,
      cacheBytes: this.#cache.bytes,
      cacheMaxBytes: this.#cache.maxBytes,
      cacheEntries: this.#cache.size,
      cacheEvictions: this.#cache.evictions,
      disk: this.#disk?.stats(),
      sessions: this.#sessions ?? this.#host.ready.sessions,
    }
  }

  async dispose(): Promise<void> {
    this.#failAll(new AerieError('shutting_down', 'the encoder is shutting down'))
    await Promise.all([this.#host.dispose(), this.#disk?.dispose()])
  }

  #enqueue(request: EncoderRequest): PendingPicture {
    this.#bound.enter(1)
    const picture = new PendingPicture(request)
    this.#pending.set(request.key, picture)
    this.#queue.add(picture)
    return picture
  }

  /** Gives the worker its next batch when it has none. */
  #dispatch(): void {
    if (this.#batch.length > 0) return
    this.#batch = this.#queue.takeBatch(this.#options.maxBatch)
    if (this.#batch.length === 0) return
    const now = performance.now()
    for (const picture of this.#batch) picture.startedAt = now
    const { message, transfer } = batchOf(this.#batch.map(({ request }) => request))
    this.#host.post(message, transfer)
  }

  #receive(message: FromEncoder): void {
    const batch = this.#batch
    this.#batch = []
    for (const picture of batch) this.#forget(picture)
    if (message.type === 'encode-failed') {
      const error = fromWireError(message.error)
      this.#options.logger.error({ err: error, stack: message.stack }, 'encoding failed')
      for (const picture of batch) picture.reject(error)
    } else {
      this.#sessions = message.sessions
      this.#runs += message.runs
      batch.forEach((picture, i) => {
        const data = message.features[i]!
        const { key, input, conversions, seconds } = factsOf(picture.request)
        const rows =
          input || 'tokens' in picture.request ? 1 : data.length / this.#host.ready.hiddenSize
        const features: Features = {
          ...{ key, data, rows },
          ...(conversions && { conversions }),
          ...(seconds && { seconds }),
        }
        this.#tilesEncoded += picture.tiles
        this.#cache.set(features)
        picture.resolve(features, message.encodeMs)
      })
    }
    this.#dispatch()
  }

  #forget(picture: PendingPicture): void {
    this.#pending.delete(picture.request.key)
    this.#queue.remove(picture)
    this.#bound.leave(1)
  }

  #crashed(error: AerieError): void {
    this.#sessions = undefined
    this.#failAll(error)
    this.#options.onCrash?.(error)
  }

  #failAll(error: AerieError): void {
    this.#batch = []
    for (const picture of [...this.#pending.values()]) {
      this.#forget(picture)
      picture.reject(error)
    }
  }
}

/** A batch has sounds alone, texts alone, or pictures of one input alone. */
function batchOf(requests: readonly EncoderRequest[]): {
  readonly message: ToEncoder
  readonly transfer: ArrayBuffer[]
} {
  const sounds = requests.flatMap((request) =>
    'mel' in request ? [{ mel: transferable(request.mel), windows: request.windows }] : [],
  )
  if (sounds.length > 0) {
    const transfer = sounds.map(({ mel }) => mel.buffer)
    return { message: { type: 'encode-sounds', sounds }, transfer }
  }
  const texts = requests.flatMap((request) => {
    return 'tokens' in request ? [{ tokens: request.tokens, end: request.end }] : []
  })
  if (texts.length > 0) return { message: { type: 'encode-texts', texts }, transfer: [] }
  const asked = requests as readonly EncodeRequest[]
  const pictures = asked.map(({ pixels, layout, pooled }) => {
    return { pixels: transferable(pixels), layout, ...(pooled && { pooled }) }
  })
  const { input } = asked[0]!
  const transfer = pictures.map(({ pixels }) => pixels.buffer)
  return { message: { type: 'encode', pictures, ...(input && { input }) }, transfer }
}

/** What is kept with the features, or says what they are. */
function factsOf(
  request: EncoderRequest,
): Pick<EncodeRequest, 'key' | 'input' | 'conversions' | 'seconds'> {
  return 'pixels' in request ? request : { key: request.key }
}

/** The same floats over a buffer of their own, so that transferring it takes nothing else along. */
function transferable(pixels: Float32Array): Float32Array<ArrayBuffer> {
  const { buffer } = pixels
  return buffer instanceof ArrayBuffer && buffer.byteLength === pixels.byteLength
    ? new Float32Array(buffer)
    : Float32Array.from(pixels)
}
