/** What is known of responses, for SQLite or another database. Times are given, so that a test can have its own. */
import type { Chain, EndStatus, NewResponse, StoredInput, StoredResponse } from './contract.ts'

export interface Totals {
  readonly responses: number
  readonly bytes: number
}

/** What responses may have together: all of them, and those of one tenant. */
export interface Quotas {
  readonly maxBytes: number
  readonly maxTenantBytes: number
  readonly maxResponses: number
}

export interface NewRecord extends NewResponse {
  /** Unix seconds. */
  readonly expiresAt: number
  /** The server that generates it, which is known to live until then. */
  readonly server: string
  readonly until: number
}

/** `too-large`: more than a quota by itself. `full`: nothing is left that could make room. Nothing has changed then. */
export type InsertOutcome =
  | { readonly is: 'inserted'; readonly evicted: number }
  | { readonly is: 'too-large' | 'full' }

export interface ChainBounds {
  readonly maxTurns: number
  readonly maxBytes: number
}

/**
 * Every change is durable when its promise resolves. `now` is Unix seconds: what has expired by then is not there. Several
 * processes may call at once: quotas hold all the same.
 */
export interface ResponseRecords {
  /** Of those that no server is generating, the oldest of the tenant with the most make room. */
  insert(record: NewRecord, quotas: Quotas): Promise<InsertOutcome>
  begin(tenant: string, id: string): Promise<void>
  /** Whether it was running, and has ended now. */
  finish(tenant: string, id: string, status: EndStatus, body: string): Promise<boolean>
  find(tenant: string, id: string, now: number): Promise<StoredResponse | undefined>
  input(tenant: string, id: string, now: number): Promise<StoredInput | undefined>
  chain(tenant: string, id: string, now: number, bounds: ChainBounds): Promise<Chain>
  remove(tenant: string, id: string, now: number): Promise<boolean>
  /** The server lives until then. Those of the ids that it is still generating. */
  beat(server: string, ids: readonly string[], until: number): Promise<readonly string[]>
  /** Removes what has expired, at most `limit`, and says how many. */
  removeExpired(now: number, limit: number): Promise<number>
  totals(): Promise<Totals>
}

/** Every method, for those who pass calls on. */
export const RECORDS_METHODS = [
  ...['insert', 'begin', 'finish', 'find', 'input', 'chain'],
  ...['remove', 'beat', 'removeExpired', 'totals'],
] as readonly (keyof ResponseRecords)[]

/** Bytes of a record without its media. */
export function recordBytes({ body, input }: Pick<NewResponse, 'body' | 'input'>): number {
  return Buffer.byteLength(body) + Buffer.byteLength(input)
}
