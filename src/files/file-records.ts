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

/** Every change is durable when its promise resolves. `now` is Unix seconds: what has expired by then is not there. */
export interface FileRecords {
  /** False, and nothing changed, where all files together would have more than `maxBytes`. */
  insert(record: FileRecord, maxBytes: number): Promise<boolean>
  find(tenant: string, id: string, now: number): Promise<FileRecord | undefined>
  list(query: FileQuery, now: number): Promise<RecordPage>
  /** The record that is gone now; undefined where there was none. */
  remove(tenant: string, id: string, now: number): Promise<FileRecord | undefined>
  /** Removes what has expired, at most `limit`, and tells of what. */
  removeExpired(now: number, limit: number): Promise<readonly FileRecord[]>
  /** Those of the keys that some record has. */
  known(blobs: readonly string[]): Promise<readonly string[]>
  /** Every record's blob with its size, a page at a time in the order of ids. */
  blobs(after: string, limit: number): Promise<readonly FileRecord[]>
  totals(): Promise<Totals>
}
