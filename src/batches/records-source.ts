/** Where records of batches lie: on this machine, or in PostgreSQL, where the servers of several machines work them off. */
import { join } from 'node:path'
import type { Logger } from '../engine/logger.ts'
import { type RecordsSource, recordsIn } from './records-thread.ts'
import { isGone } from './server-name.ts'

export interface RecordsPlace {
  readonly dataDir: string
  /** `postgres://…`, a secret; undefined: on this machine. */
  readonly databaseUrl: string | undefined
  readonly maxConnections: number
}

export function recordsAt(
  { dataDir, databaseUrl, maxConnections }: RecordsPlace,
  logger: Logger,
): RecordsSource {
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
