/** Lines of batches and their results in PostgreSQL. */
import type { PostgresDatabase, Query } from '../files/postgres-database.ts'
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
import type { BatchUsage } from './contract.ts'
import { COUNTING_LOCK } from './postgres-schema.ts'

type Progress = Parameters<BatchRecords['addLines']>[3]
type EndOfReading = Parameters<BatchRecords['endReading']>[2]

const IS_MINE = "id = $1 AND owner = $2 AND status = 'validating'"
/** Results looked at for one call; their bytes decide how many it returns. */
const MOST_RESULTS = 1000

/**
 * Who works with lines holds the row of its server, and who takes a server for dead locks that row: so what a server does with
 * its lines is done before they are taken from it, or not at all.
 */
export async function holdsServer(query: Query, server: string): Promise<boolean> {
  const sql = 'SELECT FROM aerie_batches.servers WHERE name = $1 FOR KEY SHARE'
  return (await query(sql, [server])).length > 0
}

export class PostgresLines {
  readonly #database: PostgresDatabase

  constructor(database: PostgresDatabase) {
    this.#database = database
  }

  async addLines(
    server: string,
    id: string,
    lines: readonly NewLine[],
    { bytes, lines: read, faults }: Progress,
    maxLines: number,
  ): Promise<readonly DoubleLine[] | 'full' | undefined> {
    return await this.#database.transaction(async (query) => {
      await query('SELECT pg_advisory_xact_lock($1)', [COUNTING_LOCK])
      const mine = `SELECT FROM aerie_batches.batches WHERE ${IS_MINE} FOR UPDATE`
      if ((await query(mine, [id, server])).length === 0) return undefined
      const [waiting] = await query(
        `SELECT coalesce(sum(total - completed - failed), 0)::bigint AS lines
         FROM aerie_batches.batches WHERE ended_at IS NULL`,
      )
      if (Number(waiting?.['lines']) + lines.length > maxLines) return 'full'
      const added = await insertLines(query, id, lines)
      const doubles = lines.filter(({ line }) => !added.has(line))
      await query(
        `UPDATE aerie_batches.batches SET total = total + $2, read_bytes = $3, read_lines = $4, faults = $5
         WHERE id = $1`,
        [id, added.size, bytes, read, JSON.stringify(faults)],
      )
      const firsts = await linesOf(query, id, doubles)
      return doubles.map(({ line, customId }) => ({ line, customId, first: firsts.get(customId)! }))
    })
  }

  async endReading(
    server: string,
    id: string,
    { faults, model }: EndOfReading,
    now: number,
  ): Promise<boolean> {
    const becomes =
      faults.length > 0
        ? "status = 'failed', failed_at = $3, ended_at = $3, total = 0"
        : "status = 'in_progress', in_progress_at = $3"
    const rows = await this.#database.change(
      `UPDATE aerie_batches.batches SET ${becomes}, owner = NULL, faults = $4, model = $5
       WHERE ${IS_MINE} RETURNING id`,
      [id, server, now, JSON.stringify(faults), model ?? null],
    )
    return rows.length > 0
  }

  async takeLines(server: string, id: string, limit: number): Promise<readonly TakenLine[]> {
    return await this.#database.transaction(async (query) => {
      if (!(await holdsServer(query, server))) return []
      // Held, so that the batch does not end before these lines are seen to be taken.
      const running = `SELECT FROM aerie_batches.batches WHERE id = $1 AND status = 'in_progress' FOR SHARE`
      if ((await query(running, [id])).length === 0) return []
      const rows = await query(
        `WITH chosen AS (
           SELECT batch_id, line FROM aerie_batches.lines WHERE batch_id = $1 AND state = 0
             AND (crashes = 0 OR line = (
               SELECT line FROM aerie_batches.lines
               WHERE batch_id = $1 AND state = 0 AND crashes > 0 AND NOT EXISTS (
                 SELECT FROM aerie_batches.lines WHERE server = $2 AND state = 1 AND crashes > 0)
               ORDER BY model_place, first_place, all_place, line LIMIT 1))
           ORDER BY model_place, first_place, all_place, line LIMIT $3 FOR UPDATE SKIP LOCKED),
         taken AS (
           UPDATE aerie_batches.lines AS l SET state = 1, server = $2 FROM chosen
           WHERE l.batch_id = chosen.batch_id AND l.line = chosen.line RETURNING l.*)
         SELECT *, byte_offset AS "offset" FROM taken ORDER BY model_place, first_place, all_place, line`,
        [id, server, limit],
      )
      return rows.map(toTakenLine)
    })
  }

  async giveBack(
    server: string,
    lines: readonly Pick<TakenLine, 'batchId' | 'line'>[],
  ): Promise<void> {
    if (lines.length === 0) return
    await this.#database.transaction(async (query) => {
      if (!(await holdsServer(query, server))) return
      await query(
        `UPDATE aerie_batches.lines AS l SET state = 0, server = NULL
         FROM unnest($2::text[], $3::bigint[]) AS back (batch_id, line)
         WHERE l.batch_id = back.batch_id AND l.line = back.line AND l.server = $1 AND l.state = 1`,
        [server, lines.map(({ batchId }) => batchId), lines.map(({ line }) => line)],
      )
    })
  }

  async storeResults(server: string, results: readonly LineResult[], now: number): Promise<number> {
    if (results.length === 0) return 0
    return await this.#database.transaction(async (query) => {
      if (!(await holdsServer(query, server))) return 0
      const rows = await query(
        `WITH offered AS (
           SELECT DISTINCT ON (batch_id, line) *
           FROM unnest($2::text[], $3::bigint[], $4::boolean[], $5::bytea[]) AS r (batch_id, line, ok, text)),
         kept AS (
           UPDATE aerie_batches.lines AS l SET state = 2, server = NULL FROM offered AS o
           WHERE l.batch_id = o.batch_id AND l.line = o.line AND l.server = $1 AND l.state = 1
           RETURNING l.batch_id, l.line),
         stored AS (
           INSERT INTO aerie_batches.results (batch_id, ok, line, text)
           SELECT batch_id, ok, line, text FROM offered JOIN kept USING (batch_id, line))
         SELECT batch_id, line FROM kept`,
        [
          server,
          results.map(({ batchId }) => batchId),
          results.map(({ line }) => line),
          results.map(({ ok }) => ok),
          results.map(({ text }) => Buffer.from(text)),
        ],
      )
      const names = new Set(rows.map((row) => `${row['batch_id']} ${row['line']}`))
      // `delete`: of a line that was offered twice, one counts.
      const kept = results.filter(({ batchId, line }) => names.delete(`${batchId} ${line}`))
      const batches = Map.groupBy(kept, ({ batchId }) => batchId)
      // In one order, so that two servers do not wait for each other.
      for (const id of [...batches.keys()].sort()) await count(query, id, batches.get(id)!, now)
      return kept.length
    })
  }

  async results(
    id: string,
    ok: boolean,
    after: number,
    bytes: number,
  ): Promise<readonly StoredResult[]> {
    const rows = await this.#database.read(
      `SELECT line, text FROM (
         SELECT line, text, sum(length(text)) OVER (ORDER BY line) - length(text) AS before FROM (
           SELECT line, text FROM aerie_batches.results
           WHERE batch_id = $1 AND ok = $2 AND line > $3 ORDER BY line LIMIT ${MOST_RESULTS}) AS page
       ) AS sized WHERE before < $4 OR before = 0 ORDER BY line`,
      [id, ok, after, bytes],
    )
    return rows.map((row) => ({ line: Number(row['line']), text: row['text'] as Buffer }))
  }

  async unrun(id: string, after: number, limit: number): Promise<readonly UnrunLine[]> {
    const rows = await this.#database.read(
      `SELECT line, custom_id FROM aerie_batches.lines
       WHERE batch_id = $1 AND state <> 2 AND line > $2 ORDER BY line LIMIT $3`,
      [id, after, limit],
    )
    return rows.map((row) => ({ line: Number(row['line']), customId: String(row['custom_id']) }))
  }
}

/** Those that are lines now; the others have the `customId` of an earlier one. */
async function insertLines(
  query: Query,
  id: string,
  lines: readonly NewLine[],
): Promise<ReadonlySet<number>> {
  const rows = await query(
    `INSERT INTO aerie_batches.lines
       (batch_id, line, custom_id, byte_offset, length, model_place, media, first_media, all_media, first_place, all_place)
     SELECT $1, line, custom_id, byte_offset, length, model_place, media, first_media, all_media,
       CASE WHEN first_media IS NULL THEN line ELSE coalesce(
         (SELECT first_place FROM aerie_batches.lines AS l WHERE l.batch_id = $1 AND l.first_media = n.first_media LIMIT 1),
         min(line) OVER (PARTITION BY first_media)) END,
       CASE WHEN all_media IS NULL THEN line ELSE coalesce(
         (SELECT all_place FROM aerie_batches.lines AS l WHERE l.batch_id = $1 AND l.all_media = n.all_media LIMIT 1),
         min(line) OVER (PARTITION BY all_media)) END
     FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::text[])
       AS n (line, custom_id, byte_offset, length, model_place, media, first_media, all_media)
     ORDER BY line ON CONFLICT DO NOTHING RETURNING line`,
    [
      id,
      lines.map(({ line }) => line),
      lines.map(({ customId }) => customId),
      lines.map(({ offset }) => offset),
      lines.map(({ length }) => length),
      lines.map(({ modelPlace }) => modelPlace),
      lines.map(({ media }) => media),
      lines.map(({ firstMedia }) => firstMedia ?? null),
      lines.map(({ allMedia }) => allMedia ?? null),
    ],
  )
  return new Set(rows.map((row) => Number(row['line'])))
}

/** Lines by their `customId`. */
async function linesOf(
  query: Query,
  id: string,
  doubles: readonly NewLine[],
): Promise<ReadonlyMap<string, number>> {
  if (doubles.length === 0) return new Map()
  const rows = await query(
    'SELECT line, custom_id FROM aerie_batches.lines WHERE batch_id = $1 AND custom_id = ANY($2)',
    [id, doubles.map(({ customId }) => customId)],
  )
  return new Map(rows.map((row) => [String(row['custom_id']), Number(row['line'])]))
}

async function count(
  query: Query,
  id: string,
  results: readonly LineResult[],
  now: number,
): Promise<void> {
  const completed = results.filter(({ ok }) => ok).length
  const sum = (key: keyof BatchUsage) => results.reduce((all, { usage }) => all + usage[key], 0)
  const bytes = results.reduce((all, { text }) => all + text.byteLength, 0)
  await query(
    `UPDATE aerie_batches.batches SET completed = completed + $2, failed = failed + $3,
       input_tokens = input_tokens + $4, cached_tokens = cached_tokens + $5,
       output_tokens = output_tokens + $6, result_bytes = result_bytes + $7 WHERE id = $1`,
    [
      ...[id, completed, results.length - completed],
      ...[sum('inputTokens'), sum('cachedTokens'), sum('outputTokens'), bytes],
    ],
  )
  await query(
    `UPDATE aerie_batches.batches SET status = 'finalizing', finalizing_at = $2
     WHERE id = $1 AND status = 'in_progress' AND completed + failed = total`,
    [id, now],
  )
}
