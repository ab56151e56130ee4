/** Records of batches in PostgreSQL: servers of several machines work off the same batches, and take over from each other. */
import type { PostgresDatabase, Query } from '../files/postgres-database.ts'
import { migrate } from '../files/postgres-schema.ts'
import type {
  BatchBounds,
  BatchRecord,
  BatchRecords,
  BatchTask,
  BatchTotals,
  PlannedFiles,
} from './batch-records.ts'
import { insertedValues, toBatchRecord } from './batch-rows.ts'
import type { Batch, BatchPage, BatchQuery } from './contract.ts'
import { holdsServer, PostgresLines } from './postgres-lines.ts'
import { BATCHES_SCHEMA, COUNTING_LOCK } from './postgres-schema.ts'

const BATCHES = 'aerie_batches.batches'
const LINES = 'aerie_batches.lines'
const SERVERS = 'aerie_batches.servers'
const UNDER_WAY = 'ended_at IS NULL'

export class PostgresBatchRecords extends PostgresLines implements BatchRecords {
  readonly #database: PostgresDatabase
  readonly #isDead: (server: string) => boolean

  private constructor(database: PostgresDatabase, isDead: (server: string) => boolean) {
    super(database)
    this.#database = database
    this.#isDead = isDead
  }

  /**
   * Makes or brings up to date what it needs. `isDead`: whether a server is known to be gone, so that nobody has to wait until its
   * time is up. Rejects with `storage_failure` or `insufficient_storage`.
   */
  static async open(
    database: PostgresDatabase,
    isDead: (server: string) => boolean = () => false,
  ): Promise<PostgresBatchRecords> {
    await database.with((client) => migrate(client, BATCHES_SCHEMA))
    return new PostgresBatchRecords(database, isDead)
  }

  async insert(batch: Batch, { maxBatches }: BatchBounds): Promise<boolean> {
    return await this.#database.transaction(async (query) => {
      await query('SELECT pg_advisory_xact_lock($1)', [COUNTING_LOCK])
      const values = insertedValues(batch)
      const rows = await query(
        `INSERT INTO ${BATCHES} (id, tenant, endpoint, input_file_id, status, metadata,
           output_expires_after, created_at, expires_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
         WHERE (SELECT count(*) FROM ${BATCHES} WHERE tenant = $2 AND ${UNDER_WAY}) < $10 RETURNING id`,
        [
          ...['id', 'tenant', 'endpoint', 'input', 'status', 'metadata'].map((key) => values[key]),
          ...['outputExpiresAfter', 'createdAt', 'expiresAt'].map((key) => values[key]),
          maxBatches,
        ],
      )
      return rows.length > 0
    })
  }

  async find(tenant: string, id: string): Promise<BatchRecord | undefined> {
    const sql = `SELECT * FROM ${BATCHES} WHERE id = $1 AND tenant = $2`
    const [row] = await this.#database.read(sql, [id, tenant])
    return row && toBatchRecord(row)
  }

  async list({ tenant, after, limit }: BatchQuery): Promise<BatchPage> {
    const rows = await this.#database.read(
      `SELECT * FROM ${BATCHES} WHERE tenant = $1 AND ($2::text IS NULL OR id < $2)
       ORDER BY id DESC LIMIT $3`,
      [tenant, after ?? null, limit + 1],
    )
    const batches = rows.slice(0, limit).map((row) => toBatchRecord(row))
    return { batches, hasMore: rows.length > limit }
  }

  async cancel(tenant: string, id: string, now: number): Promise<BatchRecord | undefined> {
    await this.#database.change(
      `UPDATE ${BATCHES} SET status = 'cancelling', cancelling_at = $3, not_before = 0
       WHERE id = $1 AND tenant = $2 AND ${UNDER_WAY} AND status <> 'cancelling'`,
      [id, tenant, now],
    )
    return await this.find(tenant, id)
  }

  async beat(server: string, now: number, until: number): Promise<readonly string[]> {
    return await this.#database.transaction(async (query) => {
      await query(
        `INSERT INTO ${SERVERS} VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET until = $2`,
        [server, until],
      )
      const others = await query(`SELECT name, until FROM ${SERVERS} WHERE name <> $1`, [server])
      for (const row of others) {
        const name = String(row['name'])
        const isDead = this.#isDead(name)
        if (isDead || Number(row['until']) < now)
          await takeBack(query, name, isDead ? undefined : now, 1)
      }
      await query(
        `UPDATE ${BATCHES} SET status = 'finalizing', finalizing_at = $1, is_late = true, not_before = 0
         WHERE status IN ('validating', 'in_progress') AND ${UNDER_WAY} AND expires_at <= $1`,
        [now],
      )
      const rows = await query(
        `SELECT DISTINCT batch_id FROM ${LINES} JOIN ${BATCHES} ON id = batch_id
         WHERE server = $1 AND state = 1 AND status <> 'in_progress'`,
        [server],
      )
      return rows.map((row) => String(row['batch_id']))
    })
  }

  async leave(server: string): Promise<void> {
    await this.#database.transaction((query) => takeBack(query, server, undefined, 0))
  }

  async takeTask(server: string, now: number): Promise<BatchTask | undefined> {
    return await this.#database.transaction(async (query) => {
      if (!(await holdsServer(query, server))) return undefined
      const [row] = await query(
        `UPDATE ${BATCHES} SET owner = $1 WHERE id = (
           SELECT id FROM ${BATCHES} AS b
           WHERE ${UNDER_WAY} AND owner IS NULL AND not_before <= $2
             AND (status = 'validating' OR (status IN ('finalizing', 'cancelling')
               AND NOT EXISTS (SELECT FROM ${LINES} WHERE batch_id = b.id AND state = 1)))
           ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *`,
        [server, now],
      )
      if (!row) return undefined
      const batch = toBatchRecord(row)
      return { kind: batch.status === 'validating' ? 'read' : 'finalize', batch }
    })
  }

  async dropTask(server: string, id: string, notBefore: number): Promise<void> {
    const sql = `UPDATE ${BATCHES} SET owner = NULL, not_before = $3 WHERE id = $1 AND owner = $2`
    await this.#database.change(sql, [id, server, notBefore])
  }

  async runnable(limit: number): Promise<readonly BatchRecord[]> {
    const rows = await this.#database.read(
      `SELECT * FROM (
         SELECT DISTINCT ON (tenant) * FROM ${BATCHES} AS b
         WHERE status = 'in_progress' AND ${UNDER_WAY}
           AND EXISTS (SELECT FROM ${LINES} WHERE batch_id = b.id AND state = 0)
         ORDER BY tenant, id) AS oldest ORDER BY id LIMIT $1`,
      [limit],
    )
    return rows.map((row) => toBatchRecord(row))
  }

  async planFiles(
    server: string,
    id: string,
    { outputFileId, errorFileId }: PlannedFiles,
  ): Promise<PlannedFiles | undefined> {
    const [row] = await this.#database.change(
      `UPDATE ${BATCHES} SET planned_output = coalesce(planned_output, $3),
         planned_error = coalesce(planned_error, $4) WHERE id = $1 AND owner = $2 RETURNING *`,
      [id, server, outputFileId, errorFileId],
    )
    return row && toBatchRecord(row).planned
  }

  async end(
    server: string,
    id: string,
    files: { readonly outputFileId: string | undefined; readonly errorFileId: string | undefined },
    now: number,
  ): Promise<boolean> {
    // What an UPDATE reads are the values from before it.
    const rows = await this.#database.change(
      `UPDATE ${BATCHES} SET
         cancelled_at = CASE WHEN status = 'cancelling' THEN $5::bigint END,
         expired_at = CASE WHEN status = 'finalizing' AND is_late THEN $5::bigint END,
         completed_at = CASE WHEN status = 'finalizing' AND NOT is_late THEN $5::bigint END,
         status = CASE WHEN status = 'cancelling' THEN 'cancelled' WHEN is_late THEN 'expired' ELSE 'completed' END,
         failed = total - completed, output_file_id = $3, error_file_id = $4,
         result_bytes = 0, owner = NULL, ended_at = $5
       WHERE id = $1 AND owner = $2 AND status IN ('finalizing', 'cancelling') RETURNING id`,
      [id, server, files.outputFileId ?? null, files.errorFileId ?? null, now],
    )
    return rows.length > 0
  }

  async tidy(before: number, limit: number): Promise<number> {
    return await this.#database.transaction(async (query) => {
      // What another server tidies is passed over.
      const [row] = await query(
        `SELECT id FROM ${BATCHES} WHERE ended_at IS NOT NULL AND NOT is_tidy
         LIMIT 1 FOR UPDATE SKIP LOCKED`,
      )
      if (!row) {
        const gone = await query(
          `DELETE FROM ${BATCHES} WHERE id IN
             (SELECT id FROM ${BATCHES} WHERE is_tidy AND ended_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
           RETURNING id`,
          [before, limit],
        )
        return gone.length
      }
      const removed: number[] = []
      for (const table of ['results', 'lines']) {
        const gone = await query(
          `DELETE FROM aerie_batches.${table} WHERE ctid = ANY (ARRAY
             (SELECT ctid FROM aerie_batches.${table} WHERE batch_id = $1 LIMIT $2)) RETURNING line`,
          [row['id'], limit],
        )
        removed.push(gone.length)
      }
      if (removed.every((many) => many < limit))
        await query(`UPDATE ${BATCHES} SET is_tidy = true WHERE id = $1`, [row['id']])
      // The batch itself, so that 0 says that nothing is left.
      return removed.reduce((all, many) => all + many, 1)
    })
  }

  async totals(): Promise<BatchTotals> {
    const rows = await this.#database.read(
      `SELECT status, count(*) AS batches, sum(total - completed - failed)::bigint AS lines,
         sum(result_bytes)::bigint AS bytes FROM ${BATCHES} WHERE ${UNDER_WAY} GROUP BY status`,
    )
    const sum = (column: string) => rows.reduce((all, row) => all + Number(row[column]), 0)
    return {
      batches: Object.fromEntries(
        rows.map((row) => [String(row['status']), Number(row['batches'])]),
      ),
      lines: sum('lines'),
      resultBytes: sum('bytes'),
    }
  }
}

/**
 * Takes from a server what it has. `silentAt`: only if it has not been heard of until then after all. Its row is locked first:
 * who holds it works with lines at this very moment, and is looked at again at the next beat.
 */
async function takeBack(
  query: Query,
  server: string,
  silentAt: number | undefined,
  crashes: number,
): Promise<void> {
  const wait = silentAt === undefined ? '' : 'SKIP LOCKED'
  const rows = await query(
    `SELECT FROM ${SERVERS} WHERE name = $1 AND ($2::bigint IS NULL OR until < $2) FOR UPDATE ${wait}`,
    [server, silentAt ?? null],
  )
  if (rows.length === 0) return
  await query(
    `UPDATE ${LINES} SET state = 0, server = NULL, crashes = crashes + $2 WHERE server = $1 AND state = 1`,
    [server, crashes],
  )
  await query(`UPDATE ${BATCHES} SET owner = NULL WHERE ${UNDER_WAY} AND owner = $1`, [server])
  await query(`DELETE FROM ${SERVERS} WHERE name = $1`, [server])
}
