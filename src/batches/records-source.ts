/** Where records of batches lie: on this machine, or in PostgreSQL, where the servers of several machines work them off. */
import { join } from 'node:path'
import type { Logger } from '../engine/logger.ts'
import { type RecordsSource, recordsInFolder } from '../records/records-thread.ts'
import { isGone } from '../records/server-name.ts'
import type { BatchRecords } from './batch-records.ts'
import { RECORDS_METHODS } from './records-messages.ts'

export interface RecordsPlace {
  readonly dataDir: string
  /** `postgres://…`, a secret; undefined: on this machine. */
  readonly databaseUrl: string | undefined
  readonly maxConnections: number
}

/** Records on this machine, in a folder that is made when they are opened. */
export function recordsIn(folder: string, logger: Logger): RecordsSource<BatchRecords> {
  const entry = new URL('./records-worker.ts', import.meta.url)
  return recordsInFolder({
    ...{ subject: 'batches', folder, database: 'batches.sqlite', entry },
    ...{ methods: RECORDS_METHODS, logger },
  })
}

export function recordsAt(
  { dataDir, databaseUrl, maxConnections }: RecordsPlace,
  logger: Logger,
): RecordsSource<BatchRecords> {
  if (databaseUrl === undefined) return recordsIn(join(dataDir, 'batches'), logger)
  return {
    isThere: async () => true,
    open: async () => {
      const { PostgresDatabase } = await import('../files/postgres-database.ts')
      const { PostgresBatchRecords } = await import('./postgres-records.ts')
      const database = new PostgresDatabase({
        ...{ url: databaseUrl, maxConnections, logger, subject: 'batches' },
      })
      try {
        const records = await PostgresBatchRecords.open(database, isGone)
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
