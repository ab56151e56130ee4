/** Records of files in SQLite. Every call blocks, so this belongs into a thread of its own; several processes may share it. */
import type { FilePurpose, FileQuery } from './contract.ts'
import {
  CONDEMNED_SECONDS,
  type FileRecord,
  type InsertOutcome,
  type Quotas,
  type RecordPage,
  type Totals,
} from './file-records.ts'
import { type Row, SqliteDatabase } from './sqlite-database.ts'
import { FILE_MIGRATIONS } from './sqlite-schema.ts'

const IS_ALIVE = '(expires_at IS NULL OR expires_at > :now)'

export class SqliteRecords {
  readonly #database: SqliteDatabase

  /** Opens, checks and migrates. Throws SQLite's errors, or `storage_failure` for a database that cannot be used. */
  constructor(path: string) {
    this.#database = new SqliteDatabase(path, 'files', FILE_MIGRATIONS)
  }

  /** Names the folder of blobs that this database tells of. */
  storeId(): string {
    return String(this.#database.get('SELECT id FROM store')?.['id'])
  }

  insert(record: FileRecord, quotas: Quotas): InsertOutcome {
    // One transaction, so that two servers cannot both take the last room.
    return this.#database.transaction(() => {
      const { id, tenant, blob, filename, purpose, bytes, sha256, createdAt, expiresAt } = record
      if (this.#database.get('SELECT 1 FROM condemned WHERE blob = :blob', { blob }))
        return 'condemned'
      if (this.totals().bytes + bytes > quotas.maxBytes) return 'full'
      if (this.tenantTotals(tenant).bytes + bytes > quotas.maxTenantBytes) return 'tenant-full'
      this.#database.run(
        `INSERT INTO files VALUES
           (:id, :tenant, :blob, :filename, :purpose, :bytes, :sha256, :createdAt, :expiresAt)`,
        {
          ...{ id, tenant, blob, filename, purpose, bytes, sha256, createdAt },
          expiresAt: expiresAt ?? null,
        },
      )
      return 'inserted'
    })
  }

  find(tenant: string, id: string, now: number): FileRecord | undefined {
    const sql = `SELECT * FROM files WHERE id = :id AND tenant = :tenant AND ${IS_ALIVE}`
    const row = this.#database.get(sql, { id, tenant, now })
    return row && toRecord(row)
  }

  list({ tenant, after, limit, order, purpose }: FileQuery, now: number): RecordPage {
    const conditions = ['tenant = :tenant', IS_ALIVE]
    if (after !== undefined) conditions.push(order === 'asc' ? 'id > :after' : 'id < :after')
    if (purpose !== undefined) conditions.push('purpose = :purpose')
    const rows = this.#database.all(
      `SELECT * FROM files WHERE ${conditions.join(' AND ')} ORDER BY id ${order === 'asc' ? 'ASC' : 'DESC'} LIMIT :limit`,
      {
        ...{ tenant, now, limit: limit + 1 },
        ...(after !== undefined && { after }),
        ...(purpose !== undefined && { purpose }),
      },
    )
    return { files: rows.slice(0, limit).map(toRecord), hasMore: rows.length > limit }
  }

  remove(tenant: string, id: string, now: number): FileRecord | undefined {
    const sql = `DELETE FROM files WHERE id = :id AND tenant = :tenant AND ${IS_ALIVE} RETURNING *`
    const row = this.#database.get(sql, { id, tenant, now })
    return row && toRecord(row)
  }

  removeExpired(now: number, limit: number): FileRecord[] {
    return this.#database
      .all(
        `DELETE FROM files WHERE id IN
         (SELECT id FROM files WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit) RETURNING *`,
        { now, limit },
      )
      .map(toRecord)
  }

  known(blobs: readonly string[]): string[] {
    const sql = 'SELECT blob FROM files WHERE blob IN (SELECT value FROM json_each(:blobs))'
    return this.#database
      .all(sql, { blobs: JSON.stringify(blobs) })
      .map((row) => String(row['blob']))
  }

  condemn(blobs: readonly string[], now: number): string[] {
    const keys = JSON.stringify(blobs)
    const unknown = `SELECT value FROM json_each(:keys) WHERE value NOT IN (SELECT blob FROM files)`
    return this.#database.transaction(() => {
      this.#database.run('DELETE FROM condemned WHERE at < :old', { old: now - CONDEMNED_SECONDS })
      // WHERE, or the parser takes what follows for a join.
      this.#database.run(
        `INSERT INTO condemned SELECT value, :now FROM (${unknown}) WHERE true
         ON CONFLICT (blob) DO UPDATE SET at = :now`,
        { keys, now },
      )
      return this.#database.all(unknown, { keys }).map(({ value }) => String(value))
    })
  }

  byBlob(after: string, to: string, limit: number): FileRecord[] {
    const sql = 'SELECT * FROM files WHERE blob > :after AND blob <= :to ORDER BY blob LIMIT :limit'
    return this.#database.all(sql, { after, to, limit }).map(toRecord)
  }

  totals(): Totals {
    return toTotals(this.#database.get('SELECT files, bytes FROM totals'))
  }

  tenantTotals(tenant: string): Totals {
    return toTotals(
      this.#database.get('SELECT files, bytes FROM tenants WHERE tenant = :tenant', { tenant }),
    )
  }

  close(): void {
    this.#database.close()
  }
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
    expiresAt: typeof expiresAt === 'number' ? expiresAt : undefined,
  }
}
