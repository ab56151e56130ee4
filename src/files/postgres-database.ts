/** Connections to PostgreSQL: bounded in number and time, made anew when they break. Loads `pg`, so import it when it is needed. */
import pg from 'pg'
import type { Logger } from '../engine/logger.ts'
import { AerieError } from '../errors.ts'
import type { ConnectionStats } from './contract.ts'
import { changeError, databaseError, isAnswer } from './postgres-error.ts'

export interface DatabaseOptions {
  /** `postgres://…`; its own parameters decide on TLS. A secret. */
  readonly url: string
  readonly maxConnections: number
  readonly logger: Logger
  /** What messages speak of: whose records these are. */
  readonly subject?: string
  /** Of one statement, in milliseconds. */
  readonly statementTimeoutMs?: number
}

export type Row = Readonly<Record<string, unknown>>

/** Rows of a statement of a transaction. */
export type Query = (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>

const STATEMENT_TIMEOUT_MS = 10_000
/** For a connection, be it a new one or one that others use. */
const CONNECT_TIMEOUT_MS = 5_000
/** Calls that wait for a connection. */
const MOST_WAITING = 256
/** How much longer than the server this side waits, for one that no longer answers at all. */
const PATIENCE_MS = 5_000

export class PostgresDatabase {
  readonly #pool: pg.Pool
  readonly #subject: string

  constructor({ url, maxConnections, logger, subject, statementTimeoutMs }: DatabaseOptions) {
    this.#subject = subject ?? 'files'
    const timeout = statementTimeoutMs ?? STATEMENT_TIMEOUT_MS
    this.#pool = new pg.Pool({
      connectionString: url,
      application_name: 'aerie',
      max: maxConnections,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: timeout,
      idle_in_transaction_session_timeout: timeout,
      query_timeout: timeout + PATIENCE_MS,
      keepAlive: true,
      types: { getTypeParser },
    })
    // A connection that breaks while nobody uses it; the next call makes another.
    this.#pool.on('error', (err) => logger.warn({ err }, 'a connection to the database broke'))
  }

  /** The rows of a statement that changes nothing, or may as well be made twice. Rejects with `storage_failure`, `insufficient_storage` or `queue_full`. */
  async read(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    try {
      return await this.#run(text, values)
    } catch (error) {
      throw databaseError(error, this.#subject)
    }
  }

  /** The rows of a statement that changes something. Rejects with {@link Unsettled} where nobody knows whether it did. */
  async change(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    let client: pg.PoolClient
    try {
      client = await this.#connect()
    } catch (error) {
      // Nothing was sent.
      throw databaseError(error, this.#subject)
    }
    let failure: unknown
    try {
      return (await client.query<Row>(text, [...values])).rows
    } catch (error) {
      failure = error
      throw changeError(error, this.#subject)
    } finally {
      client.release(failure !== undefined && !isAnswer(failure))
    }
  }

  /** Several statements on one connection. Rejects as `read`. */
  async with<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    try {
      const client = await this.#connect()
      let failure: unknown
      try {
        return await work(client)
      } catch (error) {
        failure = error
        throw error
      } finally {
        client.release(failure !== undefined && !isAnswer(failure))
      }
    } catch (error) {
      throw databaseError(error, this.#subject)
    }
  }

  /** All that `work` does, or nothing. Rejects as `change`. */
  async transaction<T>(work: (query: Query) => Promise<T>): Promise<T> {
    let client: pg.PoolClient
    try {
      client = await this.#connect()
    } catch (error) {
      throw databaseError(error, this.#subject)
    }
    let failure: unknown
    try {
      await client.query('BEGIN')
      const result = await work(
        async (text, values = []) => (await client.query<Row>(text, [...values])).rows,
      )
      await client.query('COMMIT')
      return result
    } catch (error) {
      failure = error
      if (isAnswer(error) || error instanceof AerieError)
        await client.query('ROLLBACK').catch((lost: unknown) => {
          failure = lost
        })
      throw changeError(error, this.#subject)
    } finally {
      const isFit = failure === undefined || failure instanceof AerieError || isAnswer(failure)
      client.release(!isFit)
    }
  }

  stats(): ConnectionStats {
    const { totalCount, idleCount, waitingCount, options } = this.#pool
    const { max } = options
    return {
      open: totalCount,
      idle: idleCount,
      max,
      waiting: waitingCount,
      maxWaiting: MOST_WAITING,
    }
  }

  /** Waits for the statements under way. */
  async dispose(): Promise<void> {
    await this.#pool.end()
  }

  #connect(): Promise<pg.PoolClient> {
    this.#refuseWhenFull()
    return this.#pool.connect()
  }

  #refuseWhenFull(): void {
    if (this.#pool.waitingCount < MOST_WAITING) return
    const what = `${this.#subject}: ${MOST_WAITING} calls wait for the database; try again later`
    throw new AerieError('queue_full', what, { retryAfterSeconds: 2 })
  }

  async #run(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    this.#refuseWhenFull()
    return (await this.#pool.query<Row>(text, [...values])).rows
  }
}

/** Numbers of 64 bits as numbers: none of ours is beyond 2^53. */
function getTypeParser(type: number, format?: 'text' | 'binary') {
  return type === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(type, format)
}
