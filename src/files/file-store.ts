/** The store of files, wherever they are kept: quotas, expiry, leftovers, and what is said when the storage fails. */
import type { Logger } from '../engine/logger.ts'
import { AerieError } from '../errors.ts'
import type { Blob } from './blob-store.ts'
import {
  type ByteRange,
  type FileQuery,
  type FileStats,
  type FileStore,
  isFileId,
  type StoredFile,
  type Upload,
} from './contract.ts'
import { FailureCount } from './failure-count.ts'
import type { FileRecord } from './file-records.ts'
import type { FileStorage, OpenStorage } from './file-storage.ts'
import { localStorage } from './local-storage.ts'
import { collectOrphans } from './orphans.ts'
import type { SharedStorageOptions } from './shared-storage.ts'
import { FileUpload, type UploadRoom } from './upload.ts'

export interface FileStoreOptions {
  /** Database and blobs lie here; made, for this user alone, when the first file comes. Unused where `shared` is given. */
  readonly folder: string
  /** PostgreSQL and an object store, which several replicas share. */
  readonly shared?: SharedStorageOptions
  readonly maxFileBytes: number
  /** Of all files together; 0: nothing is taken, and nothing is written. */
  readonly maxBytes: number
  /** Of the files of one tenant together; absent: all of them. */
  readonly maxTenantBytes?: number
  readonly maxUploads: number
  readonly logger: Logger
  /** Milliseconds since 1970. */
  readonly now?: () => number
  /** Milliseconds between two looks for what has expired. */
  readonly sweepEveryMs?: number
  /** Milliseconds without a touch after which bytes without a record belong to nobody. */
  readonly orphanAfterMs?: number
}

const SWEEP_EVERY_MS = 60_000
const COLLECT_EVERY_MS = 60 * 60_000
/** Uploads that stand still are given up long before. */
const ORPHAN_AFTER_MS = 10 * 60_000
/** A database that could not be opened is tried again after so long: somebody may have mended it. */
const RETRY_AFTER_MS = 1000
const EXPIRED_AT_ONCE = 500

/**
 * Opens what is there already. Never rejects: what is wrong with the storage stands in the log, and every call says it again
 * until it is mended.
 */
export async function openFileStore(options: FileStoreOptions): Promise<FileStore> {
  const { folder, shared, logger } = options
  const storage = shared
    ? (await import('./shared-storage.ts')).sharedStorage(shared, logger)
    : localStorage(folder, logger)
  const store = new RecordedFiles(storage, options)
  await store.openIfThere().catch(() => {})
  return store
}

class RecordedFiles implements FileStore {
  readonly #storage: FileStorage
  readonly #options: FileStoreOptions
  readonly #now: () => number
  readonly #room: UploadRoom
  readonly #sweeper: NodeJS.Timeout
  #opening: Promise<OpenStorage> | undefined
  #opened: OpenStorage | undefined
  #isDisposed = false
  #collectedAt = 0
  #sweeping: Promise<void> = Promise.resolve()
  readonly #counts = { created: 0, deleted: 0, expired: 0, orphans: 0 }
  readonly #failures = new FailureCount()

  constructor(storage: FileStorage, options: FileStoreOptions) {
    this.#storage = storage
    this.#options = options
    const { maxBytes, maxTenantBytes = maxBytes } = options
    this.#now = options.now ?? Date.now
    this.#room = {
      ...{ quotas: { maxBytes, maxTenantBytes } },
      ...{ uploads: 0, bytes: 0, tenantBytes: new Map() },
      storedBytes: () => this.#opened?.lastTotals().bytes ?? 0,
    }
    const every = options.sweepEveryMs ?? SWEEP_EVERY_MS
    this.#sweeper = setInterval(() => this.#sweep(), every).unref()
  }

  beginUpload(tenant: string, from: 'client' | 'server' = 'client'): Upload {
    this.#refuseWhenDisposed()
    const { maxUploads, maxBytes, maxFileBytes } = this.#options
    if (maxBytes === 0) {
      const what = 'files: this server takes none (maxFilesBytes is 0)'
      throw new AerieError('insufficient_storage', what)
    }
    if (from === 'client' && this.#room.uploads >= maxUploads) {
      const what = `files: ${maxUploads} uploads are under way (maxFileUploads); try again later`
      throw new AerieError('queue_full', what, { retryAfterSeconds: 2 })
    }
    return new FileUpload(this.#room, tenant, {
      maxFileBytes: from === 'client' ? maxFileBytes : maxBytes,
      open: () => this.#failures.of(this.#open()),
      now: this.#now,
      failed: () => {
        this.#failures.add()
      },
      created: () => {
        this.#counts.created++
      },
    })
  }

  async find(tenant: string, id: string): Promise<StoredFile | undefined> {
    const found = await this.#find(tenant, id)
    return found && withoutBlob(found.record)
  }

  async list(query: FileQuery) {
    const opened = await this.#failures.of(this.openIfThere())
    if (!opened) return { files: [], hasMore: false }
    const page = await this.#failures.of(opened.records.list(query, this.#seconds()))
    return { files: page.files.map(withoutBlob), hasMore: page.hasMore }
  }

  async delete(tenant: string, id: string): Promise<boolean> {
    const opened = await this.#failures.of(this.openIfThere())
    if (!opened || !isFileId(id)) return false
    const record = await this.#failures.of(opened.records.remove(tenant, id, this.#seconds()))
    if (!record) return false
    this.#counts.deleted++
    await this.#dropBlob(opened, record)
    return true
  }

  async read(file: StoredFile, range?: ByteRange) {
    const { blobs, record } = await this.#require(file)
    return await this.#failures.of(blobs.open(blobOf(record), range))
  }

  async localPath(file: StoredFile, signal?: AbortSignal): Promise<string> {
    const { blobs, record } = await this.#require(file)
    return await this.#failures.of(blobs.localPath(blobOf(record), signal))
  }

  stats(): FileStats {
    const { maxBytes, maxUploads } = this.#options
    const opened = this.#opened
    return {
      ...(opened?.lastTotals() ?? { files: 0, bytes: 0 }),
      ...{ maxBytes, uploads: this.#room.uploads, maxUploads, ...this.#counts },
      failures: this.#failures.failures,
      cache: opened?.blobs.cacheStats(),
      database: opened?.connections(),
    }
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true
    clearInterval(this.#sweeper)
    await this.#sweeping
    const opened = await this.#opening?.catch(() => undefined)
    await opened?.dispose()
  }

  /** Undefined where no file was ever stored: nothing has to be made for that to be known. */
  async openIfThere(): Promise<OpenStorage | undefined> {
    this.#refuseWhenDisposed()
    if (this.#opening) return await this.#opening
    return (await this.#storage.isThere()) ? await this.#open() : undefined
  }

  #open(): Promise<OpenStorage> {
    this.#refuseWhenDisposed()
    this.#opening ??= this.#start()
    return this.#opening
  }

  async #start(): Promise<OpenStorage> {
    try {
      const opened = await this.#storage.open()
      this.#opened = opened
      this.#sweep()
      return opened
    } catch (err) {
      this.#options.logger.error({ err, ...this.#storage.place }, 'files cannot be stored or read')
      setTimeout(() => {
        this.#opening = undefined
      }, RETRY_AFTER_MS).unref()
      throw err
    }
  }

  async #find(tenant: string, id: string) {
    const opened = await this.#failures.of(this.openIfThere())
    if (!opened || !isFileId(id)) return undefined
    const record = await this.#failures.of(opened.records.find(tenant, id, this.#seconds()))
    return record && { ...opened, record }
  }

  async #require({ tenant, id }: StoredFile) {
    const found = await this.#find(tenant, id)
    if (!found) throw new AerieError('not_found', `file ${id} was deleted meanwhile`)
    return found
  }

  /** Removes what has expired, and every now and then what a crash has left. One sweep at a time. */
  #sweep(): void {
    const { logger } = this.#options
    const opened = this.#opened
    if (!opened || this.#isDisposed) return
    this.#sweeping = this.#sweeping
      .then(() => this.#removeExpired(opened))
      .then(() => this.#collect(opened))
      .catch((err: unknown) => {
        this.#failures.add()
        logger.warn({ err, ...this.#storage.place }, 'files: the storage could not be tidied')
      })
  }

  async #removeExpired(opened: OpenStorage): Promise<void> {
    for (let more = true; more && !this.#isDisposed; ) {
      const gone = await opened.records.removeExpired(this.#seconds(), EXPIRED_AT_ONCE)
      for (const record of gone) await this.#dropBlob(opened, record)
      this.#counts.expired += gone.length
      more = gone.length === EXPIRED_AT_ONCE
    }
    // To hear of what other servers have done.
    await opened.records.totals()
  }

  async #collect({ records, blobs }: OpenStorage): Promise<void> {
    const { orphanAfterMs = ORPHAN_AFTER_MS, logger } = this.#options
    const now = this.#now()
    if (this.#isDisposed || now - this.#collectedAt < COLLECT_EVERY_MS) return
    this.#collectedAt = now
    const found = await collectOrphans({
      ...{ records, blobs, before: now - orphanAfterMs, now: this.#seconds() },
    })
    this.#counts.orphans += found.blobs + found.records.length
    if (found.blobs > 0) logger.info({ blobs: found.blobs }, 'files: leftovers were removed')
    for (const { id, bytes } of found.records) {
      logger.error({ id, bytes }, 'files: the bytes of a file are gone, and so is its record now')
    }
  }

  /** The record is gone already, so that a blob which stays is an orphan and found as one later. */
  async #dropBlob({ blobs }: OpenStorage, { blob }: FileRecord): Promise<void> {
    await blobs.delete(blob).catch((err: unknown) => {
      this.#failures.add()
      this.#options.logger.warn({ err }, 'files: bytes of a deleted file could not be removed yet')
    })
  }

  #refuseWhenDisposed(): void {
    if (this.#isDisposed) throw new AerieError('shutting_down', 'files: the server is stopping')
  }

  #seconds(): number {
    return Math.floor(this.#now() / 1000)
  }
}

function blobOf({ blob: key, bytes, sha256 }: FileRecord): Blob {
  return { key, bytes, sha256 }
}

function withoutBlob({ blob: _, ...file }: FileRecord): StoredFile {
  return file
}
