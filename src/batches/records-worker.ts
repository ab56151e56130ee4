/** Entry of the thread that owns the database of batches: SQLite blocks, and may wait for the disk at every commit. */
import { lstatSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { reportFailedStart } from '../engine/worker-start.ts'
import { AerieError, toWireError } from '../errors.ts'
import { storageError } from '../files/storage-error.ts'
import type { FromRecords, RecordsCall, RecordsWorkerData, ToRecords } from './records-messages.ts'
import { isGone } from './server-name.ts'
import { SqliteBatchRecords } from './sqlite-records.ts'

const { folder } = workerData as RecordsWorkerData
const port = parentPort!

await reportFailedStart(port, async () => {
  const records = open()
  port.on('message', (message: ToRecords) => {
    if (message.type === 'dispose') {
      records.close()
      port.close()
      return
    }
    const outcome = run(records, message.call)
    port.postMessage({ id: message.id, outcome } satisfies FromRecords)
  })
  port.postMessage({ type: 'ready' })
})

function open(): SqliteBatchRecords {
  try {
    makePrivate(folder)
    return new SqliteBatchRecords(join(folder, 'batches.sqlite'), isGone)
  } catch (error) {
    throw storageError(error, 'batches')
  }
}

function makePrivate(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const rights = lstatSync(path).mode & 0o777
  if (process.geteuid === undefined || (rights & 0o077) === 0) return
  const what = `expected a folder that its owner alone may look into (mode 700), got mode ${rights.toString(8)}`
  throw new AerieError('storage_failure', `batches: ${what}`)
}

function run(records: SqliteBatchRecords, { name, args }: RecordsCall): FromRecords['outcome'] {
  try {
    // The type of a call ties its arguments to its name, which is more than the compiler can follow here.
    const method = records[name] as (...args: readonly unknown[]) => unknown
    return { result: method.apply(records, args) }
  } catch (error) {
    return { error: toWireError(storageError(error, 'batches')) }
  }
}
