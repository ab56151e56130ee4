/** The side of the thread that has the database: SQLite blocks, and may wait for the disk at every commit. */
import { lstatSync, mkdirSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { reportFailedStart } from '../engine/worker-start.ts'
import { AerieError, toWireError } from '../errors.ts'
import { storageError } from '../files/storage-error.ts'
import type { FromRecords, RecordsCall, RecordsWorkerData, ToRecords } from './records-messages.ts'

interface Closable {
  close(): void
}

/** Opens the records in the folder that the thread was given, and answers calls of their methods until it is told to leave. */
export async function serveRecords(
  subject: string,
  open: (folder: string) => Closable,
): Promise<void> {
  const { folder } = workerData as RecordsWorkerData
  const port = parentPort!
  await reportFailedStart(port, async () => {
    const records = opened(folder, subject, open)
    port.on('message', (message: ToRecords) => {
      if (message.type === 'dispose') {
        records.close()
        port.close()
        return
      }
      const outcome = run(records, message, subject)
      port.postMessage({ id: message.id, outcome } satisfies FromRecords)
    })
    port.postMessage({ type: 'ready' })
  })
}

function opened(folder: string, subject: string, open: (folder: string) => Closable): Closable {
  try {
    makePrivate(folder, subject)
    return open(folder)
  } catch (error) {
    throw storageError(error, subject)
  }
}

function makePrivate(path: string, subject: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const rights = lstatSync(path).mode & 0o777
  if (process.geteuid === undefined || (rights & 0o077) === 0) return
  const what = `expected a folder that its owner alone may look into (mode 700), got mode ${rights.toString(8)}`
  throw new AerieError('storage_failure', `${subject}: ${what}`)
}

function run(
  records: Closable,
  { name, args }: RecordsCall,
  subject: string,
): FromRecords['outcome'] {
  try {
    // The interface ties arguments to the name, which is more than the compiler can follow here.
    const methods = records as unknown as Record<string, (...args: readonly unknown[]) => unknown>
    return { result: methods[name]!.apply(records, [...args]) }
  } catch (error) {
    return { error: toWireError(storageError(error, subject)) }
  }
}
