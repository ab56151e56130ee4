/** Where records of responses lie: on this machine, or in PostgreSQL, where the servers of several machines find them. */
import { join } from 'node:path'
import type { Logger } from '../engine/logger.ts'
import { type RecordsSource, recordsInFolder } from '../records/records-thread.ts'
import { isGone } from '../records/server-name.ts'
import { RECORDS_METHODS, type ResponseRecords } from './response-records.ts'

export interface ResponsesPlace {
  readonly dataDir: string
  /** `postgres://…`, a secret; undefined: on this machine. */
  readonly databaseUrl: string | undefined
  readonly maxConnections: number
}

/** Records on this machine, in a folder that is made when they are opened. */
export function responsesIn(folder: string, logger: Logger): RecordsSource<ResponseRecords> {
  const entry = new URL('./records-worker.ts', import.meta.url)
  return recordsInFolder({
    ...{ subject: 'responses', folder, database: 'responses.sqlite', entry },
    ...{ methods: RECORDS_METHODS, logger },
  })
}

export function responsesAt(
  { dataDir, databaseUrl, maxConnections }: ResponsesPlace,
  logger: Logger,
): RecordsSource<ResponseRecords> {
  if (databaseUrl === undefined) return responsesIn(join(dataDir, 'responses'), logger)
  return {
    isThere: async () => true,
    open: async () => {
      const { PostgresDatabase } = await import('../files/postgres-database.ts')
      const { PostgresResponseRecords } = await import('./postgres-records.ts')
      const database = new PostgresDatabase({
        ...{ url: databaseUrl, maxConnections, logger, subject: 'responses' },
      })
      try {
        const records = await PostgresResponseRecords.open(database, isGone)
        return {
          records,
          connections: () => database.stats(),
          dispose: () => database.dispose(),
        }
      } catch (error) {
        await database.dispose()
        throw error
      }
    },
  }
}
