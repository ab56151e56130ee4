/** Records of files in SQLite through random histories; test/files/postgres-records.test.ts has fewer of them in PostgreSQL. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { newFileId } from '../../src/files/file-id.ts'
import { SqliteRecords } from '../../src/files/sqlite-records.ts'
import { inPromises } from '../support/in-promises.ts'
import { propertyRuns } from '../support/property-runs.ts'
import { histories, RecordsHistory } from '../support/records-history.ts'

it('records are what a plain list of them would be, through every history', async (t) => {
  await fc.assert(
    fc.asyncProperty(histories, async (steps) => {
      const records = new SqliteRecords(':memory:')
      await new RecordsHistory(inPromises(records)).run(steps)
      records.close()
    }),
    { ...propertyRuns(60, t), endOnFailure: false },
  )
})

it('ids are never the same and sort by time', () => {
  const ids = Array.from({ length: 2000 }, (_, i) => newFileId(1_800_000_000_000 + i))
  assert.equal(new Set(ids.map((id) => id.slice(17))).size, ids.length)
  assert.deepEqual(ids.toSorted(), ids)
})
