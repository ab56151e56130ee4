/** Records of batches in SQLite: no line is lost and none counts twice; test/batches/postgres-records.test.ts has fewer schedules in PostgreSQL. */
import { test } from 'node:test'
import fc from 'fast-check'
import type { BatchRecords } from '../../src/batches/batch-records.ts'
import { RECORDS_METHODS } from '../../src/batches/records-messages.ts'
import { SqliteBatchRecords } from '../../src/batches/sqlite-records.ts'
import { BatchSchedule, schedules } from '../support/batch-schedule.ts'
import { propertyRuns } from '../support/property-runs.ts'

/** The promises that a thread gives, without the thread. */
function inPromises(records: SqliteBatchRecords): BatchRecords {
  const methods = RECORDS_METHODS.map((name) => {
    // The type of a method ties its arguments to its name, which is more than the compiler can follow here.
    const method = records[name] as (...args: readonly unknown[]) => unknown
    return [name, async (...args: unknown[]) => method.apply(records, args)] as const
  })
  return Object.fromEntries(methods) as unknown as BatchRecords
}

test('whatever servers do, a line has one result at most, and every batch comes to its end', async (t) => {
  const property = fc.asyncProperty(schedules, async (steps) => {
    const records = new SqliteBatchRecords(':memory:')
    await new BatchSchedule(inPromises(records)).run(steps)
    records.close()
  })
  await fc.assert(property, propertyRuns(40, t, 0.05))
})
