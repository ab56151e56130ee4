/** Records of responses in SQLite. Every call blocks, so this belongs into a thread of its own; several processes may share it. */
import { createHash } from 'node:crypto'
import { type Row, SqliteDatabase } from '../files/sqlite-database.ts'
import type { Synchronous } from '../records/records-messages.ts'
import type {
  Chain,
  EndStatus,
  ResponseStatus,
  StoredInput,
  StoredResponse,
  StoredTurn,
} from './contract.ts'
import {
  type ChainBounds,
  type InsertOutcome,
  type NewRecord,
  type Quotas,
  type ResponseRecords,
  recordBytes,
  type Totals,
} from './response-records.ts'
import { MIGRATIONS } from './sqlite-schema.ts'

/** Of 4 KiB each, after every removal. */
const PAGES_SHRUNK = 4096
const RUNS = "status IN ('queued', 'in_progress')"

/** Inside a transaction that is not to have been. */
class Undone extends Error {}

export class SqliteResponseRecords implements Synchronous<ResponseRecords> {
  readonly #database: SqliteDatabase
  readonly #isDead: (server: string) => boolean
  readonly #nowSeconds: () => number

  /** `isDead`: whether a server is known to be gone, so that nobody has to wait until its time is up. */
  constructor(
    path: string,
    isDead: (server: string) => boolean = () => false,
    nowSeconds = () => Math.floor(Date.now() / 1000),
  ) {
    this.#database = new SqliteDatabase(path, 'responses', MIGRATIONS)
    this.#isDead = isDead
    this.#nowSeconds = nowSeconds
  }

  insert(record: NewRecord, quotas: Quotas): InsertOutcome {
    const media = record.media.map((text) => ({ text, sha256: sha256(text) }))
    const distinct = new Map(media.map((medium) => [medium.sha256, medium.text]))
    const sizes = [...distinct.values()].map((text) => Buffer.byteLength(text))
    const bytes = recordBytes(record)
    const whole = sizes.reduce((sum, size) => sum + size, bytes)
    if (whole > Math.min(quotas.maxBytes, quotas.maxTenantBytes)) return { is: 'too-large' }
    try {
      return this.#database.transaction(() => {
        this.#write(record, bytes, media)
        return { is: 'inserted', evicted: this.#makeRoom(record, quotas) }
      })
    } catch (error) {
      if (error instanceof Undone) return { is: 'full' }
      throw error
    }
  }

  begin(tenant: string, id: string): void {
    const sql = `UPDATE responses SET status = 'in_progress' WHERE id = :id AND tenant = :tenant AND ${RUNS}`
    this.#database.run(sql, { id, tenant })
  }

  finish(tenant: string, id: string, status: EndStatus, body: string): boolean {
    const sql = `UPDATE responses SET status = :status, body = :body, server = NULL,
        bytes = :bytes + octet_length(input)
      WHERE id = :id AND tenant = :tenant AND ${RUNS}`
    const bytes = Buffer.byteLength(body)
    return this.#database.run(sql, { id, tenant, status, body, bytes }) > 0
  }

  find(tenant: string, id: string, now: number): StoredResponse | undefined {
    const row = this.#find(tenant, id, now)
    return row && this.#toResponse(row)
  }

  input(tenant: string, id: string, now: number): StoredInput | undefined {
    const row = this.#find(tenant, id, now)
    return row && { input: String(row['input']), media: this.#media(id) }
  }

  chain(tenant: string, id: string, now: number, bounds: ChainBounds): Chain {
    // In one transaction: another process shall not take a turn away in the middle.
    return this.#database.transaction(() => this.#chain(tenant, id, now, bounds))
  }

  remove(tenant: string, id: string, now: number): boolean {
    const sql = 'DELETE FROM responses WHERE id = :id AND tenant = :tenant AND expires_at > :now'
    // Rows that triggers remove are not counted.
    const removed = this.#database.run(sql, { id, tenant, now })
    if (removed > 0) this.#database.shrink(PAGES_SHRUNK)
    return removed > 0
  }

  beat(server: string, ids: readonly string[], until: number): string[] {
    const values = { server, ids: JSON.stringify(ids) }
    const own = `server = :server AND ${RUNS} AND id IN (SELECT value FROM json_each(:ids))`
    return this.#database.transaction(() => {
      this.#database.run(`UPDATE responses SET until = :until WHERE ${own}`, { ...values, until })
      return this.#database
        .all(`SELECT id FROM responses WHERE ${own}`, values)
        .map(({ id }) => String(id))
    })
  }

  removeExpired(now: number, limit: number): number {
    const removed = this.#database.run(
      `DELETE FROM responses WHERE id IN
         (SELECT id FROM responses WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit)`,
      { now, limit },
    )
    if (removed > 0) this.#database.shrink(PAGES_SHRUNK)
    return removed
  }

  totals(): Totals {
    const sql =
      'SELECT coalesce(sum(responses), 0) AS responses, coalesce(sum(bytes), 0) AS bytes FROM tenants'
    const row = this.#database.get(sql)
    return { responses: Number(row?.['responses']), bytes: Number(row?.['bytes']) }
  }

  close(): void {
    this.#database.close()
  }

  #write(
    record: NewRecord,
    bytes: number,
    media: readonly { readonly text: string; readonly sha256: string }[],
  ): void {
    const { id, tenant, previousId, status, createdAt, expiresAt, server, until } = record
    const { body, input } = record
    this.#database.run(
      `INSERT INTO responses VALUES
         (:id, :tenant, :previous, :status, :createdAt, :expiresAt, :server, :until, :bytes, :body, :input)`,
      {
        ...{ id, tenant, previous: previousId ?? null, status, createdAt, expiresAt },
        ...{ server, until, bytes, body, input },
      },
    )
    media.forEach(({ text, sha256 }, place) => {
      this.#database.run(
        'INSERT INTO media VALUES (:tenant, :sha256, :bytes, 0, :text) ON CONFLICT DO NOTHING',
        { tenant, sha256, bytes: Buffer.byteLength(text), text },
      )
      this.#database.run(
        'INSERT INTO media_of_responses VALUES (:response, :place, :tenant, :sha256)',
        { response: id, place, tenant, sha256 },
      )
    })
  }

  #chain(tenant: string, id: string, now: number, { maxTurns, maxBytes }: ChainBounds): Chain {
    const links = this.#database.all(
      `WITH RECURSIVE chain (id, previous, depth) AS (
         SELECT id, previous, 1 FROM responses WHERE id = :id AND tenant = :tenant AND expires_at > :now
         UNION ALL
         SELECT older.id, older.previous, depth + 1 FROM chain JOIN responses AS older
           ON older.id = chain.previous AND older.tenant = :tenant AND older.expires_at > :now
         WHERE depth <= :maxTurns)
       SELECT id, chain.previous, bytes + (SELECT coalesce(sum(media.bytes), 0)
           FROM media_of_responses AS used JOIN media USING (tenant, sha256) WHERE used.response = id) AS bytes
       FROM chain JOIN responses USING (id) ORDER BY depth DESC`,
      { id, tenant, now, maxTurns },
    )
    const [oldest] = links
    if (!oldest) return { missing: id }
    if (links.length > maxTurns) return { tooLong: 'turns' }
    if (oldest['previous'] !== null) return { missing: String(oldest['previous']) }
    if (links.reduce((sum, link) => sum + Number(link['bytes']), 0) > maxBytes)
      return { tooLong: 'bytes' }
    return { turns: links.map((link) => this.#turn(tenant, String(link['id']), now)) }
  }

  /** How many others it took. Throws `Undone` where nothing is left to take. */
  #makeRoom({ id, tenant }: NewRecord, quotas: Quotas): number {
    let evicted = 0
    while (this.#tenantBytes(tenant) > quotas.maxTenantBytes) {
      if (!this.#evictOldest(tenant, id)) throw new Undone()
      evicted++
    }
    for (;;) {
      const { bytes, responses } = this.totals()
      const over =
        bytes > quotas.maxBytes
          ? 'bytes'
          : responses > quotas.maxResponses
            ? 'responses'
            : undefined
      if (!over) return evicted
      const isRoom =
        this.#evictOldest(this.#tenantWithMost(over), id) || this.#evictOldest(undefined, id)
      if (!isRoom) throw new Undone()
      evicted++
    }
  }

  #tenantBytes(tenant: string): number {
    const sql = 'SELECT bytes FROM tenants WHERE tenant = :tenant'
    return Number(this.#database.get(sql, { tenant })?.['bytes'])
  }

  #tenantWithMost(what: 'bytes' | 'responses'): string | undefined {
    const row = this.#database.get(`SELECT tenant FROM tenants ORDER BY ${what} DESC LIMIT 1`)
    return row && String(row['tenant'])
  }

  /** Of a tenant, or of all. */
  #evictOldest(tenant: string | undefined, but: string): boolean {
    const sql = `DELETE FROM responses WHERE id = (
      SELECT id FROM responses WHERE (:tenant IS NULL OR tenant = :tenant) AND id <> :but
        AND (server IS NULL OR until < :now) ORDER BY id LIMIT 1)`
    const values = { tenant: tenant ?? null, but, now: this.#nowSeconds() }
    return this.#database.run(sql, values) > 0
  }

  #turn(tenant: string, id: string, now: number): StoredTurn {
    const row = this.#find(tenant, id, now)!
    return { ...this.#toResponse(row), input: String(row['input']), media: this.#media(id) }
  }

  #find(tenant: string, id: string, now: number): Row | undefined {
    const sql = 'SELECT * FROM responses WHERE id = :id AND tenant = :tenant AND expires_at > :now'
    return this.#database.get(sql, { id, tenant, now })
  }

  #media(response: string): string[] {
    const sql = `SELECT text FROM media_of_responses JOIN media USING (tenant, sha256)
      WHERE response = :response ORDER BY place`
    return this.#database.all(sql, { response }).map(({ text }) => String(text))
  }

  #toResponse(row: Row): StoredResponse {
    const { server } = row
    const isSilent = Number(row['until']) < this.#nowSeconds()
    return {
      id: String(row['id']),
      // Only these are ever written.
      status: String(row['status']) as ResponseStatus,
      body: String(row['body']),
      isLost: server !== null && (isSilent || this.#isDead(String(server))),
    }
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
