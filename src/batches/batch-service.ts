/** Batches of this server: records of them, and the runner that works them off once there is somebody to ask. */
import { randomBytes } from 'node:crypto'
import type { Logger } from '../engine/logger.ts'
import { AerieError } from '../errors.ts'
import type { FileStore } from '../files/contract.ts'
import type { OpenRecords, RecordsSource } from '../records/records-thread.ts'
import type { BatchRecords } from './batch-records.ts'
import {
  type Batch,
  type BatchQuery,
  type BatchService,
  type BatchState,
  type BatchStats,
  ENDED,
  isBatchId,
  type NewBatch,
} from './contract.ts'
import type { Dispatch } from './dispatch.ts'
import { BatchRunner, type RunnerOptions, type RunnerTiming } from './runner.ts'

export interface BatchServiceOptions
  extends Omit<RunnerOptions, 'records' | 'dispatch' | 'timing' | 'nowMs'> {
  readonly source: RecordsSource<BatchRecords>
  readonly files: FileStore
  /** Of one tenant, that have not ended. */
  readonly maxBatches: number
  readonly logger: Logger
  readonly nowMs?: () => number
  readonly timing?: RunnerTiming
}

/** How long the lines of a batch have: OpenAI's one completion window. */
const WINDOW_SECONDS = 24 * 60 * 60
const TIMING: RunnerTiming = { beatMs: 5000, retryMs: 1000 }
/** Records that could not be opened are tried again after so long: somebody may have mended them. */
const REOPEN_AFTER_MS = 1000

interface Opened {
  readonly thread: OpenRecords<BatchRecords>
  readonly runner: BatchRunner
}

/** Nothing runs before {@link start}, and nothing is made on the disk before the first batch. */
export class Batches implements BatchService {
  readonly #options: BatchServiceOptions
  readonly #nowMs: () => number
  #dispatch: Dispatch | undefined
  #opening: Promise<Opened> | undefined
  #opened: Opened | undefined
  #reopen: NodeJS.Timeout | undefined
  #isStopped = false
  #failures = 0

  constructor(options: BatchServiceOptions) {
    this.#options = options
    this.#nowMs = options.nowMs ?? Date.now
  }

  /** Goes on with what an earlier server has left. Never rejects: what is wrong stands in the log, and every call says it. */
  async start(dispatch: Dispatch): Promise<void> {
    this.#dispatch = dispatch
    await this.#openIfThere().catch(() => undefined)
  }

  async create(batch: NewBatch): Promise<BatchState> {
    this.#refuseWhenStopped()
    const { tenant, inputFileId } = batch
    const file = await this.#options.files.find(tenant, inputFileId)
    const param = 'input_file_id'
    if (!file) {
      const what = `input_file_id: no file ${JSON.stringify(inputFileId)}; it was deleted, has expired or never was`
      throw new AerieError('not_found', what, { param })
    }
    if (file.purpose !== 'batch') {
      const what = `input_file_id: expected a file of the purpose batch, got one of ${file.purpose}`
      throw new AerieError('invalid_request', what, { param })
    }
    const { thread, runner } = await this.#open()
    const created = this.#newBatch(batch)
    const { maxBatches } = this.#options
    if (!(await this.#counted(thread.records.insert(created, { maxBatches })))) {
      const what = `${maxBatches} batches of this key have not ended (maxBatches); try again when one has`
      throw new AerieError('queue_full', what, { retryAfterSeconds: 60 })
    }
    runner.wake()
    return { ...created, waitingFor: undefined }
  }

  async find(tenant: string, id: string): Promise<BatchState | undefined> {
    const opened = isBatchId(id) ? await this.#openIfThere() : undefined
    const found = await this.#counted(opened?.thread.records.find(tenant, id))
    return found && this.#stateOf(found)
  }

  async list(query: BatchQuery) {
    const opened = await this.#openIfThere()
    if (!opened) return { batches: [], hasMore: false }
    const { batches, hasMore } = await this.#counted(opened.thread.records.list(query))
    return { batches: batches.map((batch) => this.#stateOf(batch)), hasMore }
  }

  async cancel(tenant: string, id: string): Promise<BatchState | undefined> {
    const opened = isBatchId(id) ? await this.#openIfThere() : undefined
    if (!opened) return undefined
    const now = Math.floor(this.#nowMs() / 1000)
    const found = await this.#counted(opened.thread.records.cancel(tenant, id, now))
    if (!found) return undefined
    if (ENDED.includes(found.status)) {
      const what = `batch_id: expected a batch that has not ended, got one that is ${found.status}`
      throw new AerieError('invalid_request', what, { param: 'batch_id' })
    }
    opened.runner.stop(id)
    return this.#stateOf(found)
  }

  stats(): BatchStats {
    const { concurrency, maxWaitingLines: maxLines } = this.#options
    const runner = this.#opened?.runner
    const { batches, lines, resultBytes } = runner?.totals ?? {
      ...{ batches: {}, lines: 0, resultBytes: 0 },
    }
    const { completed, failed, failures } = runner?.counts ?? {
      ...{ completed: 0, failed: 0, failures: 0 },
    }
    return {
      ...{ batches, lines, maxLines, resultBytes, concurrency, completed, failed },
      ...(runner?.load ?? { running: 0, ready: 0, limit: concurrency }),
      failures: failures + this.#failures,
      database: this.#opened?.thread.connections?.(),
    }
  }

  /** Gives back what was taken, for another server or the next start. Calls are refused from now on. */
  async dispose(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#reopen)
    const opened = await this.#opening?.catch(() => undefined)
    await opened?.runner.dispose()
    await opened?.thread.dispose()
  }

  /** Ends what is running and gives it back, while batches can still be looked at. */
  async pause(): Promise<void> {
    const opened = await this.#opening?.catch(() => undefined)
    await opened?.runner.dispose()
  }

  async #openIfThere(): Promise<Opened | undefined> {
    this.#refuseWhenStopped()
    if (this.#opening) return await this.#counted(this.#opening)
    return (await this.#options.source.isThere()) ? await this.#open() : undefined
  }

  async #open(): Promise<Opened> {
    this.#refuseWhenStopped()
    this.#opening ??= this.#begin()
    return await this.#counted(this.#opening)
  }

  async #begin(): Promise<Opened> {
    const { source, logger, timing = TIMING } = this.#options
    const dispatch = this.#dispatch
    if (!dispatch) throw new Error('batches were asked before they were started')
    try {
      const thread = await source.open()
      const { records } = thread
      const options = { ...this.#options, records, dispatch, timing, nowMs: this.#nowMs }
      this.#opened = { thread, runner: new BatchRunner(options) }
      return this.#opened
    } catch (err) {
      logger.error({ err }, 'batches cannot be kept or read')
      // By itself as well: batches that were under way go on without anybody asking.
      this.#reopen = setTimeout(() => {
        this.#opening = undefined
        this.#openIfThere().catch(() => undefined)
      }, REOPEN_AFTER_MS).unref()
      throw err
    }
  }

  #newBatch(batch: NewBatch): Batch {
    const nowMs = this.#nowMs()
    const createdAt = Math.floor(nowMs / 1000)
    return {
      id: newBatchId(nowMs),
      ...batch,
      status: 'validating',
      model: undefined,
      counts: { total: 0, completed: 0, failed: 0 },
      usage: { inputTokens: 0, cachedTokens: 0, outputTokens: 0 },
      errors: [],
      outputFileId: undefined,
      errorFileId: undefined,
      createdAt,
      expiresAt: createdAt + WINDOW_SECONDS,
      ...{ inProgressAt: undefined, finalizingAt: undefined, completedAt: undefined },
      ...{ failedAt: undefined, expiredAt: undefined },
      ...{ cancellingAt: undefined, cancelledAt: undefined },
    }
  }

  #stateOf(batch: Batch): BatchState {
    const hasEnded = ENDED.includes(batch.status)
    const waitingFor = hasEnded ? undefined : this.#opened?.runner.troubleOf(batch.id)
    return { ...batch, waitingFor }
  }

  async #counted<T>(work: Promise<T> | T): Promise<T> {
    try {
      return await work
    } catch (error) {
      this.#failures++
      throw error
    }
  }

  #refuseWhenStopped(): void {
    if (this.#isStopped) throw new AerieError('shutting_down', 'batches: the server is stopping')
  }
}

/** Nobody can guess one, and they sort by the time of creation, so that a page can begin behind a batch that is gone. */
function newBatchId(nowMs: number): string {
  return `batch_${nowMs.toString(16).padStart(12, '0')}${randomBytes(12).toString('hex')}`
}
