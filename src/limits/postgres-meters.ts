/**
 * What keys have used at all replicas together, in PostgreSQL. While the database does not answer, limits hold at each server by
 * itself, from where they stood: nobody is refused for want of a database, and nobody has no limit.
 */
import type { Logger } from '../engine/logger.ts'
import { PostgresDatabase } from '../files/postgres-database.ts'
import { migrate } from '../files/postgres-schema.ts'
import type { LocalMeters, Meters, Taking } from './meters.ts'
import { LIMITS_SCHEMA } from './postgres-schema.ts'
import type { SharedStats } from './rate-limits.ts'
import { type Amounts, METERS, type Rule } from './rules.ts'

export interface PostgresMetersOptions {
  readonly url: string
  readonly logger: Logger
  /** Until a request goes on without the database. Default 500 ms. */
  readonly patienceMs?: number
  /** Until it is asked again after that. Default 2 s. */
  readonly retryMs?: number
}

/** Statements are short, and a request has few. */
const CONNECTIONS = 4
const STATEMENT_TIMEOUT_MS = 2000

const TAKE = 'SELECT refused, used FROM aerie_limits.take($1, $2, $3, $4)'

export class PostgresMeters implements Meters, AsyncDisposable {
  readonly #local: LocalMeters
  readonly #options: PostgresMetersOptions
  readonly #database: PostgresDatabase
  #ready: Promise<void> | undefined
  #awayUntil = 0
  #isReached = false
  #failures = 0
  #hasSaidSo = false

  constructor(local: LocalMeters, options: PostgresMetersOptions) {
    this.#local = local
    this.#options = options
    this.#database = new PostgresDatabase({
      ...{ url: options.url, logger: options.logger, subject: 'limits' },
      ...{ maxConnections: CONNECTIONS, statementTimeoutMs: STATEMENT_TIMEOUT_MS },
    })
    // Whoever asks first hears of it if this fails.
    this.#prepare().catch(() => {})
  }

  async take(name: string, rule: Rule, amounts: Amounts): Promise<Taking> {
    const taking = await this.#ask(name, rule, amounts, false)
    return taking ?? this.#local.takeNow(name, rule, amounts)
  }

  correct(name: string, rule: Rule, amounts: Amounts): void {
    this.#local.correct(name, rule, amounts)
    void this.#ask(name, rule, amounts, true)
  }

  stats(): SharedStats {
    return { isReached: this.#isReached, failures: this.#failures }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database.dispose()
  }

  /** Undefined where the database did not answer. Never rejects. */
  async #ask(
    name: string,
    rule: Rule,
    amounts: Amounts,
    isOwed: boolean,
  ): Promise<Taking | undefined> {
    if (performance.now() < this.#awayUntil) return undefined
    const { patienceMs = 500 } = this.#options
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => reject(new Error('the database is too slow')), patienceMs)
    const asked = this.#take(name, rule, amounts, isOwed)
    // An answer that comes too late is nobody's.
    asked.catch(() => {})
    try {
      const taking = await Promise.race([asked, late])
      this.#isReached = true
      if (this.#hasSaidSo)
        this.#options.logger.info({}, 'limits are shared with other servers again')
      this.#hasSaidSo = false
      // What is corrected meanwhile is known here first.
      if (!isOwed) this.#local.set(name, taking.used)
      return taking
    } catch (err) {
      this.#failed(err)
      return undefined
    } finally {
      clearTimeout(timer)
    }
  }

  async #take(name: string, rule: Rule, amounts: Amounts, isOwed: boolean): Promise<Taking> {
    await this.#prepare()
    const [row] = await this.#database.read(TAKE, [
      name,
      METERS.map((meter) => amounts[meter] ?? 0),
      METERS.map((meter) => rule.perMinute[meter] ?? null),
      isOwed,
    ])
    const { refused, used } = row as { refused: number | null; used: readonly number[] }
    return {
      refused: refused === null ? undefined : METERS[refused - 1],
      used: Object.fromEntries(METERS.map((meter, i) => [meter, used[i]!])),
    }
  }

  /** Brings the schema up to date, once it can be. */
  #prepare(): Promise<void> {
    this.#ready ??= this.#database
      .with((client) => migrate(client, LIMITS_SCHEMA))
      .catch((error) => {
        this.#ready = undefined
        throw error
      })
    return this.#ready
  }

  #failed(err: unknown): void {
    const { retryMs = 2000, logger } = this.#options
    this.#failures++
    this.#isReached = false
    this.#awayUntil = performance.now() + retryMs
    if (this.#hasSaidSo) return
    this.#hasSaidSo = true
    logger.error(
      { err },
      'limits are not shared with other servers: the database does not answer, and each server counts by itself meanwhile',
    )
  }
}
