/** Records of files in PostgreSQL, for any number of servers. */
import type { FilePurpose, FileQuery } from './contract.ts'
import {
  CONDEMNED_SECONDS,
  type FileRecord,
  type FileRecords,
  type InsertOutcome,
  type Quotas,
  type RecordPage,
  type Totals,
} from './file-records.ts'
import type { PostgresDatabase, Row } from './postgres-database.ts'
import { FILES_SCHEMA, migrate } from './postgres-schema.ts'

export class PostgresRecords implements FileRecords {
  readonly #database: PostgresDatabase
  /** Names the part of the bucket that belongs to this database. */
  readonly storeId: string
  #totals: Totals

  private constructor(database: PostgresDatabase, storeId: string, totals: Totals) {
    this.#database = database
    this.storeId = storeId
    this.#totals = totals
  }

  /** Makes or brings up to date what it needs. Rejects with `storage_failure` or `insufficient_storage`. */
  static async open(database: PostgresDatabase): Promise<PostgresRecords> {
    await database.with((client) => migrate(client, FILES_SCHEMA))
    const [store] = await database.read('SELECT id FROM aerie.store')
    const [totals] = await database.read('SELECT files, bytes FROM aerie.totals')
    return new PostgresRecords(database, String(store?.['id']), toTotals(totals))
  }

  /** As the database said last, and what this process has done since. */
  get lastTotals(): Totals {
    return this.#totals
  }

  async insert(record: FileRecord, quotas: Quotas): Promise<InsertOutcome> {
    const { id, tenant, blob, filename, purpose, bytes, sha256, createdAt, expiresAt } = record
    const [row] = await this.#database.change(
      'SELECT aerie.insert_file(ROW($1,$2,$3,$4,$5,$6,$7,$8,$9)::aerie.files, $10, $11) AS outcome',
      [
        ...[id, tenant, blob, filename, purpose, bytes, sha256, createdAt, expiresAt],
        ...[quotas.maxBytes, quotas.maxTenantBytes],
      ],
    )
    const outcome = String(row?.['outcome']) as InsertOutcome
    if (outcome === 'inserted') this.#count(1, record)
    return outcome
  }

  async find(tenant: string, id: string, now: number): Promise<FileRecord | undefined> {
    const sql = `SELECT * FROM aerie.files WHERE id = $1 AND tenant = $2 AND ${isAlive(3)}`
    const [row] = await this.#database.read(sql, [id, tenant, now])
    return row && toRecord(row)
  }

  async list(query: FileQuery, now: number): Promise<RecordPage> {
    const { tenant, after, limit, order, purpose } = query
    const values: unknown[] = [tenant, now, limit + 1]
    const conditions = ['tenant = $1', isAlive(2)]
    if (after !== undefined) {
      conditions.push(`id ${order === 'asc' ? '>' : '<'} $${values.push(after)}`)
    }
    if (purpose !== undefined) conditions.push(`purpose = $${values.push(purpose)}`)
    const rows = await this.#database.read(
      `SELECT * FROM aerie.files WHERE ${conditions.join(' AND ')}
       ORDER BY id ${order === 'asc' ? 'ASC' : 'DESC'} LIMIT $3`,
      values,
    )
    return { files: rows.slice(0, limit).map(toRecord), hasMore: rows.length > limit }
  }

  async remove(tenant: string, id: string, now: number): Promise<FileRecord | undefined> {
    const sql = `DELETE FROM aerie.files WHERE id = $1 AND tenant = $2 AND ${isAlive(3)} RETURNING *`
    const [row] = await this.#database.change(sql, [id, tenant, now])
    const record = row && toRecord(row)
    if (record) this.#count(-1, record)
    return record
  }

  async removeExpired(now: number, limit: number): Promise<readonly FileRecord[]> {
    // What another server is removing is passed over.
    const rows = await this.#database.change(
      `DELETE FROM aerie.files WHERE id IN
         (SELECT id FROM aerie.files WHERE expires_at <= $1
          ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING *`,
      [now, limit],
    )
    const records = rows.map(toRecord)
    for (const record of records) this.#count(-1, record)
    return records
  }

  async known(blobs: readonly string[]): Promise<readonly string[]> {
    const sql = 'SELECT blob FROM aerie.files WHERE blob = ANY($1)'
    const rows = await this.#database.read(sql, [blobs])
    return rows.map((row) => String(row['blob']))
  }

  async condemn(blobs: readonly string[], now: number): Promise<readonly string[]> {
    const sql = 'SELECT aerie.condemn($1, $2, $3) AS blob'
    const rows = await this.#database.change(sql, [blobs, now, now - CONDEMNED_SECONDS])
    return rows.map((row) => String(row['blob']))
  }

  async byBlob(after: string, to: string, limit: number): Promise<readonly FileRecord[]> {
    const sql = 'SELECT * FROM aerie.files WHERE blob > $1 AND blob <= $2 ORDER BY blob LIMIT $3'
    return (await this.#database.read(sql, [after, to, limit])).map(toRecord)
  }

  async totals(): Promise<Totals> {
    const [row] = await this.#database.read('SELECT files, bytes FROM aerie.totals')
    this.#totals = toTotals(row)
    return this.#totals
  }

  async tenantTotals(tenant: string): Promise<Totals> {
    const sql = 'SELECT files, bytes FROM aerie.tenants WHERE tenant = $1'
    const [row] = await this.#database.read(sql, [tenant])
    return toTotals(row)
  }

  #count(files: 1 | -1, { bytes }: FileRecord): void {
    const before = this.#totals
    this.#totals = { files: before.files + files, bytes: before.bytes + files * bytes }
  }
}

function isAlive(place: number): string {
  return `(expires_at IS NULL OR expires_at > $${place})`
}

function toTotals(row: Row | undefined): Totals {
  return { files: Number(row?.['files'] ?? 0), bytes: Number(row?.['bytes'] ?? 0) }
}

function toRecord(row: Row): FileRecord {
  const { expires_at: expiresAt } = row
  return {
    id: String(row['id']),
    tenant: String(row['tenant']),
    blob: String(row['blob']),
    filename: String(row['filename']),
    // Only checked values are ever inserted.
    purpose: String(row['purpose']) as FilePurpose,
    bytes: Number(row['bytes']),
    sha256: String(row['sha256']),
    createdAt: Number(row['created_at']),
    expiresAt: expiresAt === null ? undefined : Number(expiresAt),
  }
}
