/** Where a store of files keeps them: records with the bytes that belong to them. */
import type { BlobStore } from './blob-store.ts'
import type { ConnectionStats } from './contract.ts'
import type { FileRecords, Totals } from './file-records.ts'

export interface FileStorage {
  /** For the log: which folder, or which database and bucket. No secret. */
  readonly place: Readonly<Record<string, string>>
  /** Whether anything may ever have been stored: while nothing was, nothing has to be made or opened. */
  isThere(): Promise<boolean>
  /** Rejects with `storage_failure` or `insufficient_storage`; then it may be tried again. */
  open(): Promise<OpenStorage>
}

export interface OpenStorage {
  readonly records: FileRecords
  readonly blobs: BlobStore
  /** As this process last heard. */
  lastTotals(): Totals
  /** Undefined where no connection is needed. */
  connections(): ConnectionStats | undefined
  dispose(): Promise<void>
}
