/** The records as the main thread sees them: a thread that has the database, and promises. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../engine/logger.ts'
import { WorkerHost } from '../engine/worker-host.ts'
import { fromWireError } from '../errors.ts'
import type { ConnectionStats } from '../files/contract.ts'
import type { BatchRecords } from './batch-records.ts'
import {
  type FromRecords,
  RECORDS_METHODS,
  type RecordsCall,
  type RecordsWorkerData,
  type ToRecords,
} from './records-messages.ts'

const ENTRY = new URL('./records-worker.ts', import.meta.url)

export interface RecordsThread {
  readonly records: BatchRecords
  /** To a database that is elsewhere; absent where it is here. */
  readonly connections?: () => ConnectionStats
  dispose(): Promise<void>
}

interface Waiting {
  resolve(result: unknown): void
  reject(error: Error): void
}

const DATABASE = 'batches.sqlite'

/** Records on this machine, in a folder that is made when they are opened. */
export interface RecordsSource {
  /** Whether there are any, so that nothing has to be made for that to be known. */
  isThere(): Promise<boolean>
  /** Rejects with `storage_failure` or `insufficient_storage`. */
  open(): Promise<RecordsThread>
}

export function recordsIn(folder: string, logger: Logger): RecordsSource {
  return {
    isThere: () =>
      access(join(folder, DATABASE)).then(
        () => true,
        // A folder that may not be looked into is for the one who opens it to tell.
        (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
      ),
    open: () => startRecords(folder, logger),
  }
}

/** Rejects with `storage_failure` or `insufficient_storage` where the database cannot be opened. */
export async function startRecords(folder: string, logger: Logger): Promise<RecordsThread> {
  const waiting = new Map<number, Waiting>()
  let next = 0
  const failAll = (error: Error) => {
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  const host = await WorkerHost.start<object, ToRecords, FromRecords>({
    name: 'batch database',
    entry: ENTRY,
    workerData: { folder } satisfies RecordsWorkerData,
    logger,
    onMessage({ id, outcome }) {
      const { resolve, reject } = waiting.get(id) ?? {}
      waiting.delete(id)
      if ('error' in outcome) reject?.(fromWireError(outcome.error))
      else resolve?.(outcome.result)
    },
    onCrash: failAll,
  })
  const call = async (name: string, args: readonly unknown[]): Promise<unknown> => {
    host.assertHealthy()
    const id = next++
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    waiting.set(id, { resolve, reject })
    // Whoever called had the types of the interface.
    host.post({ type: 'call', id, call: { name, args } as unknown as RecordsCall })
    return promise
  }
  const methods = RECORDS_METHODS.map((name) => [
    name,
    (...args: readonly unknown[]) => call(name, args),
  ])
  return {
    records: Object.fromEntries(methods) as BatchRecords,
    async dispose() {
      await host.dispose()
      failAll(new Error('the database of batches was closed'))
    },
  }
}
