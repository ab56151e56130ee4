/** What is known of files, for SQLite or another database. Times are given, so that a test can have its own. */
import type { FilePage, FileQuery, StoredFile } from './contract.ts'

/** A file with the key of its bytes in the blob store. */
export interface FileRecord extends StoredFile {
  readonly blob: string
}

export interface Totals {
  readonly files: number
  readonly bytes: number
}

export interface RecordPage extends Omit<FilePage, 'files'> {
  readonly files: readonly FileRecord[]
}

/** What files may have together: all of them, and those of one tenant. */
export interface Quotas {
  readonly maxBytes: number
  readonly maxTenantBytes: number
}

/**
 * `full` and `tenant-full`: a quota would be exceeded. `condemned`: the blob was given up for a leftover, see `condemn`.
 * Nothing has changed then.
 */
export type InsertOutcome = 'inserted' | 'full' | 'tenant-full' | 'condemned'

/**
 * Every change is durable when its promise resolves. `now` is Unix seconds: what has expired by then is not there. Several
 * processes may call at once: quotas hold all the same, and nothing is removed twice.
 */
export interface FileRecords {
  /** Rejects with {@link Unsettled} where nobody knows whether the record was written. */
  insert(record: FileRecord, quotas: Quotas): Promise<InsertOutcome>
  find(tenant: string, id: string, now: number): Promise<FileRecord | undefined>
  list(query: FileQuery, now: number): Promise<RecordPage>
  /** The record that is gone now; undefined where there was none. */
  remove(tenant: string, id: string, now: number): Promise<FileRecord | undefined>
  /** Removes what has expired, at most `limit`, and tells of what. */
  removeExpired(now: number, limit: number): Promise<readonly FileRecord[]>
  /** Those of the keys that some record has. */
  known(blobs: readonly string[]): Promise<readonly string[]>
  /**
   * Those of the keys that no record has, and that none will ever have: whoever comes to insert one later gets
   * `condemned`. So their bytes may go, however long the upload that brought them was held up.
   */
  condemn(blobs: readonly string[], now: number): Promise<readonly string[]>
  /** Records whose blob is behind `after` and not behind `to`, at most `limit`, in the order of blobs. */
  byBlob(after: string, to: string, limit: number): Promise<readonly FileRecord[]>
  totals(): Promise<Totals>
  tenantTotals(tenant: string): Promise<Totals>
}

/** How long a condemned key is remembered, in seconds: no upload is held up for so long and then goes on. */
export const CONDEMNED_SECONDS = 30 * 24 * 60 * 60
