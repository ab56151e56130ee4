/** Records of batches in SQLite. Every call blocks, so this belongs into a thread of its own; several processes may share it. */

import { SqliteDatabase } from '../files/sqlite-database.ts'
import type { Synchronous } from '../records/records-messages.ts'
import type {
  BatchBounds,
  BatchRecord,
  BatchRecords,
  BatchTask,
  BatchTotals,
  PlannedFiles,
} from './batch-records.ts'
import { INSERT_BATCH, insertedValues, toBatchRecord } from './batch-rows.ts'
import type { Batch, BatchPage, BatchQuery } from './contract.ts'
import { SqliteLines } from './sqlite-lines.ts'
import { MIGRATIONS } from './sqlite-schema.ts'

/** Of 4 KiB each, after every removal. */
const PAGES_SHRUNK = 4096

const UNDER_WAY = 'ended_at IS NULL'

export class SqliteBatchRecords extends SqliteLines implements Synchronous<BatchRecords> {
  readonly #database: SqliteDatabase
  readonly #isDead: (server: string) => boolean

  /** `isDead`: whether a server is known to be gone, so that nobody has to wait until its time is up. */
  constructor(path: string, isDead: (server: string) => boolean = () => false) {
    const database = new SqliteDatabase(path, 'batches', MIGRATIONS)
    super(database)
    this.#database = database
    this.#isDead = isDead
  }

  insert(batch: Batch, { maxBatches }: BatchBounds): boolean {
    const sql = `${INSERT_BATCH}
      WHERE (SELECT COUNT(*) FROM batches WHERE tenant = :tenant AND ${UNDER_WAY}) < :maxBatches`
    return this.#database.run(sql, { ...insertedValues(batch), maxBatches }) > 0
  }

  find(tenant: string, id: string): BatchRecord | undefined {
    const sql = 'SELECT * FROM batches WHERE id = :id AND tenant = :tenant'
    const row = this.#database.get(sql, { id, tenant })
    return row && toBatchRecord(row)
  }

  list({ tenant, after, limit }: BatchQuery): BatchPage {
    const rows = this.#database.all(
      `SELECT * FROM batches WHERE tenant = :tenant AND (:after IS NULL OR id < :after)
       ORDER BY id DESC LIMIT :limit`,
      { tenant, after: after ?? null, limit: limit + 1 },
    )
    return { batches: rows.slice(0, limit).map(toBatchRecord), hasMore: rows.length > limit }
  }

  cancel(tenant: string, id: string, now: number): BatchRecord | undefined {
    this.#database.run(
      `UPDATE batches SET status = 'cancelling', cancelling_at = :now, not_before = 0
       WHERE id = :id AND tenant = :tenant AND ${UNDER_WAY} AND status <> 'cancelling'`,
      { id, tenant, now },
    )
    return this.find(tenant, id)
  }

  beat(server: string, now: number, until: number): string[] {
    return this.#database.transaction(() => {
      this.#database.run(
        'INSERT INTO servers VALUES (:server, :until) ON CONFLICT DO UPDATE SET until = :until',
        { server, until },
      )
      for (const row of this.#database.all('SELECT name, until FROM servers')) {
        const name = String(row['name'])
        const isSilent = Number(row['until']) < now || this.#isDead(name)
        if (isSilent && name !== server) this.#takeBack(name, 1)
      }
      this.#database.run(
        `UPDATE batches SET status = 'finalizing', finalizing_at = :now, is_late = 1, not_before = 0
         WHERE status IN ('validating', 'in_progress') AND ${UNDER_WAY} AND expires_at <= :now`,
        { now },
      )
      return this.#database
        .all(
          `SELECT DISTINCT batch_id FROM lines JOIN batches ON batches.id = batch_id
           WHERE server = :server AND state = 1 AND status <> 'in_progress'`,
          { server },
        )
        .map((row) => String(row['batch_id']))
    })
  }

  leave(server: string): void {
    this.#database.transaction(() => this.#takeBack(server, 0))
  }

  takeTask(server: string, now: number): BatchTask | undefined {
    return this.#database.transaction(() => {
      const row = this.#database.get(
        `UPDATE batches SET owner = :server WHERE id = (
           SELECT id FROM batches
           WHERE ${UNDER_WAY} AND status IN ('validating', 'finalizing', 'cancelling')
             AND owner IS NULL AND not_before <= :now AND (status = 'validating'
               OR NOT EXISTS (SELECT 1 FROM lines WHERE batch_id = batches.id AND state = 1))
           ORDER BY id LIMIT 1)
         AND EXISTS (SELECT 1 FROM servers WHERE name = :server) RETURNING *`,
        { server, now },
      )
      if (!row) return undefined
      const batch = toBatchRecord(row)
      return { kind: batch.status === 'validating' ? 'read' : 'finalize', batch }
    })
  }

  dropTask(server: string, id: string, notBefore: number): void {
    const sql =
      'UPDATE batches SET owner = NULL, not_before = :notBefore WHERE id = :id AND owner = :server'
    this.#database.run(sql, { server, id, notBefore })
  }

  runnable(limit: number): BatchRecord[] {
    // With MIN, SQLite takes the other columns from the row that has it.
    return this.#database
      .all(
        `SELECT *, MIN(id) FROM batches
         WHERE status = 'in_progress' AND ${UNDER_WAY}
           AND EXISTS (SELECT 1 FROM lines WHERE batch_id = batches.id AND state = 0)
         GROUP BY tenant ORDER BY id LIMIT :limit`,
        { limit },
      )
      .map(toBatchRecord)
  }

  planFiles(server: string, id: string, planned: PlannedFiles): PlannedFiles | undefined {
    const { outputFileId, errorFileId } = planned
    const row = this.#database.get(
      `UPDATE batches SET planned_output = coalesce(planned_output, :outputFileId),
         planned_error = coalesce(planned_error, :errorFileId)
       WHERE id = :id AND owner = :server RETURNING *`,
      { server, id, outputFileId, errorFileId },
    )
    return row && toBatchRecord(row).planned
  }

  end(
    server: string,
    id: string,
    files: { readonly outputFileId: string | undefined; readonly errorFileId: string | undefined },
    now: number,
  ): boolean {
    const { outputFileId: output = null, errorFileId: error = null } = files
    // What an UPDATE reads are the values from before it.
    const changed = this.#database.run(
      `UPDATE batches SET
         cancelled_at = CASE WHEN status = 'cancelling' THEN :now END,
         expired_at = CASE WHEN status = 'finalizing' AND is_late THEN :now END,
         completed_at = CASE WHEN status = 'finalizing' AND NOT is_late THEN :now END,
         status = CASE WHEN status = 'cancelling' THEN 'cancelled' WHEN is_late THEN 'expired' ELSE 'completed' END,
         failed = total - completed, output_file_id = :output, error_file_id = :error,
         result_bytes = 0, owner = NULL, ended_at = :now
       WHERE id = :id AND owner = :server AND status IN ('finalizing', 'cancelling')`,
      { server, id, output, error, now },
    )
    return changed > 0
  }

  tidy(before: number, limit: number): number {
    const row = this.#database.get(
      `SELECT id FROM batches WHERE ended_at IS NOT NULL AND is_tidy = 0 LIMIT 1`,
    )
    if (!row) {
      return this.#database.run(
        `DELETE FROM batches WHERE id IN
           (SELECT id FROM batches WHERE is_tidy = 1 AND ended_at < :before LIMIT :limit)`,
        { before, limit },
      )
    }
    const id = String(row['id'])
    const removed = this.#database.transaction(() => {
      const results = this.#database.run(
        `DELETE FROM results WHERE rowid IN
           (SELECT rowid FROM results WHERE batch_id = :id LIMIT :limit)`,
        { id, limit },
      )
      const lines = this.#database.run(
        `DELETE FROM lines WHERE batch_id = :id AND line IN
           (SELECT line FROM lines WHERE batch_id = :id LIMIT :limit)`,
        { id, limit },
      )
      const isLast = results < limit && lines < limit
      if (isLast) this.#database.run('UPDATE batches SET is_tidy = 1 WHERE id = :id', { id })
      // The batch itself, so that 0 says that nothing is left.
      return results + lines + 1
    })
    this.#database.shrink(PAGES_SHRUNK)
    return removed
  }

  totals(): BatchTotals {
    const rows = this.#database.all(
      `SELECT status, COUNT(*) AS batches, SUM(total - completed - failed) AS lines,
         SUM(result_bytes) AS bytes FROM batches WHERE ${UNDER_WAY} GROUP BY status`,
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

  close(): void {
    this.#database.close()
  }

  #takeBack(server: string, crashes: number): void {
    this.#database.run(
      `UPDATE lines SET state = 0, server = NULL, crashes = crashes + :crashes
       WHERE server = :server AND state = 1`,
      { server, crashes },
    )
    this.#database.run(`UPDATE batches SET owner = NULL WHERE ${UNDER_WAY} AND owner = :server`, {
      server,
    })
    this.#database.run('DELETE FROM servers WHERE name = :server', { server })
  }
}
