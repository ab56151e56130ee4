/** The limits of all keys: opens an account for each request, and says what is left. */
import { AerieError, type LimitName } from '../errors.ts'
import type { Account, Taken, TakeOptions } from './account.ts'
import { resetMs, waitMs } from './bucket.ts'
import { LocalMeters, type Meters } from './meters.ts'
import { type Amounts, isLimited, type LimitRules, METERS, type Meter, type Rule } from './rules.ts'

/** What a request can be refused for. */
export type Limit = Meter | 'concurrentRequests'

/** Spelling on the wire: the type of errors, and of headers with hyphens. */
export const LIMIT_NAMES: Readonly<Record<Limit, LimitName>> = {
  requests: 'requests',
  tokens: 'tokens',
  mediaBytes: 'media_bytes',
  mediaPixels: 'media_pixels',
  concurrentRequests: 'concurrent_requests',
}

/** In sentences. */
const WORDS: Readonly<Record<Meter, string>> = {
  requests: 'requests per minute',
  tokens: 'tokens per minute',
  mediaBytes: 'bytes of media per minute',
  mediaPixels: 'decoded pixels per minute',
}

/** What could make a request that never fits fit. */
const ADVICE: Readonly<Record<Meter, string>> = {
  requests: 'no request fits',
  tokens: 'a shorter prompt or a smaller limit of the answer would fit',
  mediaBytes: 'fewer or smaller pictures, clips, sounds or documents would fit',
  mediaPixels: 'fewer or smaller pictures, or fewer frames, would fit',
}

/** How long a client waits that had too many requests at one time: nobody knows when one ends. */
const CONCURRENCY_RETRY_SECONDS = 1

/** What is left of one limit. */
export interface Balance {
  readonly limit: number
  readonly remaining: number
  /** Until nothing is used; undefined for what time does not bring back. */
  readonly resetMs: number | undefined
}

/** An account of a request that the edge has let in. */
export interface RequestAccount extends Account {
  balances(): readonly (readonly [Limit, Balance])[]
  /** Takes what the request itself is. Rejects as `take`. */
  begin(): Promise<void>
  /** The request has ended; again does nothing. Where it goes on behind its answer, it ends with that. */
  end(): void
  /** It goes on behind its answer, until this is settled. */
  outlast(work: Promise<void>): void
}

export interface LimitStats {
  /** Requests that were refused, since start. */
  readonly refused: Readonly<Record<Limit, number>>
  /** Names of which something is kept. */
  readonly names: number
  /** Of names with rules of their own. */
  readonly balances: readonly {
    readonly name: string
    readonly limit: Limit
    readonly balance: Balance
  }[]
  /** What replicas have in common; undefined where they have nothing. */
  readonly shared: SharedStats | undefined
}

export interface SharedStats {
  /** Whether the database was asked last, and answered. */
  readonly isReached: boolean
  readonly failures: number
}

export interface RateLimitsOptions {
  readonly rules: LimitRules
  /** Undefined: this process's own alone. `local` is what is known of it here. */
  readonly shared?: { meters(local: LocalMeters): Meters & { stats(): SharedStats } }
  /** In place of the clock. */
  readonly now?: () => number
}

export class RateLimits {
  #rules: LimitRules
  readonly #local: LocalMeters
  readonly #shared: (Meters & { stats(): SharedStats }) | undefined
  readonly #meters: Meters
  readonly #running = new Map<string, number>()
  readonly #refused: Record<Limit, number> = {
    ...{ requests: 0, tokens: 0, mediaBytes: 0, mediaPixels: 0, concurrentRequests: 0 },
  }

  constructor({ rules, shared, now }: RateLimitsOptions) {
    this.#rules = rules
    this.#local = new LocalMeters(now)
    this.#shared = shared?.meters(this.#local)
    this.#meters = this.#shared ?? this.#local
  }

  /** Of a request that is to count against what `name` may use; undefined where that is as much as there is. */
  open(name: string): RequestAccount | undefined {
    return isLimited(this.#rules.of(name)) ? this.#account(name) : undefined
  }

  /** Other rules from now on. What was used stays used, and who is in stays in. */
  change(rules: LimitRules): void {
    this.#rules = rules
    this.#local.prune((name) => rules.of(name))
  }

  stats(): LimitStats {
    const { names } = this.#rules
    return {
      refused: { ...this.#refused },
      names: this.#local.size,
      balances: names.flatMap((name) =>
        this.#balances(name).map(([limit, balance]) => ({ name, limit, balance })),
      ),
      shared: this.#shared?.stats(),
    }
  }

  #account(name: string): RequestAccount {
    let isIn = false
    let isOutlasted = false
    const end = () => {
      if (!isIn || isOutlasted) return
      isIn = false
      const left = this.#running.get(name)! - 1
      if (left > 0) this.#running.set(name, left)
      else this.#running.delete(name)
    }
    const take = async (amounts: Amounts, options: TakeOptions = {}): Promise<Taken> => {
      const rule = this.#rules.of(name)
      const asked = this.#within(name, rule, amounts, options)
      const { refused, used } = await this.#meters.take(name, rule, asked)
      if (refused) throw this.#exceeded(name, refused, rule, used, asked, options)
      return this.#taken(name, asked)
    }
    return {
      take,
      owe: (amounts) => this.#meters.correct(name, this.#rules.of(name), amounts),
      balances: () => this.#balances(name),
      begin: async () => {
        this.#enter(name)
        isIn = true
        await take({ requests: 1 }).catch((error) => {
          end()
          throw error
        })
      },
      end,
      outlast: (work) => {
        // Its client may have left meanwhile, which has ended the request and not the work.
        if (!isIn) this.#running.set(name, (this.#running.get(name) ?? 0) + 1)
        isIn = true
        isOutlasted = true
        void work.finally(() => {
          isOutlasted = false
          end()
        })
      },
    }
  }

  #taken(name: string, asked: Amounts): Taken {
    let isSettled = false
    return {
      settle: (truth) => {
        if (isSettled) return
        isSettled = true
        const difference = METERS.flatMap((meter) => {
          const [was, is] = [asked[meter], truth[meter]]
          return is === undefined ? [] : [[meter, is - (was ?? 0)] as const]
        })
        this.#meters.correct(name, this.#rules.of(name), Object.fromEntries(difference))
      },
    }
  }

  #enter(name: string): void {
    const { concurrentRequests: most } = this.#rules.of(name)
    const running = this.#running.get(name) ?? 0
    if (most !== undefined && running >= most) {
      this.#refused.concurrentRequests++
      const what = `rate limit reached for ${name} on concurrent requests: limit ${most}, running ${running}`
      throw new AerieError('rate_limit_exceeded', `${what}; try again when one has ended`, {
        limit: LIMIT_NAMES.concurrentRequests,
        retryAfterSeconds: CONCURRENCY_RETRY_SECONDS,
      })
    }
    this.#running.set(name, running + 1)
  }

  /** Throws for what is larger than its limit, or cuts it down where that was said to do. */
  #within(
    name: string,
    { perMinute }: Rule,
    amounts: Amounts,
    { atLeast = {}, param }: TakeOptions,
  ): Amounts {
    return Object.fromEntries(
      METERS.flatMap((meter) => {
        const [amount, limit] = [amounts[meter], perMinute[meter]]
        if (amount === undefined) return []
        if (limit === undefined || amount <= limit) return [[meter, amount]]
        const least = atLeast[meter] ?? amount
        if (least <= limit) return [[meter, limit]]
        this.#refused[meter]++
        const what = `request too large for ${name} on ${WORDS[meter]}: limit ${limit}, requested ${least}; ${ADVICE[meter]}`
        throw new AerieError('rate_limit_exceeded', what, {
          limit: LIMIT_NAMES[meter],
          shouldRetry: false,
          ...(param !== undefined && { param }),
        })
      }),
    )
  }

  #exceeded(
    name: string,
    meter: Meter,
    { perMinute }: Rule,
    used: Amounts,
    asked: Amounts,
    { param }: TakeOptions,
  ): AerieError {
    this.#refused[meter]++
    const [limit, spent, amount] = [perMinute[meter]!, used[meter] ?? 0, asked[meter] ?? 0]
    const seconds = waitMs(spent, amount, limit) / 1000
    const what = `rate limit reached for ${name} on ${WORDS[meter]}: limit ${limit}, used ${Math.ceil(spent)}, requested ${amount}; try again in ${seconds} s`
    return new AerieError('rate_limit_exceeded', what, {
      limit: LIMIT_NAMES[meter],
      retryAfterSeconds: seconds,
      ...(param !== undefined && { param }),
    })
  }

  #balances(name: string): readonly (readonly [Limit, Balance])[] {
    const rule = this.#rules.of(name)
    const used = this.#local.used(name, rule)
    const meters = METERS.flatMap((meter): (readonly [Limit, Balance])[] => {
      const limit = rule.perMinute[meter]
      if (limit === undefined) return []
      const spent = used[meter] ?? 0
      const remaining = Math.max(0, Math.floor(limit - spent))
      return [[meter, { limit, remaining, resetMs: resetMs(spent, limit) }]]
    })
    const { concurrentRequests: most } = rule
    if (most === undefined) return meters
    const remaining = Math.max(0, most - (this.#running.get(name) ?? 0))
    return [...meters, ['concurrentRequests', { limit: most, remaining, resetMs: undefined }]]
  }
}
