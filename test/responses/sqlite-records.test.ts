import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { RECORDS_METHODS, type ResponseRecords } from '../../src/responses/response-records.ts'
import { SqliteResponseRecords } from '../../src/responses/sqlite-records.ts'
import { newRecord, testResponseRecords } from '../support/response-records-contract.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const LOTS = { maxBytes: 1e9, maxTenantBytes: 1e9, maxResponses: 1e6 }

/** As its thread gives them. */
function inPromises(records: SqliteResponseRecords): ResponseRecords {
  const methods = records as unknown as Record<string, (...args: unknown[]) => unknown>
  const calls = RECORDS_METHODS.map((name) => [
    name,
    async (...args: unknown[]) => methods[name]!.apply(records, args),
  ])
  return Object.fromEntries(calls)
}

describe('records of responses in SQLite', () => {
  testResponseRecords(async (dead) => {
    const folder = await temporaryFolder()
    const path = join(folder.path, 'responses.sqlite')
    const records = new SqliteResponseRecords(path, (server) => server.startsWith(dead))
    return {
      records: inPromises(records),
      async [Symbol.asyncDispose]() {
        records.close()
        await folder[Symbol.asyncDispose]()
      },
    }
  })

  it('give the disk back what removed ones have had', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'responses.sqlite')
    const records = new SqliteResponseRecords(path)
    const ids = Array.from({ length: 8 }, (_, i) => {
      const record = newRecord({ media: [String(i).repeat(2 ** 20)] })
      records.insert(record, LOTS)
      return record.id
    })
    for (const id of ids) records.remove('a', id, 0)
    records.close()
    const database = new DatabaseSync(path, { readOnly: true })
    const pages = Number(database.prepare('PRAGMA page_count').get()?.['page_count'])
    database.close()
    assert.ok(pages < 100, `${pages} pages`)
  })
})
