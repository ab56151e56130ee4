/** One upload: bytes into the blob store first, a record for them last. */
import { AerieError } from '../errors.ts'
import type { BlobStore, KeptBytes } from './blob-store.ts'
import type { NewFile, StoredFile, Upload } from './contract.ts'
import { newBlobKey, newFileId } from './file-id.ts'
import type { FileRecord, FileRecords, InsertOutcome, Quotas } from './file-records.ts'
import { Unsettled } from './storage-error.ts'

/** What all uploads of a store share. */
export interface UploadRoom {
  readonly maxFileBytes: number
  readonly quotas: Quotas
  /** Under way. */
  uploads: number
  /** Received by them, and no file's yet: in all, and by tenant. */
  bytes: number
  readonly tenantBytes: Map<string, number>
  /** Of the files that there are. */
  storedBytes(): number
}

export interface UploadOptions {
  open(): Promise<{ readonly records: FileRecords; readonly blobs: BlobStore }>
  /** Milliseconds since 1970. */
  now(): number
  /** Hears of each file, and of what the disk or the database refused. */
  created(): void
  failed(): void
}

export class FileUpload implements Upload {
  readonly #room: UploadRoom
  readonly #tenant: string
  readonly #options: UploadOptions
  readonly #key = newBlobKey()
  #blobs: BlobStore | undefined
  #received: KeptBytes | undefined
  #bytes = 0
  /** Of the tenant's files as they were when this upload began. */
  #tenantBytes = 0
  /** There is, or may be, a record of it: then the bytes are not ours to remove. */
  #isKept = false

  constructor(room: UploadRoom, tenant: string, options: UploadOptions) {
    this.#room = room
    this.#tenant = tenant
    this.#options = options
    room.uploads++
  }

  async receive(source: AsyncIterable<Uint8Array>): Promise<void> {
    const { records, blobs } = await this.#options.open()
    this.#blobs = blobs
    const { maxBytes, maxTenantBytes } = this.#room.quotas
    if (maxTenantBytes < maxBytes) {
      const { bytes } = await this.#watched(records.tenantTotals(this.#tenant))
      this.#tenantBytes = bytes
    }
    this.#received = await this.#watched(
      blobs.receive(this.#key, source, (bytes) => this.#claim(bytes)),
    )
  }

  async create(file: NewFile): Promise<StoredFile> {
    const { records, blobs } = await this.#options.open()
    if (!this.#received) throw new Error('nothing was received')
    await this.#watched(blobs.finish(this.#key))
    const nowMs = this.#options.now()
    const createdAt = Math.floor(nowMs / 1000)
    const { expiresAfterSeconds: seconds, ...rest } = file
    const stored: StoredFile = {
      id: newFileId(nowMs),
      tenant: this.#tenant,
      ...rest,
      ...this.#received,
      createdAt,
      expiresAt: seconds === undefined ? undefined : createdAt + seconds,
    }
    this.#isKept = true
    const outcome = await this.#insert(records, { ...stored, blob: this.#key })
    if (outcome !== 'inserted') {
      this.#isKept = false
      throw refusal(outcome, this.#room.quotas)
    }
    // From here on they are counted with the files.
    this.#release()
    this.#options.created()
    return stored
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#room.uploads--
    this.#release()
    // What cannot be removed now is an orphan, and found as one later.
    if (!this.#isKept) await this.#blobs?.delete(this.#key).catch(() => this.#options.failed())
  }

  async #insert(records: FileRecords, record: FileRecord): Promise<InsertOutcome> {
    try {
      return await this.#watched(records.insert(record, this.#room.quotas))
    } catch (error) {
      // A refusal wrote nothing. What nobody knows may stand in a record: then the bytes are the orphan collector's.
      this.#isKept = error instanceof Unsettled || !isRefusal(error)
      throw error
    }
  }

  #claim(bytes: number): void {
    const { maxFileBytes, quotas } = this.#room
    this.#bytes += bytes
    this.#count(bytes)
    if (this.#bytes > maxFileBytes) throw tooLarge(maxFileBytes)
    // Early, so that nobody sends in vain; what holds is what the records say at the end.
    if (this.#room.storedBytes() + this.#room.bytes > quotas.maxBytes) throw refusal('full', quotas)
    const coming = this.#room.tenantBytes.get(this.#tenant) ?? 0
    if (this.#tenantBytes + coming > quotas.maxTenantBytes) throw refusal('tenant-full', quotas)
  }

  #release(): void {
    this.#count(-this.#bytes)
    this.#bytes = 0
  }

  #count(bytes: number): void {
    this.#room.bytes += bytes
    const coming = (this.#room.tenantBytes.get(this.#tenant) ?? 0) + bytes
    if (coming === 0) this.#room.tenantBytes.delete(this.#tenant)
    else this.#room.tenantBytes.set(this.#tenant, coming)
  }

  async #watched<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      if (isRefusal(error)) this.#options.failed()
      throw error
    }
  }
}

function tooLarge(maxFileBytes: number): AerieError {
  const what = `file: expected at most ${maxFileBytes} bytes (maxFileBytes)`
  return new AerieError('request_too_large', what, { param: 'file' })
}

function refusal(
  outcome: Exclude<InsertOutcome, 'inserted'>,
  { maxBytes, maxTenantBytes }: Quotas,
): AerieError {
  if (outcome === 'condemned') {
    const what = 'files: the upload was held up for so long that its bytes were taken for leftovers'
    return new AerieError('storage_failure', `${what}; send it again`, { param: 'file' })
  }
  const what =
    outcome === 'full'
      ? `they would have more than ${maxBytes} bytes together (maxFilesBytes)`
      : `those of this key would have more than ${maxTenantBytes} bytes together (maxTenantFilesBytes)`
  const message = `files: ${what}; delete some`
  return new AerieError('insufficient_storage', message, { param: 'file' })
}

function isRefusal(error: unknown): boolean {
  if (!(error instanceof AerieError)) return false
  return error.code === 'storage_failure' || error.code === 'insufficient_storage'
}
