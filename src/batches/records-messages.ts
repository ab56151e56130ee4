/** What the main thread and the thread of the database of batches say to each other. */
import type { DisposeMessage } from '../engine/worker-host.ts'
import type { WireError } from '../errors.ts'
import type { BatchRecords } from './batch-records.ts'

export interface RecordsWorkerData {
  /** Holds the database; made if it is not there. */
  readonly folder: string
}

/** A method of the records with its arguments. */
export type RecordsCall = {
  [Name in keyof BatchRecords]: {
    readonly name: Name
    readonly args: Parameters<BatchRecords[Name]>
  }
}[keyof BatchRecords]

export type ToRecords =
  | { readonly type: 'call'; readonly id: number; readonly call: RecordsCall }
  | DisposeMessage

export interface FromRecords {
  readonly id: number
  readonly outcome: { readonly result: unknown } | { readonly error: WireError }
}

/** Every method, for those who pass calls on. */
export const RECORDS_METHODS = [
  ...['insert', 'find', 'list', 'cancel', 'beat', 'leave', 'takeTask', 'dropTask'],
  ...['addLines', 'endReading', 'runnable', 'takeLines', 'giveBack', 'storeResults'],
  ...['planFiles', 'results', 'unrun', 'end', 'tidy', 'totals'],
] as readonly (keyof BatchRecords)[]
