/** Records on this machine, or in PostgreSQL, where the servers of several machines find them. */
import { join } from 'node:path'
import type { Logger } from '../engine/logger.ts'
import type { PostgresDatabase } from '../files/postgres-database.ts'
import { type RecordsFolder, type RecordsSource, recordsInFolder } from './records-thread.ts'

export interface RecordsPlace {
  readonly dataDir: string
  /** `postgres://…`, a secret; undefined: on this machine. */
  readonly databaseUrl: string | undefined
  readonly maxConnections: number
}

/** What one kind of records needs, wherever they are. */
export interface RecordsKind<Records> extends Omit<RecordsFolder<Records>, 'folder' | 'logger'> {
  /** Makes or brings up to date what it needs there. */
  openPostgres(database: PostgresDatabase): Promise<Records>
}

/** On this machine they have a folder of their own, called as the subject. */
export function recordsAt<Records extends object>(
  { openPostgres, ...kind }: RecordsKind<Records>,
  { dataDir, databaseUrl, maxConnections }: RecordsPlace,
  logger: Logger,
): RecordsSource<Records> {
  const { subject } = kind
  if (databaseUrl === undefined) {
    return recordsInFolder({ ...kind, folder: join(dataDir, subject), logger })
  }
  return {
    isThere: async () => true,
    open: async () => {
      const { PostgresDatabase } = await import('../files/postgres-database.ts')
      const database = new PostgresDatabase({ url: databaseUrl, maxConnections, logger, subject })
      try {
        const records = await openPostgres(database)
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
