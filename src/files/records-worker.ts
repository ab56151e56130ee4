/** Entry of the thread that owns the database of files: SQLite blocks, and may wait for the disk at every commit. */
import { existsSync, lstatSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { reportFailedStart } from '../engine/worker-start.ts'
import { AerieError, toWireError } from '../errors.ts'
import type { Totals } from './file-records.ts'
import type {
  FromRecords,
  RecordsCall,
  RecordsStart,
  RecordsWorkerData,
  ToRecords,
} from './records-messages.ts'
import { SqliteRecords } from './sqlite-records.ts'
import { storageError } from './storage-error.ts'

const { folder } = workerData as RecordsWorkerData
const port = parentPort!

await reportFailedStart(port, async () => {
  const { records, blobs } = open()

  const totals = (): Totals | undefined => {
    try {
      return records.totals()
    } catch {
      // The call itself says what is wrong.
      return undefined
    }
  }

  port.on('message', (message: ToRecords) => {
    if (message.type === 'dispose') {
      records.close()
      port.close()
      return
    }
    const outcome = run(records, message.call)
    port.postMessage({ id: message.id, outcome, totals: totals() } satisfies FromRecords)
  })
  port.postMessage({ type: 'ready', blobs, totals: records.totals() } satisfies RecordsStart)
})

function open(): { readonly records: SqliteRecords; readonly blobs: string } {
  try {
    makePrivate(folder)
    const records = new SqliteRecords(join(folder, 'files.sqlite'))
    try {
      return { records, blobs: findBlobs(records) }
    } catch (error) {
      records.close()
      throw error
    }
  } catch (error) {
    throw storageError(error)
  }
}

/**
 * The blobs of one database lie in a folder that bears its name: a new database, after one that was damaged or moved away,
 * starts with an empty folder of its own and takes none of the old one's files for orphans.
 */
function findBlobs(records: SqliteRecords): string {
  const blobs = join(folder, 'blobs', records.storeId())
  if (records.totals().files > 0 && !existsSync(blobs)) {
    const what = `the database tells of files, and the folder blobs/${records.storeId()} is not there`
    throw new AerieError('storage_failure', `files: ${what}; restore it, or move the database away`)
  }
  mkdirSync(blobs, { recursive: true, mode: 0o700 })
  return blobs
}

function makePrivate(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const rights = lstatSync(path).mode & 0o777
  if (process.geteuid === undefined || (rights & 0o077) === 0) return
  const what = `expected a folder that its owner alone may look into (mode 700), got mode ${rights.toString(8)}`
  throw new AerieError('storage_failure', `files: ${what}`)
}

function run(records: SqliteRecords, { name, args }: RecordsCall): FromRecords['outcome'] {
  try {
    // The type of a call ties its arguments to its name, which is more than the compiler can follow here.
    const method = records[name] as (...args: readonly unknown[]) => unknown
    return { result: method.apply(records, args) }
  } catch (error) {
    return { error: toWireError(storageError(error)) }
  }
}
