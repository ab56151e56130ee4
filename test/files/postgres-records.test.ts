/** Records of files in a real PostgreSQL: what SQLite's do, and what only several servers and a server of its own can get wrong. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import fc from 'fast-check'
import pg from 'pg'
import { AerieError } from '../../src/errors.ts'
import { newBlobKey, newFileId } from '../../src/files/file-id.ts'
import type { FileRecord } from '../../src/files/file-records.ts'
import { PostgresDatabase } from '../../src/files/postgres-database.ts'
import { PostgresRecords } from '../../src/files/postgres-records.ts'
import { Unsettled } from '../../src/files/storage-error.ts'
import { NO_POSTGRES, type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { propertyRuns } from '../support/property-runs.ts'
import { histories, RecordsHistory } from '../support/records-history.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const run = promisify(execFile)
const ROOM = { maxBytes: 1e12, maxTenantBytes: 1e12 }

function newRecord(changes: Partial<FileRecord> = {}): FileRecord {
  return {
    ...{ id: newFileId(Date.now()), tenant: 'a', blob: newBlobKey(), filename: 'f' },
    ...{ purpose: 'user_data', bytes: 10, sha256: '0'.repeat(64), createdAt: 1_800_000_000 },
    expiresAt: undefined,
    ...changes,
  }
}

function fails(message: RegExp, code = 'storage_failure') {
  return (error: unknown) => {
    assert.ok(error instanceof AerieError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  }
}

describe('records in PostgreSQL', { skip: NO_POSTGRES }, () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
  })
  after(() => server[Symbol.asyncDispose]())

  async function openRecords(url: string, options: { statementTimeoutMs?: number } = {}) {
    const warnings: string[] = []
    const keep = (_: object, message: string) => warnings.push(message)
    const logger = { info() {}, warn: keep, error: keep }
    const database = new PostgresDatabase({ url, maxConnections: 4, logger, ...options })
    const records = await PostgresRecords.open(database).catch(async (error) => {
      await database.dispose()
      throw error
    })
    return { records, database, warnings, [Symbol.asyncDispose]: () => database.dispose() }
  }

  it('are what a plain list of them would be, through every history', async (t) => {
    const url = await server.createDatabase()
    await using opened = await openRecords(url)
    await fc.assert(
      fc.asyncProperty(histories, async (steps) => {
        await opened.database.change('DELETE FROM aerie.files', [])
        await new RecordsHistory(opened.records).run(steps)
      }),
      { ...propertyRuns(5, t, 0.002), endOnFailure: false },
    )
  })

  it('keep every name that a file may have', async () => {
    await using opened = await openRecords(await server.createDatabase())
    for (const filename of ["'; DROP TABLE aerie.files; --", '日本語 \u{1f600}.jpg', '$1 \\ "%"']) {
      const record = newRecord({ filename, bytes: 2 ** 43 })
      await opened.records.insert(record, { maxBytes: 2 ** 53, maxTenantBytes: 2 ** 53 })
      assert.deepEqual(await opened.records.find('a', record.id, 0), record)
    }
  })

  it('servers that start at once make one schema, and a later one finds it', async () => {
    const url = await server.createDatabase()
    const opened = await Promise.all(Array.from({ length: 6 }, () => openRecords(url)))
    const ids = new Set(opened.map(({ records }) => records.storeId))
    assert.equal(ids.size, 1)
    assert.match([...ids][0]!, /^[0-9a-f]{16}$/)
    const record = newRecord()
    await opened[0]!.records.insert(record, ROOM)
    for (const { database } of opened) await database.dispose()
    await using later = await openRecords(url)
    assert.deepEqual(await later.records.find('a', record.id, 0), record)
    assert.deepEqual(later.records.lastTotals, { files: 1, bytes: 10 })
  })

  it('of a newer server are left alone', async () => {
    const url = await server.createDatabase()
    await (await openRecords(url)).database.dispose()
    await server.query(url, 'UPDATE aerie.version SET steps = 99')
    await assert.rejects(openRecords(url), fails(/version 99, this server knows 1.*newer one/))
  })

  it('need no right but those of the owner of the schema', async () => {
    const url = await server.createDatabase()
    await server.query(
      url,
      `CREATE ROLE small LOGIN; CREATE SCHEMA aerie AUTHORIZATION small;
       REVOKE ALL ON SCHEMA public FROM PUBLIC`,
    )
    await using opened = await openRecords(url.replace('aerie@', 'small@'))
    assert.equal(await opened.records.insert(newRecord(), ROOM), 'inserted')
    const other = await server.createDatabase()
    await assert.rejects(openRecords(other.replace('aerie@', 'small@')), fails(/lacks a right/))
  })

  it('many servers that fill a quota at once fill it and no more', async () => {
    const url = await server.createDatabase()
    const opened = await Promise.all(Array.from({ length: 4 }, () => openRecords(url)))
    const quotas = { maxBytes: 95, maxTenantBytes: 45 }
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        opened[i % 4]!.records.insert(newRecord({ tenant: `${i % 3}` }), quotas),
      ),
    )
    const { bytes } = await opened[0]!.records.totals()
    assert.equal(bytes, 90)
    assert.equal(outcomes.filter((outcome) => outcome === 'inserted').length, 9)
    for (const tenant of ['0', '1', '2']) {
      const own = await opened[0]!.records.tenantTotals(tenant)
      assert.ok(own.bytes <= 45, `tenant ${tenant} has ${own.bytes}`)
    }
    for (const { database } of opened) await database.dispose()
  })

  it('a key is inserted or condemned and never both, whoever is first', async () => {
    const url = await server.createDatabase()
    await using one = await openRecords(url)
    await using other = await openRecords(url)
    const all = Array.from({ length: 60 }, () => newRecord())
    const outcomes = await Promise.all(
      all.map(async (record, i) => {
        const insert = () => one.records.insert(record, ROOM)
        const condemn = () => other.records.condemn([record.blob], 0)
        const [inserted, condemned] =
          i % 2 === 0
            ? await Promise.all([insert(), condemn()])
            : await Promise.all([condemn(), insert()]).then(([c, o]) => [o, c] as const)
        assert.equal(inserted === 'inserted', condemned.length === 0)
        return inserted
      }),
    )
    assert.equal(
      (await one.records.totals()).files,
      outcomes.filter((o) => o === 'inserted').length,
    )
  })

  it('two sweeps share the work, and nothing is removed twice', async () => {
    const url = await server.createDatabase()
    await using one = await openRecords(url)
    await using other = await openRecords(url)
    for (let i = 0; i < 30; i++) await one.records.insert(newRecord({ expiresAt: 5 }), ROOM)
    const gone = (
      await Promise.all([one, other, one, other].map(({ records }) => records.removeExpired(5, 20)))
    ).flat()
    const rest = await one.records.removeExpired(5, 30)
    const ids = [...gone, ...rest].map(({ id }) => id)
    assert.equal(ids.length, 30)
    assert.equal(new Set(ids).size, 30)
    assert.deepEqual(await one.records.totals(), { files: 0, bytes: 0 })
  })

  it('a restart of the database is one clear failure, and then all goes on', async () => {
    await using opened = await openRecords(await server.createDatabase())
    const record = newRecord()
    await opened.records.insert(record, ROOM)
    await server.stop()
    await assert.rejects(opened.records.find('a', record.id, 0), fails(/cannot be reached \(ECONN/))
    // Nothing was sent, so that this is known to have changed nothing.
    await assert.rejects(opened.records.insert(newRecord(), ROOM), (error) => {
      assert.ok(!(error instanceof Unsettled))
      return fails(/cannot be reached/)(error)
    })
    assert.ok(opened.warnings.includes('a connection to the database broke'))
    await server.start()
    assert.deepEqual(await opened.records.find('a', record.id, 0), record)
    assert.equal(await opened.records.insert(newRecord(), ROOM), 'inserted')
  })

  it('a change whose connection breaks is unsettled, and one that is refused is not', async () => {
    const url = await server.createDatabase()
    await using hasty = await openRecords(url, { statementTimeoutMs: 300 })
    await using patient = await openRecords(url, { statementTimeoutMs: 60_000 })
    const holder = new pg.Client({ connectionString: url })
    await holder.connect()
    try {
      await holder.query('BEGIN; SELECT FROM aerie.totals FOR UPDATE')
      await assert.rejects(hasty.records.insert(newRecord(), ROOM), (error) => {
        assert.ok(!(error instanceof Unsettled))
        return fails(/took too long/)(error)
      })
      const unsettled = assert.rejects(patient.records.insert(newRecord(), ROOM), (error) => {
        assert.ok(error instanceof Unsettled, String(error))
        return fails(/whether the change was made is not known/)(error)
      })
      const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND query LIKE '%insert_file%'
                      AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()`
      while ((await server.query(url, kill)).length === 0) await delay(5)
      await unsettled
    } finally {
      await holder.end()
    }
    assert.equal((await patient.records.totals()).files, 0)
  })

  it('more calls than connections wait for one, for no longer than a connection may take', async () => {
    const url = await server.createDatabase()
    await using opened = await openRecords(url)
    await Promise.all(Array.from({ length: 100 }, () => opened.records.totals()))
    const { open, max } = opened.database.stats()
    assert.ok(open <= max, `${open} of ${max}`)
    const busy = Array.from({ length: 4 }, () => opened.database.read('SELECT pg_sleep(6)'))
    const calls = await Promise.allSettled(
      Array.from({ length: 300 }, () => opened.records.totals()),
    )
    const reasons = calls.map((call) => (call.status === 'rejected' ? call.reason : undefined))
    const refused = reasons.filter((reason) => reason?.code === 'queue_full')
    assert.ok(refused.length >= 40 && refused.length < 60, `${refused.length} of 300 were refused`)
    for (const reason of refused) fails(/256 calls wait/, 'queue_full')(reason)
    for (const reason of reasons.filter((one) => !refused.includes(one)))
      fails(/does not answer in time/)(reason)
    await Promise.all(busy)
  })

  it('what is wrong with the way to it is said without telling of it', async () => {
    const { port } = server
    const cases: readonly (readonly [url: string, message: RegExp])[] = [
      [`postgres://aerie@127.0.0.1:${port}/nowhere`, /databaseUrl names is not there/],
      [`postgres://nobody:secret@127.0.0.1:${port}/postgres`, /does not let this server in/],
      ['postgres://aerie:secret@127.0.0.1:9/postgres', /cannot be reached \(ECONNREFUSED\)/],
      [`postgres://aerie@127.0.0.1:${port}/postgres?sslmode=verify-full`, /connection|reached/],
    ]
    for (const [url, message] of cases) {
      await assert.rejects(openRecords(url), (error) => {
        assert.doesNotMatch(String((error as Error).message), /secret|127\.0\.0\.1|nowhere|nobody/)
        return fails(message)(error)
      })
    }
  })

  it('over TLS, as the URL says: a server of another authority or name is none', async (t) => {
    await using folder = await temporaryFolder()
    const make = async (name: string) => {
      const [key, certificate] = ['key', 'pem'].map((end) => join(folder.path, `${name}.${end}`))
      const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2']
      const files = ['-keyout', key!, '-out', certificate!, '-subj', '/CN=localhost']
      await run('openssl', [...request, ...files, '-addext', 'subjectAltName=DNS:localhost'])
      return { key: key!, certificate: certificate! }
    }
    const ours = await make('ours').catch(() => undefined)
    if (!ours) return t.skip('needs openssl')
    const others = await make('others')
    await using secure = await startPostgres(ours)
    const url = await secure.createDatabase()
    {
      await using opened = await openRecords(url)
      const sql = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
      assert.deepEqual(await opened.database.read(sql), [{ ssl: true }])
    }
    const wrong = [
      url.replace(ours.certificate, others.certificate),
      url.replace('localhost', '127.0.0.1'),
      url.replace(/\?.*/, ''),
    ]
    for (const one of wrong) await assert.rejects(openRecords(one), fails(/^files: the database/))
  })
})
