/** Files on this machine: records in SQLite, bytes in a folder. Servers of one machine may share both. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../engine/logger.ts'
import { AerieError } from '../errors.ts'
import { BlobFolder } from './blob-folder.ts'
import type { BlobStore } from './blob-store.ts'
import {
  type ByteRange,
  type FileQuery,
  type FileStats,
  type FileStore,
  isFileId,
  type StoredFile,
  type Upload,
} from './contract.ts'
import type { FileRecord } from './file-records.ts'
import { collectOrphans } from './orphans.ts'
import { RecordsThread } from './records-thread.ts'
import { FileUpload, type UploadRoom } from './upload.ts'

export interface FileStoreOptions {
  /** Database and blobs lie here; made, for this user alone, when the first file comes. */
  readonly folder: string
  readonly maxFileBytes: number
  /** Of all files together; 0: nothing is taken, and nothing is written. */
  readonly maxBytes: number
  readonly maxUploads: number
  readonly logger: Logger
  /** Milliseconds since 1970. */
  readonly now?: () => number
  /** Milliseconds between two looks for what has expired. */
  readonly sweepEveryMs?: number
  /** Milliseconds without a touch after which bytes without a record belong to nobody. */
  readonly orphanAfterMs?: number
}

/** What a store has once its database is open. */
interface Opened {
  readonly records: RecordsThread
  readonly blobs: BlobStore
}

const DATABASE = 'files.sqlite'
const SWEEP_EVERY_MS = 60_000
const COLLECT_EVERY_MS = 60 * 60_000
/** Uploads that stand still are given up long before. */
const ORPHAN_AFTER_MS = 10 * 60_000
/** A database that could not be opened is tried again after so long: somebody may have mended it. */
const RETRY_AFTER_MS = 1000
const EXPIRED_AT_ONCE = 500

/**
 * Opens what is there already. Never rejects: what is wrong with the folder stands in the log, and every call says it again
 * until it is mended.
 */
export async function openFileStore(options: FileStoreOptions): Promise<FileStore> {
  const store = new DiskFileStore(options)
  await store.openIfThere().catch(() => {})
  return store
}

class DiskFileStore implements FileStore {
  readonly #options: FileStoreOptions
  readonly #now: () => number
  readonly #room: UploadRoom
  readonly #sweeper: NodeJS.Timeout
  #opening: Promise<Opened> | undefined
  #opened: Opened | undefined
  #isDisposed = false
  #collectedAt = 0
  #sweeping: Promise<void> = Promise.resolve()
  readonly #counts = { created: 0, deleted: 0, expired: 0, orphans: 0, failures: 0 }

  constructor(options: FileStoreOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#room = {
      maxBytes: options.maxBytes,
      uploads: 0,
      bytes: 0,
      storedBytes: () => this.#opened?.records.lastTotals.bytes ?? 0,
    }
    const every = options.sweepEveryMs ?? SWEEP_EVERY_MS
    this.#sweeper = setInterval(() => this.#sweep(), every).unref()
  }

  beginUpload(from: 'client' | 'server' = 'client'): Upload {
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
    return new FileUpload(this.#room, {
      maxFileBytes: from === 'client' ? maxFileBytes : maxBytes,
      open: () => this.#counted(this.#open()),
      now: this.#now,
      failed: () => {
        this.#counts.failures++
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
    const opened = await this.#counted(this.openIfThere())
    if (!opened) return { files: [], hasMore: false }
    const page = await this.#counted(opened.records.list(query, this.#seconds()))
    return { files: page.files.map(withoutBlob), hasMore: page.hasMore }
  }

  async delete(tenant: string, id: string): Promise<boolean> {
    const opened = await this.#counted(this.openIfThere())
    if (!opened || !isFileId(id)) return false
    const record = await this.#counted(opened.records.remove(tenant, id, this.#seconds()))
    if (!record) return false
    this.#counts.deleted++
    await this.#dropBlob(opened, record)
    return true
  }

  async read(file: StoredFile, range?: ByteRange) {
    const { blobs, record } = await this.#require(file)
    return await this.#counted(blobs.open(record.blob, record.bytes, range))
  }

  async localPath(file: StoredFile): Promise<string> {
    const { blobs, record } = await this.#require(file)
    return await this.#counted(blobs.localPath(record.blob))
  }

  stats(): FileStats {
    const { maxBytes, maxUploads } = this.#options
    const { files, bytes } = this.#opened?.records.lastTotals ?? { files: 0, bytes: 0 }
    return { files, bytes, maxBytes, uploads: this.#room.uploads, maxUploads, ...this.#counts }
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true
    clearInterval(this.#sweeper)
    await this.#sweeping
    const opened = await this.#opening?.catch(() => undefined)
    await opened?.records.dispose()
  }

  /** Undefined where no file was ever stored: nothing has to be made for that to be known. */
  async openIfThere(): Promise<Opened | undefined> {
    this.#refuseWhenDisposed()
    if (this.#opening) return await this.#opening
    const isThere = await access(join(this.#options.folder, DATABASE)).then(
      () => true,
      // A folder that may not be looked into is for the one who opens it to tell.
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
    )
    return isThere ? await this.#open() : undefined
  }

  #open(): Promise<Opened> {
    this.#refuseWhenDisposed()
    this.#opening ??= this.#start()
    return this.#opening
  }

  async #start(): Promise<Opened> {
    const { folder, logger } = this.#options
    try {
      const records = await RecordsThread.start(folder, logger)
      const opened = { records, blobs: new BlobFolder(records.blobFolder) }
      this.#opened = opened
      this.#sweep()
      return opened
    } catch (err) {
      logger.error({ err, folder }, 'files cannot be stored or read')
      setTimeout(() => {
        this.#opening = undefined
      }, RETRY_AFTER_MS).unref()
      throw err
    }
  }

  async #find(tenant: string, id: string) {
    const opened = await this.#counted(this.openIfThere())
    if (!opened || !isFileId(id)) return undefined
    const record = await this.#counted(opened.records.find(tenant, id, this.#seconds()))
    return record && { ...opened, record }
  }

  async #require({ tenant, id }: StoredFile) {
    const found = await this.#find(tenant, id)
    if (!found) throw new AerieError('not_found', `file ${id} was deleted meanwhile`)
    return found
  }

  /** Removes what has expired, and every now and then what a crash has left. One sweep at a time. */
  #sweep(): void {
    const { logger, folder } = this.#options
    const opened = this.#opened
    if (!opened || this.#isDisposed) return
    this.#sweeping = this.#sweeping
      .then(() => this.#removeExpired(opened))
      .then(() => this.#collect(opened))
      .catch((err: unknown) => {
        this.#counts.failures++
        logger.warn({ err, folder }, 'files: the folder could not be tidied')
      })
  }

  async #removeExpired(opened: Opened): Promise<void> {
    for (let more = true; more && !this.#isDisposed; ) {
      const gone = await opened.records.removeExpired(this.#seconds(), EXPIRED_AT_ONCE)
      for (const record of gone) await this.#dropBlob(opened, record)
      this.#counts.expired += gone.length
      more = gone.length === EXPIRED_AT_ONCE
    }
  }

  async #collect({ records, blobs }: Opened): Promise<void> {
    const { orphanAfterMs = ORPHAN_AFTER_MS, logger } = this.#options
    const now = this.#now()
    if (this.#isDisposed || now - this.#collectedAt < COLLECT_EVERY_MS) return
    this.#collectedAt = now
    const found = await collectOrphans(records, blobs, now - orphanAfterMs)
    this.#counts.orphans += found.blobs + found.records.length
    if (found.blobs > 0) logger.info({ blobs: found.blobs }, 'files: leftovers were removed')
    for (const { id, bytes } of found.records) {
      logger.error({ id, bytes }, 'files: the bytes of a file are gone, and so is its record now')
    }
  }

  /** The record is gone already, so that a blob which stays is an orphan and found as one later. */
  async #dropBlob({ blobs }: Opened, { blob }: FileRecord): Promise<void> {
    await blobs.delete(blob).catch((err: unknown) => {
      this.#counts.failures++
      this.#options.logger.warn({ err }, 'files: bytes of a deleted file could not be removed yet')
    })
  }

  async #counted<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      this.#counts.failures++
      throw error
    }
  }

  #refuseWhenDisposed(): void {
    if (this.#isDisposed) throw new AerieError('shutting_down', 'files: the server is stopping')
  }

  #seconds(): number {
    return Math.floor(this.#now() / 1000)
  }
}

function withoutBlob({ blob: _, ...file }: FileRecord): StoredFile {
  return file
}
