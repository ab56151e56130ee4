/** Uploaded files as the rest of the server sees them: plain types, no database, no disk. */
import type { Readable } from 'node:stream'
import type { CacheStats } from './blob-store.ts'

/** What clients may say that a file is for. `batch_output` is the server's own to set. */
export const UPLOAD_PURPOSES = [
  'assistants',
  'batch',
  'fine-tune',
  'vision',
  'user_data',
  'evals',
] as const
export type FilePurpose = (typeof UPLOAD_PURPOSES)[number] | 'batch_output'

/** A file that is there, whole. */
export interface StoredFile {
  /** `file-` and 36 hexadecimal digits, which sort as the files were created. */
  readonly id: string
  /** Name of the API key that brought it; nobody else sees it. */
  readonly tenant: string
  readonly filename: string
  readonly purpose: FilePurpose
  readonly bytes: number
  /** Hex, of the bytes. */
  readonly sha256: string
  /** Unix seconds. */
  readonly createdAt: number
  /** Unix seconds; undefined: it stays until it is deleted. */
  readonly expiresAt: number | undefined
}

export interface FileQuery {
  readonly tenant: string
  /** Files behind this one in the order asked for. It need not exist any more. */
  readonly after: string | undefined
  readonly limit: number
  readonly order: 'asc' | 'desc'
  readonly purpose: string | undefined
}

export interface FilePage {
  readonly files: readonly StoredFile[]
  readonly hasMore: boolean
}

export interface NewFile {
  readonly filename: string
  readonly purpose: FilePurpose
  /** Seconds after creation; undefined: never. */
  readonly expiresAfterSeconds: number | undefined
}

/** First and last byte, both included. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export interface FileStats {
  /** Of all tenants, as of the last call that this process made. */
  readonly files: number
  readonly bytes: number
  readonly maxBytes: number
  /** Being received. */
  readonly uploads: number
  readonly maxUploads: number
  /** Since start, by this process. */
  readonly created: number
  readonly deleted: number
  readonly expired: number
  /** Files and pieces of uploads that belonged to no record, or records to no file, and were removed. */
  readonly orphans: number
  /** Calls that the disk, the database or the object store failed. */
  readonly failures: number
  /** Copies of blobs that lie elsewhere; undefined where they lie here. */
  readonly cache: CacheStats | undefined
  /** Connections to a database that is elsewhere. */
  readonly database: ConnectionStats | undefined
}

export interface ConnectionStats {
  readonly open: number
  readonly idle: number
  readonly max: number
  /** Calls that wait for one; more than `maxWaiting` are refused. */
  readonly waiting: number
  readonly maxWaiting: number
}

/** A place for one upload, held until it is disposed of; what was received and has become no file is dropped then. */
export interface Upload extends AsyncDisposable {
  /**
   * Takes the bytes and keeps them durably, once. Rejects with `request_too_large`, `insufficient_storage`,
   * `storage_failure`, or what the source throws; then nothing is left.
   */
  receive(source: AsyncIterable<Uint8Array>): Promise<void>
  /** Makes a file of what was received. Rejects with `insufficient_storage` or `storage_failure`. */
  create(file: NewFile): Promise<StoredFile>
}

/** Files of all tenants. Every method may reject with `storage_failure`, or `shutting_down` after the end. */
export interface FileStore {
  /** Throws `queue_full` when as many uploads are under way as there may be, `insufficient_storage` when nothing would fit. */
  beginUpload(tenant: string): Upload
  /** Undefined for what is not there, expired, or another tenant's. */
  find(tenant: string, id: string): Promise<StoredFile | undefined>
  list(query: FileQuery): Promise<FilePage>
  /** Whether there was one to delete. */
  delete(tenant: string, id: string): Promise<boolean>
  /** The bytes, or a part of them. Deleting the file does not end a stream that has begun. */
  read(file: StoredFile, range?: ByteRange): Promise<Readable>
  /**
   * Where other processes of this machine find the bytes, for as long as a request may take. Rejects with `not_found` when
   * the file is gone, `queue_full` when too much of what is elsewhere is in use here.
   */
  localPath(file: StoredFile, signal?: AbortSignal): Promise<string>
  stats(): FileStats
  dispose(): Promise<void>
}

const FILE_ID = /^file-[0-9a-f]{36}$/

export function isFileId(text: string): boolean {
  return FILE_ID.test(text)
}
