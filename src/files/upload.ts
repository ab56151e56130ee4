/** One upload: bytes into the blob store first, a record for them last. */
import { AerieError } from '../errors.ts'
import type { BlobStore, KeptBytes } from './blob-store.ts'
import type { NewFile, StoredFile, Upload } from './contract.ts'
import { newBlobKey, newFileId } from './file-id.ts'
import type { FileRecords } from './file-records.ts'

/** What all uploads of a store share. */
export interface UploadRoom {
  /** Of all files together. */
  readonly maxBytes: number
  /** Under way. */
  uploads: number
  /** Received by them, and no file's yet. */
  bytes: number
  /** Of the files that there are. */
  storedBytes(): number
}

export interface UploadOptions {
  readonly maxFileBytes: number
  open(): Promise<{ readonly records: FileRecords; readonly blobs: BlobStore }>
  /** Milliseconds since 1970. */
  now(): number
  /** Hears of each file, and of what the disk or the database refused. */
  created(): void
  failed(): void
}

export class FileUpload implements Upload {
  readonly #room: UploadRoom
  readonly #options: UploadOptions
  readonly #key = newBlobKey()
  #blobs: BlobStore | undefined
  #received: KeptBytes | undefined
  #bytes = 0
  /** There is, or may be, a record of it: then the bytes are not ours to remove. */
  #isKept = false

  constructor(room: UploadRoom, options: UploadOptions) {
    this.#room = room
    this.#options = options
    room.uploads++
  }

  async receive(source: AsyncIterable<Uint8Array>): Promise<void> {
    const { blobs } = await this.#options.open()
    this.#blobs = blobs
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
    const { id = newFileId(nowMs), expiresAfterSeconds: seconds, ...rest } = file
    const stored: StoredFile = {
      id,
      ...rest,
      ...this.#received,
      createdAt,
      expiresAt: seconds === undefined ? undefined : createdAt + seconds,
    }
    this.#isKept = true
    try {
      const record = { ...stored, blob: this.#key }
      this.#isKept = await this.#watched(records.insert(record, this.#room.maxBytes))
    } catch (error) {
      // Whether a thread that died had written the record, nobody knows; one that answered had not.
      this.#isKept = !isRefusal(error)
      throw error
    }
    if (!this.#isKept) throw full(this.#room.maxBytes)
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

  #claim(bytes: number): void {
    const { maxBytes } = this.#room
    const { maxFileBytes } = this.#options
    this.#bytes += bytes
    this.#room.bytes += bytes
    if (this.#bytes > maxFileBytes) throw tooLarge(maxFileBytes)
    if (this.#room.storedBytes() + this.#room.bytes > maxBytes) throw full(maxBytes)
  }

  #release(): void {
    this.#room.bytes -= this.#bytes
    this.#bytes = 0
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

function full(maxBytes: number): AerieError {
  const what = `files: they would have more than ${maxBytes} bytes together (maxFilesBytes); delete some`
  return new AerieError('insufficient_storage', what, { param: 'file' })
}

function isRefusal(error: unknown): boolean {
  if (!(error instanceof AerieError)) return false
  return error.code === 'storage_failure' || error.code === 'insufficient_storage'
}
