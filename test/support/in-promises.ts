/** The records of SQLite with the promises that its thread gives them, and without the thread. */
import type { FileRecords } from '../../src/files/file-records.ts'
import type { SqliteRecords } from '../../src/files/sqlite-records.ts'

export function inPromises(records: SqliteRecords): FileRecords {
  return {
    insert: async (...args) => records.insert(...args),
    find: async (...args) => records.find(...args),
    list: async (...args) => records.list(...args),
    remove: async (...args) => records.remove(...args),
    removeExpired: async (...args) => records.removeExpired(...args),
    known: async (...args) => records.known(...args),
    condemn: async (...args) => records.condemn(...args),
    byBlob: async (...args) => records.byBlob(...args),
    totals: async () => records.totals(),
    tenantTotals: async (...args) => records.tenantTotals(...args),
  }
}
