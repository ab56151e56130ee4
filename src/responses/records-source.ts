/** Where records of responses lie. */
import type { RecordsKind } from '../records/records-at.ts'
import { isGone } from '../records/server-name.ts'
import { RECORDS_METHODS, type ResponseRecords } from './response-records.ts'

export const RESPONSE_RECORDS: RecordsKind<ResponseRecords> = {
  subject: 'responses',
  database: 'responses.sqlite',
  entry: new URL('./records-worker.ts', import.meta.url),
  methods: RECORDS_METHODS,
  async openPostgres(database) {
    const { PostgresResponseRecords } = await import('./postgres-records.ts')
    return await PostgresResponseRecords.open(database, isGone)
  },
}
