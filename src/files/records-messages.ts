/** What the main thread and the thread of the database of files say to each other. */
import type { DisposeMessage, StartMessage } from '../engine/worker-host.ts'
import type { WireError } from '../errors.ts'
import type { FileRecords, Totals } from './file-records.ts'

export interface RecordsWorkerData {
  /** Holds the database and the blobs; made if it is not there. */
  readonly folder: string
}

/** Told when the database is open. */
export interface RecordsReady {
  /** Where the blobs of this database lie. */
  readonly blobs: string
  readonly totals: Totals
}

export type RecordsStart = StartMessage<RecordsReady>

/** A method of the records with its arguments. */
export type RecordsCall = {
  [Name in keyof FileRecords]: {
    readonly name: Name
    readonly args: Parameters<FileRecords[Name]>
  }
}[keyof FileRecords]

export type ToRecords =
  | { readonly type: 'call'; readonly id: number; readonly call: RecordsCall }
  | DisposeMessage

export interface FromRecords {
  readonly id: number
  readonly outcome: { readonly result: unknown } | { readonly error: WireError }
  /** After the call; undefined where the database could not tell. */
  readonly totals: Totals | undefined
}
