/** SQLite with statements that stay prepared and transactions that nobody forgets to end. */
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite'
import { AerieError } from '../errors.ts'
import { migrate } from './sqlite-schema.ts'

export type Row = Record<string, SQLOutputValue>
export type Values = Record<string, string | number | null | Uint8Array>

/** Another server that shares the database holds it for one short transaction at a time. */
const BUSY_TIMEOUT_MS = 5000

export class SqliteDatabase {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  /**
   * Opens, checks and brings to the newest of the schema's steps. Throws SQLite's errors, or `storage_failure` for a database that
   * cannot be used; `subject` is for its message.
   */
  constructor(path: string, subject: string, steps: readonly string[]) {
    this.#database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS })
    try {
      // A commit is on the disk when it returns, also after a power cut. What removed rows leave is given back to the disk by and by.
      this.#database.exec(
        'PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL',
      )
      checkDatabase(this.#database, subject)
      migrate(this.#database, steps, subject)
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  get(sql: string, values: Values = {}): Row | undefined {
    return this.#prepare(sql).get(values)
  }

  all(sql: string, values: Values = {}): Row[] {
    return this.#prepare(sql).all(values)
  }

  /** Row by row; another statement may run meanwhile, another of the same text may not. */
  each(sql: string, values: Values = {}): Iterable<Row> {
    return this.#prepare(sql).iterate(values)
  }

  /** How many rows it changed. */
  run(sql: string, values: Values = {}): number {
    return Number(this.#prepare(sql).run(values).changes)
  }

  /** All of it, or nothing. */
  transaction<T>(work: () => T): T {
    // IMMEDIATE: what is read is what others see until the end.
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      // SQLite has rolled back itself where the disk is full.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  /** Gives free pages back to the disk, at most so many. */
  shrink(pages: number): void {
    this.#database.exec(`PRAGMA incremental_vacuum(${pages})`)
  }

  close(): void {
    this.#database.close()
  }

  /** There are few texts, so that all stay prepared. */
  #prepare(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}

/** Throws `storage_failure` for a database that is not as SQLite wrote it. */
export function checkDatabase(database: DatabaseSync, subject: string): void {
  const found = database.prepare('PRAGMA quick_check(1)').all()
  const first = String(Object.values(found[0] ?? {})[0])
  if (first === 'ok') return
  throw new AerieError('storage_failure', `${subject}: the database is damaged (${first})`)
}
