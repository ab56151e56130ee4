import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { PostgresDatabase } from '../../src/files/postgres-database.ts'
import { PostgresResponseRecords } from '../../src/responses/postgres-records.ts'
import { NO_POSTGRES, type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { newRecord, testResponseRecords } from '../support/response-records-contract.ts'

const logger = { info() {}, warn() {}, error() {} }

describe('records of responses in PostgreSQL', { skip: NO_POSTGRES }, () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
  })
  after(() => server[Symbol.asyncDispose]())

  async function open(url: string, dead = 'dead') {
    const database = new PostgresDatabase({ url, maxConnections: 4, logger, subject: 'responses' })
    const records = await PostgresResponseRecords.open(database, (name) => name.startsWith(dead))
    return { records, [Symbol.asyncDispose]: () => database.dispose() }
  }

  testResponseRecords(async (dead) => await open(await server.createDatabase(), dead))

  it('of servers that fill a quota at once fill it and no more', async () => {
    const url = await server.createDatabase()
    const places = await Promise.all([open(url), open(url), open(url)])
    const quotas = { maxBytes: 1e6, maxTenantBytes: 1e6, maxResponses: 5 }
    const media = ['shared'.repeat(100)]
    await Promise.all(
      places.map(async ({ records }, i) => {
        for (let j = 0; j < 3; j++) {
          const record = newRecord({ media })
          await records.insert(record, quotas)
          await records.finish('a', record.id, 'completed', '{}')
          if (i === j) await records.remove('a', record.id, 0)
        }
      }),
    )
    const { responses, bytes } = await places[0]!.records.totals()
    assert.ok(responses <= 5)
    assert.equal(bytes, responses === 0 ? 0 : responses * 4 + 600)
    for (const place of places) await place[Symbol.asyncDispose]()
  })
})
