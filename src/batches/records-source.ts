/** Where records of batches lie. */
import type { RecordsKind } from '../records/records-at.ts'
import { isGone } from '../records/server-name.ts'
import type { BatchRecords } from './batch-records.ts'
import { RECORDS_METHODS } from './records-messages.ts'

export const BATCH_RECORDS: RecordsKind<BatchRecords> = {
  subject: 'batches',
  database: 'batches.sqlite',
  entry: new URL('./records-worker.ts', import.meta.url),
  methods: RECORDS_METHODS,
  async openPostgres(database) {
    const { PostgresBatchRecords } = await import('./postgres-records.ts')
    return await PostgresBatchRecords.open(database, isGone)
  },
}
