/** The feature cache on disk as the main thread sees it: a thread that reads and writes, and nobody ever waits for long. */
import type {
  FeatureDiskWorkerData,
  FromFeatureDisk,
  ToFeatureDisk,
} from './feature-disk-messages.ts'
import type { FeatureFolderStats } from './feature-folder.ts'
import type { Logger } from './logger.ts'
import type { FeatureDiskStats, Features } from './types.ts'
import { WorkerHost } from './worker-host.ts'

export interface FeatureDiskOptions {
  readonly folder: string
  /** Of all files together. */
  readonly maxBytes: number
  readonly logger: Logger
  /** Milliseconds after which a read that was not answered counts as a miss. */
  readonly readTimeoutMs?: number
}

const ENTRY = new URL('./feature-disk-worker.ts', import.meta.url)
/** Bytes of features that may wait to be written: a slow disk costs entries, not memory. */
const MAX_WAITING_BYTES = 128 * 2 ** 20
/** Computing the features again may well be faster than a disk that is so slow. */
const READ_TIMEOUT_MS = 500

const NOTHING: FeatureFolderStats = {
  hits: 0,
  misses: 0,
  writes: 0,
  evictions: 0,
  rejected: 0,
  failures: 0,
  skipped: 0,
  entries: 0,
  bytes: 0,
}

export class FeatureDisk {
  readonly #options: FeatureDiskOptions
  #host: WorkerHost<object, ToFeatureDisk, FromFeatureDisk> | undefined
  readonly #reads = new Map<number, (features: Features | undefined) => void>()
  /** Reads that nobody waits for any more; while there are any, nobody begins to. */
  readonly #overdue = new Set<number>()
  #nextRead = 0
  #waitingBytes = 0
  #skipped = 0
  #timeouts = 0
  #stats = NOTHING
  readonly #toldOf = new Set<string>()

  private constructor(options: FeatureDiskOptions) {
    this.#options = options
  }

  /** Never rejects: where the folder cannot be had, the log says so once and nothing is kept. */
  static async start(options: FeatureDiskOptions): Promise<FeatureDisk> {
    const disk = new FeatureDisk(options)
    const { folder, maxBytes, logger } = options
    const workerData: FeatureDiskWorkerData = { folder, maxBytes }
    try {
      disk.#host = await WorkerHost.start({
        name: 'feature cache',
        entry: ENTRY,
        workerData,
        logger,
        onMessage: (message) => disk.#receive(message),
        onCrash: () => disk.#forgetAll(),
      })
    } catch (err) {
      logger.warn({ err }, 'no feature cache on disk')
    }
    return disk
  }

  /** Never rejects; undefined for what is not there, or not in time. */
  read(key: string): Promise<Features | undefined> {
    if (!this.#host?.healthy || this.#overdue.size > 0) return Promise.resolve(undefined)
    const id = this.#nextRead++
    const { readTimeoutMs = READ_TIMEOUT_MS } = this.#options
    const { promise, resolve } = Promise.withResolvers<Features | undefined>()
    const timer = setTimeout(() => {
      this.#timeouts++
      this.#overdue.add(id)
      this.#reads.get(id)?.(undefined)
    }, readTimeoutMs)
    this.#reads.set(id, (features) => {
      clearTimeout(timer)
      this.#reads.delete(id)
      resolve(features)
    })
    this.#host.post({ type: 'read', id, key })
    return promise
  }

  /** Keeps the features soon, unless too much is waiting already. They must lie in shared memory. */
  write(features: Features): void {
    if (!this.#host?.healthy) return
    const { byteLength } = features.data
    if (this.#waitingBytes > 0 && this.#waitingBytes + byteLength > MAX_WAITING_BYTES) {
      this.#skipped++
      return
    }
    this.#waitingBytes += byteLength
    this.#host.post({ type: 'write', features })
  }

  stats(): FeatureDiskStats {
    const { skipped, failures } = this.#stats
    return {
      ...this.#stats,
      skipped: skipped + this.#skipped,
      failures: failures + this.#timeouts,
      maxBytes: this.#options.maxBytes,
      waitingBytes: this.#waitingBytes,
      maxWaitingBytes: MAX_WAITING_BYTES,
    }
  }

  /** Writes what waits to be, as far as that takes no more than a few seconds. */
  async dispose(): Promise<void> {
    await this.#host?.dispose()
    this.#forgetAll()
  }

  #receive(message: FromFeatureDisk): void {
    if (message.type === 'trouble') {
      const { kind, message: what } = message
      if (this.#toldOf.has(kind)) return
      this.#toldOf.add(kind)
      const { folder } = this.#options
      this.#options.logger.warn({ folder, what }, 'feature cache on disk; said once, then counted')
      return
    }
    this.#stats = message.stats
    if (message.type === 'written') this.#waitingBytes -= message.bytes
    if (message.type === 'read') {
      this.#overdue.delete(message.id)
      this.#reads.get(message.id)?.(message.features)
    }
  }

  #forgetAll(): void {
    this.#waitingBytes = 0
    this.#overdue.clear()
    for (const answer of [...this.#reads.values()]) answer(undefined)
  }
}
