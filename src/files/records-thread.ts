/** The records as the main thread sees them: a thread that has the database, and promises. */
import type { Logger } from '../engine/logger.ts'
import { WorkerHost } from '../engine/worker-host.ts'
import { type AerieError, fromWireError } from '../errors.ts'
import type { FileRecords, Totals } from './file-records.ts'
import type {
  FromRecords,
  RecordsCall,
  RecordsReady,
  RecordsWorkerData,
  ToRecords,
} from './records-messages.ts'

const ENTRY = new URL('./records-worker.ts', import.meta.url)

interface Waiting {
  resolve(result: unknown): void
  reject(error: Error): void
}

export class RecordsThread implements FileRecords {
  #host!: WorkerHost<RecordsReady, ToRecords, FromRecords>
  readonly #waiting = new Map<number, Waiting>()
  #next = 0
  #totals: Totals = { files: 0, bytes: 0 }

  /** Rejects with `storage_failure` or `insufficient_storage` where the database cannot be opened. */
  static async start(folder: string, logger: Logger): Promise<RecordsThread> {
    const thread = new RecordsThread()
    thread.#host = await WorkerHost.start({
      name: 'file database',
      entry: ENTRY,
      workerData: { folder } satisfies RecordsWorkerData,
      logger,
      onMessage: (message) => thread.#receive(message),
      onCrash: (error) => thread.#failAll(error),
    })
    thread.#totals = thread.#host.ready.totals
    return thread
  }

  /** The folder of the blobs that the database tells of. */
  get blobFolder(): string {
    return this.#host.ready.blobs
  }

  /** As of the last answer. */
  get lastTotals(): Totals {
    return this.#totals
  }

  insert(...args: Parameters<FileRecords['insert']>) {
    return this.#call({ name: 'insert', args }) as ReturnType<FileRecords['insert']>
  }

  find(...args: Parameters<FileRecords['find']>) {
    return this.#call({ name: 'find', args }) as ReturnType<FileRecords['find']>
  }

  list(...args: Parameters<FileRecords['list']>) {
    return this.#call({ name: 'list', args }) as ReturnType<FileRecords['list']>
  }

  remove(...args: Parameters<FileRecords['remove']>) {
    return this.#call({ name: 'remove', args }) as ReturnType<FileRecords['remove']>
  }

  removeExpired(...args: Parameters<FileRecords['removeExpired']>) {
    return this.#call({ name: 'removeExpired', args }) as ReturnType<FileRecords['removeExpired']>
  }

  known(...args: Parameters<FileRecords['known']>) {
    return this.#call({ name: 'known', args }) as ReturnType<FileRecords['known']>
  }

  condemn(...args: Parameters<FileRecords['condemn']>) {
    return this.#call({ name: 'condemn', args }) as ReturnType<FileRecords['condemn']>
  }

  byBlob(...args: Parameters<FileRecords['byBlob']>) {
    return this.#call({ name: 'byBlob', args }) as ReturnType<FileRecords['byBlob']>
  }

  tenantTotals(...args: Parameters<FileRecords['tenantTotals']>) {
    return this.#call({ name: 'tenantTotals', args }) as ReturnType<FileRecords['tenantTotals']>
  }

  totals(): Promise<Totals> {
    return this.#call({ name: 'totals', args: [] }) as Promise<Totals>
  }

  async dispose(): Promise<void> {
    await this.#host.dispose()
    this.#failAll(new Error('the database of files was closed'))
  }

  async #call(call: RecordsCall): Promise<unknown> {
    this.#host.assertHealthy()
    const id = this.#next++
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#waiting.set(id, { resolve, reject })
    this.#host.post({ type: 'call', id, call })
    return promise
  }

  #receive({ id, outcome, totals }: FromRecords): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (totals) this.#totals = totals
    if ('error' in outcome) waiting?.reject(fromWireError(outcome.error))
    else waiting?.resolve(outcome.result)
  }

  #failAll(error: AerieError | Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
