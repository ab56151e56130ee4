/** Records of responses in PostgreSQL, for any number of servers. */
import type { PostgresDatabase, Query, Row } from '../files/postgres-database.ts'
import { migrate } from '../files/postgres-schema.ts'
import type {
  Chain,
  EndStatus,
  ResponseStatus,
  StoredInput,
  StoredResponse,
  StoredTurn,
} from './contract.ts'
import { RESPONSES_LOCK, RESPONSES_SCHEMA } from './postgres-schema.ts'
import {
  type ChainBounds,
  type InsertOutcome,
  type NewRecord,
  type Quotas,
  type ResponseRecords,
  recordBytes,
  type Totals,
} from './response-records.ts'

const RESPONSES = 'aerie_responses.responses'
const MEDIA = 'aerie_responses.media'
const USES = 'aerie_responses.media_of_responses'
const TENANTS = 'aerie_responses.tenants'
const RUNS = "status IN ('queued', 'in_progress')"

/** Inside a transaction that is not to have been. */
class Undone extends Error {}

export class PostgresResponseRecords implements ResponseRecords {
  readonly #database: PostgresDatabase
  readonly #isDead: (server: string) => boolean

  private constructor(database: PostgresDatabase, isDead: (server: string) => boolean) {
    this.#database = database
    this.#isDead = isDead
  }

  /** Makes or brings up to date what it needs. `isDead` as with SQLite. Rejects with `storage_failure` or `insufficient_storage`. */
  static async open(
    database: PostgresDatabase,
    isDead: (server: string) => boolean = () => false,
  ): Promise<PostgresResponseRecords> {
    await database.with((client) => migrate(client, RESPONSES_SCHEMA))
    return new PostgresResponseRecords(database, isDead)
  }

  async insert(record: NewRecord, quotas: Quotas): Promise<InsertOutcome> {
    const media = [...new Set(record.media)].map((text) => Buffer.from(text))
    const bytes = recordBytes(record)
    const whole = media.reduce((sum, medium) => sum + medium.byteLength, bytes)
    if (whole > Math.min(quotas.maxBytes, quotas.maxTenantBytes)) return { is: 'too-large' }
    let isFull = false
    try {
      return await this.#locked(async (query) => {
        await write(query, record, bytes)
        const evicted = await makeRoom(query, record, quotas).catch((error: unknown) => {
          isFull = error instanceof Undone
          throw error
        })
        return { is: 'inserted', evicted }
      })
    } catch (error) {
      if (isFull) return { is: 'full' }
      throw error
    }
  }

  async begin(tenant: string, id: string): Promise<void> {
    const sql = `UPDATE ${RESPONSES} SET status = 'in_progress' WHERE id = $1 AND tenant = $2 AND ${RUNS}`
    await this.#database.change(sql, [id, tenant])
  }

  async finish(tenant: string, id: string, status: EndStatus, body: string): Promise<boolean> {
    const rows = await this.#locked((query) =>
      query(
        `UPDATE ${RESPONSES} SET status = $3, body = $4, server = NULL, bytes = $5 + octet_length(input)
         WHERE id = $1 AND tenant = $2 AND ${RUNS} RETURNING id`,
        [id, tenant, status, body, Buffer.byteLength(body)],
      ),
    )
    return rows.length > 0
  }

  async find(tenant: string, id: string, now: number): Promise<StoredResponse | undefined> {
    const row = await findRow((sql, values) => this.#database.read(sql, values), tenant, id, now)
    return row && this.#toResponse(row)
  }

  async input(tenant: string, id: string, now: number): Promise<StoredInput | undefined> {
    return await this.#database.transaction(async (query) => {
      const row = await findRow(query, tenant, id, now)
      return row && { input: String(row['input']), media: await mediaOf(query, id) }
    })
  }

  async chain(tenant: string, id: string, now: number, bounds: ChainBounds): Promise<Chain> {
    const { maxTurns, maxBytes } = bounds
    return await this.#database.transaction(async (query) => {
      // What is read is one state: another server shall not take a turn away in the middle.
      await query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')
      const links = await query(
        `WITH RECURSIVE chain (id, previous, depth) AS (
           SELECT id, previous, 1 FROM ${RESPONSES} WHERE id = $1 AND tenant = $2 AND expires_at > $3
           UNION ALL
           SELECT older.id, older.previous, depth + 1 FROM chain JOIN ${RESPONSES} AS older
             ON older.id = chain.previous AND older.tenant = $2 AND older.expires_at > $3
           WHERE depth <= $4)
         SELECT id, chain.previous, bytes + (SELECT coalesce(sum(medium.bytes), 0)::bigint
             FROM ${USES} AS used JOIN ${MEDIA} AS medium USING (tenant, sha256)
             WHERE used.response = id) AS bytes
         FROM chain JOIN ${RESPONSES} USING (id) ORDER BY depth DESC`,
        [id, tenant, now, maxTurns],
      )
      const [oldest] = links
      if (!oldest) return { missing: id }
      if (links.length > maxTurns) return { tooLong: 'turns' }
      if (oldest['previous'] !== null) return { missing: String(oldest['previous']) }
      if (links.reduce((sum, link) => sum + Number(link['bytes']), 0) > maxBytes)
        return { tooLong: 'bytes' }
      const turns: StoredTurn[] = []
      for (const link of links) turns.push(await this.#turn(query, tenant, String(link['id'])))
      return { turns }
    })
  }

  async remove(tenant: string, id: string, now: number): Promise<boolean> {
    const sql = `DELETE FROM ${RESPONSES} WHERE id = $1 AND tenant = $2 AND expires_at > $3 RETURNING id`
    return (await this.#locked((query) => query(sql, [id, tenant, now]))).length > 0
  }

  async beat(server: string, ids: readonly string[], until: number): Promise<string[]> {
    const rows = await this.#database.change(
      `UPDATE ${RESPONSES} SET until = $3 WHERE server = $1 AND ${RUNS} AND id = ANY($2) RETURNING id`,
      [server, ids, until],
    )
    return rows.map(({ id }) => String(id))
  }

  async removeExpired(now: number, limit: number): Promise<number> {
    const sql = `DELETE FROM ${RESPONSES} WHERE id IN
      (SELECT id FROM ${RESPONSES} WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) RETURNING id`
    return (await this.#locked((query) => query(sql, [now, limit]))).length
  }

  async totals(): Promise<Totals> {
    const [row] = await this.#database.read(TOTALS)
    return toTotals(row)
  }

  async #turn(query: Query, tenant: string, id: string): Promise<StoredTurn> {
    const row = (await findRow(query, tenant, id, 0))!
    const input = String(row['input'])
    return { ...this.#toResponse(row), input, media: await mediaOf(query, id) }
  }

  async #locked<T>(work: (query: Query) => Promise<T>): Promise<T> {
    return await this.#database.transaction(async (query) => {
      await query('SELECT pg_advisory_xact_lock($1)', [RESPONSES_LOCK])
      return await work(query)
    })
  }

  #toResponse(row: Row): StoredResponse {
    const { server } = row
    const isSilent = Number(row['until']) < Date.now() / 1000
    return {
      id: String(row['id']),
      // Only these are ever written.
      status: String(row['status']) as ResponseStatus,
      body: String(row['body']),
      isLost: server !== null && (isSilent || this.#isDead(String(server))),
    }
  }
}

const TOTALS = `SELECT coalesce(sum(responses), 0)::bigint AS responses, coalesce(sum(bytes), 0)::bigint AS bytes
  FROM ${TENANTS}`

function toTotals(row: Row | undefined): Totals {
  return { responses: Number(row?.['responses']), bytes: Number(row?.['bytes']) }
}

async function findRow(query: Query, tenant: string, id: string, now: number) {
  const sql = `SELECT * FROM ${RESPONSES} WHERE id = $1 AND tenant = $2 AND expires_at > $3`
  const [row] = await query(sql, [id, tenant, now])
  return row
}

async function mediaOf(query: Query, response: string): Promise<string[]> {
  const sql = `SELECT content FROM ${USES} JOIN ${MEDIA} USING (tenant, sha256) WHERE response = $1 ORDER BY place`
  const rows = await query(sql, [response])
  return rows.map(({ content }) => (content as Buffer).toString())
}

/** The database hashes, which takes that time from no server's main thread. */
async function write(query: Query, record: NewRecord, bytes: number): Promise<void> {
  const { id, tenant, previousId, status, createdAt, expiresAt, server, until } = record
  const { body, input, media } = record
  await query(`INSERT INTO ${RESPONSES} VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, [
    ...[id, tenant, previousId ?? null, status, createdAt, expiresAt],
    ...[server, until, bytes, body, input],
  ])
  for (const [place, text] of media.entries()) {
    await query(
      `WITH medium AS (SELECT encode(sha256($1::bytea), 'hex') AS sha256),
        kept AS (INSERT INTO ${MEDIA} SELECT $2, sha256, $3, 0, $1 FROM medium ON CONFLICT DO NOTHING)
       SELECT 1`,
      [Buffer.from(text), tenant, Buffer.byteLength(text)],
    )
    await query(`INSERT INTO ${USES} SELECT $1, $2, $3, encode(sha256($4::bytea), 'hex')`, [
      ...[id, place, tenant, Buffer.from(text)],
    ])
  }
}

/** How many others it took. Throws `Undone` where nothing is left to take. */
async function makeRoom(query: Query, { id, tenant }: NewRecord, quotas: Quotas): Promise<number> {
  const evict = async (of: string | null) =>
    (
      await query(
        `DELETE FROM ${RESPONSES} WHERE id = (
           SELECT id FROM ${RESPONSES} WHERE ($1::text IS NULL OR tenant = $1) AND id <> $2
             AND (server IS NULL OR until < extract(epoch FROM now())) ORDER BY id LIMIT 1) RETURNING id`,
        [of, id],
      )
    ).length > 0
  let evicted = 0
  for (;;) {
    const [own] = await query(`SELECT bytes FROM ${TENANTS} WHERE tenant = $1`, [tenant])
    if (Number(own?.['bytes']) <= quotas.maxTenantBytes) break
    if (!(await evict(tenant))) throw new Undone()
    evicted++
  }
  for (;;) {
    const [row] = await query(TOTALS)
    const { bytes, responses } = toTotals(row)
    const over =
      bytes > quotas.maxBytes ? 'bytes' : responses > quotas.maxResponses ? 'responses' : undefined
    if (!over) return evicted
    const [most] = await query(`SELECT tenant FROM ${TENANTS} ORDER BY ${over} DESC LIMIT 1`)
    const isRoom = (most && (await evict(String(most['tenant'])))) || (await evict(null))
    if (!isRoom) throw new Undone()
    evicted++
  }
}
