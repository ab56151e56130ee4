/** Lines of batches and their results in SQLite. */

import type { SqliteDatabase } from '../files/sqlite-database.ts'
import type {
  BatchRecords,
  DoubleLine,
  LineResult,
  NewLine,
  StoredResult,
  TakenLine,
  UnrunLine,
} from './batch-records.ts'
import { toTakenLine } from './batch-rows.ts'
import type { BatchFault, BatchUsage } from './contract.ts'

type Progress = Parameters<BatchRecords['addLines']>[3]

const IS_MINE = "id = :id AND owner = :server AND status = 'validating'"

export class SqliteLines {
  readonly #database: SqliteDatabase

  constructor(database: SqliteDatabase) {
    this.#database = database
  }

  addLines(
    server: string,
    id: string,
    lines: readonly NewLine[],
    { bytes, lines: read, faults }: Progress,
    maxLines: number,
  ): readonly DoubleLine[] | 'full' | undefined {
    return this.#database.transaction(() => {
      if (!this.#database.get(`SELECT 1 FROM batches WHERE ${IS_MINE}`, { server, id })) {
        return undefined
      }
      const waiting = this.#database.get(
        'SELECT SUM(total - completed - failed) AS lines FROM batches WHERE ended_at IS NULL',
      )
      if (Number(waiting?.['lines']) + lines.length > maxLines) return 'full'
      const doubles = lines.filter((line) => !this.#insertLine(id, line))
      this.#database.run(
        `UPDATE batches SET total = total + :added, read_bytes = :bytes, read_lines = :read, faults = :faults
         WHERE id = :id`,
        { id, added: lines.length - doubles.length, bytes, read, faults: JSON.stringify(faults) },
      )
      return doubles.map(({ line, customId }) => ({
        line,
        customId,
        first: this.#lineOf(id, customId),
      }))
    })
  }

  endReading(
    server: string,
    id: string,
    {
      faults,
      model,
    }: { readonly faults: readonly BatchFault[]; readonly model: string | undefined },
    now: number,
  ): boolean {
    const hasFailed = faults.length > 0
    const changed = this.#database.run(
      hasFailed
        ? `UPDATE batches SET status = 'failed', failed_at = :now, ended_at = :now, owner = NULL,
             total = 0, faults = :faults, model = :model WHERE ${IS_MINE}`
        : `UPDATE batches SET status = 'in_progress', in_progress_at = :now, owner = NULL,
             faults = :faults, model = :model WHERE ${IS_MINE}`,
      { server, id, now, faults: JSON.stringify(faults), model: model ?? null },
    )
    return changed > 0
  }

  takeLines(server: string, id: string, limit: number): TakenLine[] {
    return this.#database.transaction(() => {
      const lines: TakenLine[] = []
      let hasSuspect = this.#hasSuspect(server)
      const waiting = this.#database.each(
        `SELECT lines.* FROM lines JOIN batches ON batches.id = batch_id
         WHERE batch_id = :id AND state = 0 AND status = 'in_progress'
           AND EXISTS (SELECT 1 FROM servers WHERE name = :server)
         ORDER BY model_place, first_place, all_place, line`,
        { server, id },
      )
      for (const row of waiting) {
        if (lines.length === limit) break
        const line = toTakenLine(row)
        if (line.crashes > 0 && hasSuspect) continue
        hasSuspect ||= line.crashes > 0
        lines.push(line)
      }
      for (const { line } of lines) {
        this.#database.run(
          'UPDATE lines SET state = 1, server = :server WHERE batch_id = :id AND line = :line',
          { server, id, line },
        )
      }
      return lines
    })
  }

  giveBack(server: string, lines: readonly Pick<TakenLine, 'batchId' | 'line'>[]): void {
    this.#database.transaction(() => {
      for (const { batchId, line } of lines) {
        this.#database.run(
          `UPDATE lines SET state = 0, server = NULL
           WHERE batch_id = :batchId AND line = :line AND server = :server AND state = 1`,
          { server, batchId, line },
        )
      }
    })
  }

  storeResults(server: string, results: readonly LineResult[], now: number): number {
    return this.#database.transaction(() => {
      const kept = results.filter((result) => this.#storeResult(server, result))
      for (const [id, own] of Map.groupBy(kept, ({ batchId }) => batchId)) this.#count(id, own, now)
      return kept.length
    })
  }

  results(id: string, ok: boolean, after: number, bytes: number): StoredResult[] {
    const found: StoredResult[] = []
    let size = 0
    const sql = `SELECT line, text FROM results
      WHERE batch_id = :id AND ok = :ok AND line > :after ORDER BY line`
    for (const { line, text } of this.#database.each(sql, { id, ok: ok ? 1 : 0, after })) {
      if (!(text instanceof Uint8Array)) throw new Error('a result is not bytes')
      found.push({ line: Number(line), text })
      size += text.byteLength
      if (size >= bytes) break
    }
    return found
  }

  unrun(id: string, after: number, limit: number): UnrunLine[] {
    return this.#database
      .all(
        `SELECT line, custom_id FROM lines
         WHERE batch_id = :id AND state <> 2 AND line > :after ORDER BY line LIMIT :limit`,
        { id, after, limit },
      )
      .map((row) => ({ line: Number(row['line']), customId: String(row['custom_id']) }))
  }

  #hasSuspect(server: string): boolean {
    const sql = 'SELECT 1 FROM lines WHERE server = :server AND state = 1 AND crashes > 0'
    return this.#database.get(sql, { server }) !== undefined
  }

  /**
   * False where another line has its custom id. Lines that name the same media have the same place, so that one of them tells it;
   * left to itself, SQLite looks through the whole batch for each line.
   */
  #insertLine(id: string, line: NewLine): boolean {
    const { firstMedia = null, allMedia = null, ...rest } = line
    const changed = this.#database.run(
      `INSERT INTO lines (batch_id, line, custom_id, offset, length, model_place, media, first_media, all_media, first_place, all_place)
       VALUES (:id, :line, :customId, :offset, :length, :modelPlace, :media, :firstMedia, :allMedia,
         coalesce((SELECT first_place FROM lines INDEXED BY lines_by_first_media
           WHERE batch_id = :id AND first_media = :firstMedia LIMIT 1), :line),
         coalesce((SELECT all_place FROM lines INDEXED BY lines_by_all_media
           WHERE batch_id = :id AND all_media = :allMedia LIMIT 1), :line))
       ON CONFLICT DO NOTHING`,
      { id, ...rest, firstMedia, allMedia },
    )
    return changed > 0
  }

  #lineOf(id: string, customId: string): number {
    const sql = 'SELECT line FROM lines WHERE batch_id = :id AND custom_id = :customId'
    return Number(this.#database.get(sql, { id, customId })?.['line'])
  }

  /** Whether the line was the server's. */
  #storeResult(server: string, { batchId, line, ok, text }: LineResult): boolean {
    const changed = this.#database.run(
      `UPDATE lines SET state = 2, server = NULL
       WHERE batch_id = :batchId AND line = :line AND server = :server AND state = 1`,
      { server, batchId, line },
    )
    if (changed === 0) return false
    const sql =
      'INSERT INTO results (batch_id, ok, line, text) VALUES (:batchId, :ok, :line, :text)'
    this.#database.run(sql, { batchId, ok: ok ? 1 : 0, line, text })
    return true
  }

  #count(id: string, results: readonly LineResult[], now: number): void {
    const completed = results.filter(({ ok }) => ok).length
    const sum = (key: keyof BatchUsage) => results.reduce((all, { usage }) => all + usage[key], 0)
    this.#database.run(
      `UPDATE batches SET completed = completed + :completed, failed = failed + :failed,
         input_tokens = input_tokens + :input, cached_tokens = cached_tokens + :cached,
         output_tokens = output_tokens + :output, result_bytes = result_bytes + :bytes WHERE id = :id`,
      {
        ...{ id, completed, failed: results.length - completed },
        ...{ input: sum('inputTokens'), cached: sum('cachedTokens'), output: sum('outputTokens') },
        bytes: results.reduce((all, { text }) => all + text.byteLength, 0),
      },
    )
    this.#database.run(
      `UPDATE batches SET status = 'finalizing', finalizing_at = :now
       WHERE id = :id AND status = 'in_progress' AND completed + failed = total`,
      { id, now },
    )
  }
}
