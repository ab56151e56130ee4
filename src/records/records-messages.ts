/** What the main thread and the thread of a database say to each other. */
import type { DisposeMessage } from '../engine/worker-host.ts'
import type { WireError } from '../errors.ts'

export interface RecordsWorkerData {
  /** Holds the database; made if it is not there. */
  readonly folder: string
}

/** A method of the records with its arguments. */
export interface RecordsCall {
  readonly type: 'call'
  readonly id: number
  readonly name: string
  readonly args: readonly unknown[]
}

export type ToRecords = RecordsCall | DisposeMessage

export interface FromRecords {
  readonly id: number
  readonly outcome: { readonly result: unknown } | { readonly error: WireError }
}

/** The same methods, each done when it returns. */
export type Synchronous<Records> = {
  [Name in keyof Records]: Records[Name] extends (...args: infer Args) => Promise<infer Result>
    ? (...args: Args) => Result
    : never
}
