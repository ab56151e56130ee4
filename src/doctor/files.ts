/** The folder of uploaded files: whether it can be had, and whether the database in it is whole. */
import { constants } from 'node:fs'
import { access, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Config, readConfig } from '../config.ts'
import { checkDatabase } from '../files/sqlite-database.ts'
import { schemaVersion } from '../files/sqlite-schema.ts'
import { fileStoreOptions } from '../part-options.ts'
import type { Finding } from './finding.ts'

const GiB = 1024 ** 3
const NAME = 'Files'
const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

/** Where files are kept: a database and a bucket that replicas share, or a folder; `config`: that of this machine, by default. */
export async function checkFiles(config?: Config): Promise<Finding[]> {
  try {
    const used = config ?? (await readConfig())
    const shared = fileStoreOptions(used, SILENT).shared
    if (!shared) return [await checkFolder(used.dataDir)]
    return await (await import('./shared-files.ts')).checkSharedFiles(shared)
  } catch (error) {
    return [{ name: NAME, state: 'bad', text: reasonOf(error) }]
  }
}

/** `dataDir`: which may not be there yet. */
export async function checkFolder(folder: string): Promise<Finding> {
  try {
    const database = join(folder, 'files', 'files.sqlite')
    const existing = await nearestFolder(folder)
    const free = `${((await freeBytes(existing)) / GiB).toFixed(1)} GiB free`
    if (!(await can(existing, constants.W_OK))) {
      return {
        ...{ name: NAME, state: 'note', text: `${folder} cannot be written to` },
        advice: 'name another with `dataDir`; without one, everything but /v1/files works',
      }
    }
    if (!(await can(database, constants.F_OK))) {
      return { name: NAME, state: 'ok', text: `none stored yet, in ${folder}, ${free}` }
    }
    return { name: NAME, state: 'ok', text: `${describe(database)} in ${folder}, ${free}` }
  } catch (error) {
    return {
      ...{ name: NAME, state: 'bad', text: reasonOf(error) },
      advice: 'see docs/files.md, "When the disk fails"',
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Throws where the database is damaged. */
function describe(path: string): string {
  using database = new DatabaseSync(path, { readOnly: true })
  checkDatabase(database, 'files')
  const { files, bytes } = database.prepare('SELECT files, bytes FROM totals').get() ?? {}
  const size = `${(Number(bytes) / GiB).toFixed(2)} GiB`
  return `${files} files of ${size}, database whole, version ${schemaVersion(database)}`
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

async function nearestFolder(folder: string): Promise<string> {
  if (await can(folder, constants.F_OK)) return folder
  const parent = dirname(folder)
  return parent === folder ? folder : nearestFolder(parent)
}

async function can(path: string, mode: number): Promise<boolean> {
  return await access(path, mode).then(
    () => true,
    () => false,
  )
}
