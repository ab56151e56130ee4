/** Records as the main thread sees them: a thread that has the database, and promises. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../engine/logger.ts'
import { WorkerHost } from '../engine/worker-host.ts'
import { fromWireError } from '../errors.ts'
import type { ConnectionStats } from '../files/contract.ts'
import type { FromRecords, RecordsWorkerData, ToRecords } from './records-messages.ts'

/** Records that are open. */
export interface OpenRecords<Records> {
  readonly records: Records
  /** To a database that is elsewhere; absent where it is here. */
  readonly connections?: () => ConnectionStats
  dispose(): Promise<void>
}

/** Records on this machine or elsewhere. */
export interface RecordsSource<Records> {
  /** Whether there are any, so that nothing has to be made for that to be known. */
  isThere(): Promise<boolean>
  /** Rejects with `storage_failure` or `insufficient_storage`. */
  open(): Promise<OpenRecords<Records>>
}

/** A database in a folder of its own, which is made when it is opened. */
export interface RecordsFolder<Records> {
  /** Whose records these are, for messages and the log: `batches`. */
  readonly subject: string
  readonly folder: string
  /** The file of the database in it. */
  readonly database: string
  /** The module of the thread, which calls `serveRecords`. */
  readonly entry: URL
  /** Every method of the records. */
  readonly methods: readonly (keyof Records & string)[]
  readonly logger: Logger
}

interface Waiting {
  resolve(result: unknown): void
  reject(error: Error): void
}

export function recordsInFolder<Records extends object>(
  options: RecordsFolder<Records>,
): RecordsSource<Records> {
  return {
    isThere: () =>
      access(join(options.folder, options.database)).then(
        () => true,
        // A folder that may not be looked into is for the one who opens it to tell.
        (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
      ),
    open: () => startThread(options),
  }
}

async function startThread<Records extends object>({
  subject,
  folder,
  entry,
  methods,
  logger,
}: RecordsFolder<Records>): Promise<OpenRecords<Records>> {
  const waiting = new Map<number, Waiting>()
  let next = 0
  const failAll = (error: Error) => {
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  const host = await WorkerHost.start<object, ToRecords, FromRecords>({
    name: `database of ${subject}`,
    entry,
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
    host.post({ type: 'call', id, name, args })
    return promise
  }
  const calls = methods.map((name) => [name, (...args: readonly unknown[]) => call(name, args)])
  return {
    // Whoever calls has the types of the interface.
    records: Object.fromEntries(calls) as Records,
    async dispose() {
      await host.dispose()
      failAll(new Error(`the database of ${subject} was closed`))
    },
  }
}
