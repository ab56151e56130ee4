/** The database of batches: whether it is whole, and what is under way in it. */
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { readConfig } from '../config.ts'
import { checkDatabase } from '../files/sqlite-database.ts'
import { schemaVersion } from '../files/sqlite-schema.ts'
import type { Finding } from './finding.ts'

const NAME = 'Batches'

/** `dataDir`: that of the configuration, by default. */
export async function checkBatches(dataDir?: string): Promise<Finding> {
  try {
    const config = await readConfig()
    if (dataDir === undefined && config.databaseUrl !== undefined)
      return await (await import('./shared-batches.ts')).checkSharedBatches(config.databaseUrl)
    const folder = dataDir ?? config.dataDir
    const path = join(folder, 'batches', 'batches.sqlite')
    const isThere = await access(path, constants.F_OK).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
    )
    const text = isThere ? `${describe(path)}, in ${folder}` : `none yet, in ${folder}`
    return { name: NAME, state: 'ok', text }
  } catch (error) {
    return {
      ...{ name: NAME, state: 'bad', text: error instanceof Error ? error.message : String(error) },
      advice: 'see docs/batches.md, "When the disk fails"',
    }
  }
}

/** Throws where the database is damaged. */
function describe(path: string): string {
  using database = new DatabaseSync(path, { readOnly: true })
  checkDatabase(database, 'batches')
  const row = database
    .prepare(
      `SELECT COUNT(*) AS batches, coalesce(SUM(total - completed - failed), 0) AS lines
       FROM batches WHERE ended_at IS NULL`,
    )
    .get()
  const version = schemaVersion(database)
  return `${row?.['batches']} under way with ${row?.['lines']} lines to run, database whole, version ${version}`
}
