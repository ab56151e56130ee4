/**
 * What one request takes from the limits of its key, found by whoever does the work. The edge opens an account and runs the
 * request inside it; a station that knows what something costs takes it there, and nothing in between passes it on.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Amounts } from './rules.ts'

export interface Account {
  /**
   * All of the amounts or nothing. Rejects with `rate_limit_exceeded`, which says when they will fit, or that they never will.
   * With `atLeast`, what does not fit into a limit at all is cut down to the limit, as long as that much fits.
   */
  take(amounts: Amounts, options?: TakeOptions): Promise<Taken>
  /** What could not be known beforehand: it is owed, and nobody is refused. */
  owe(amounts: Amounts): void
}

export interface TakeOptions {
  /** The request field at fault, in wire spelling. */
  readonly param?: string
  readonly atLeast?: Amounts
}

/** What was taken beforehand. */
export interface Taken {
  /** Says what it was in truth: the difference is owed or given back. Amounts that are not named are as they were taken. Again does nothing. */
  settle(truth: Amounts): void
}

const NOTHING_TAKEN: Taken = { settle: () => {} }

/** Of requests that have no limits. */
export const FREE_ACCOUNT: Account = { take: async () => NOTHING_TAKEN, owe: () => {} }

const current = new AsyncLocalStorage<Account>()

/** That of the request that is being handled. */
export function currentAccount(): Account {
  return current.getStore() ?? FREE_ACCOUNT
}

export function runWithAccount<Result>(account: Account, work: () => Result): Result {
  return current.run(account, work)
}
