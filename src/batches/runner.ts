/** This server's share of the work on batches: takes what is to be done, does it, and says every few seconds that it lives. */
import type { Logger } from '../engine/logger.ts'
import { AerieError } from '../errors.ts'
import type { FileStore } from '../files/contract.ts'
import { newServerName } from '../records/server-name.ts'
import type {
  BatchRecord,
  BatchRecords,
  BatchTask,
  BatchTotals,
  TakenLine,
} from './batch-records.ts'
import type { Dispatch } from './dispatch.ts'
import { LineBodies } from './line-bodies.ts'
import { LinePump } from './line-pump.ts'
import { type ReadInputOptions, readInput } from './read-input.ts'
import { refusedResult } from './result-line.ts'
import { ResultWriter } from './result-writer.ts'
import { runLine } from './run-line.ts'
import { writeFiles } from './write-files.ts'

export interface RunnerOptions {
  readonly records: BatchRecords
  readonly files: FileStore
  readonly dispatch: Dispatch
  readonly rules: ReadInputOptions['rules']
  /** Of all batches together, without a result. */
  readonly maxWaitingLines: number
  readonly concurrency: number
  readonly maxMedia: number
  readonly maxBytes: number
  /** Of all files and results together. */
  readonly maxStoredBytes: number
  readonly logger: Logger
  /** Milliseconds since 1970. */
  readonly nowMs: () => number
  /** Seconds after which a batch that has ended is forgotten. */
  readonly keptSeconds: number
  readonly timing: RunnerTiming
}

export interface RunnerTiming {
  /** Between two signs of life; others believe in it for six times as long. */
  readonly beatMs: number
  /** Before the first of attempts that may go better later. */
  readonly retryMs: number
}

export interface RunnerCounts {
  /** Lines since start, by this process. */
  completed: number
  failed: number
  /** Results that could not be kept at once, inputs that could not be read and files that could not be written. */
  failures: number
}

/** Tenants whose batches are looked at in one turn. */
const MOST_TENANTS = 100
const MOST_TASKS = 2
const TIDIED_AT_ONCE = 2000
const BEATS_BELIEVED = 6

interface RunningTask {
  readonly abort: AbortController
  readonly done: Promise<void>
}

export class BatchRunner {
  readonly server = newServerName()
  readonly counts: RunnerCounts = { completed: 0, failed: 0, failures: 0 }
  readonly #options: RunnerOptions
  readonly #pump: LinePump
  readonly #bodies: LineBodies
  readonly #writer: ResultWriter
  readonly #tasks = new Map<string, RunningTask>()
  readonly #timer: NodeJS.Timeout
  #totals: BatchTotals = { batches: {}, lines: 0, resultBytes: 0 }
  /** Bytes of results since the totals were looked at. */
  #newBytes = 0
  #nextBeat = 0
  #nextTidy = 0
  #turning: Promise<void> | undefined
  #isWoken = false
  #isStopped = false
  /** Why work waits: of the whole server, and of batches by id. */
  #trouble: string | undefined
  readonly #troubles = new Map<string, string>()

  constructor(options: RunnerOptions) {
    this.#options = options
    const { records, files, concurrency, maxMedia, maxBytes, timing } = options
    this.#bodies = new LineBodies(files)
    this.#pump = new LinePump({
      ...{ concurrency, maxMedia, maxBytes },
      run: (line, batch, signal) => this.#runLine(line, batch, signal),
      giveBack: (lines) => this.#giveBack(lines),
      onRoom: () => this.wake(),
    })
    this.#writer = new ResultWriter({
      ...{ records, server: this.server, retryMs: timing.retryMs },
      now: () => this.#now(),
      room: () => this.#room(),
      onTrouble: (reason) => this.#setTrouble(reason),
    })
    this.#timer = setInterval(() => this.wake(), timing.beatMs).unref()
    this.wake()
  }

  get totals(): BatchTotals {
    return this.#totals
  }

  get load(): { readonly running: number; readonly ready: number; readonly limit: number } {
    const { running, ready, limit } = this.#pump
    return { running, ready, limit }
  }

  /** Why a batch gets no further at the moment; undefined where it does. */
  troubleOf(id: string): string | undefined {
    return this.#troubles.get(id) ?? this.#trouble
  }

  /** There may be something to do. */
  wake(): void {
    this.#isWoken = true
    if (this.#isStopped) return
    this.#turning ??= this.#turn().finally(() => {
      this.#turning = undefined
    })
  }

  /** Ends what this server does for the batch. */
  stop(id: string): void {
    this.#pump.stop(id)
    this.#tasks.get(id)?.abort.abort()
    this.wake()
  }

  /** Ends everything in good order: what was taken is given back, to whoever comes. */
  async dispose(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#timer)
    for (const { abort } of this.#tasks.values()) abort.abort()
    const writing = this.#writer.dispose()
    await Promise.all([this.#pump.dispose(), writing, this.#turning])
    await Promise.all([...this.#tasks.values()].map(({ done }) => done))
    await this.#options.records.leave(this.server).catch((err: unknown) => {
      this.#options.logger.warn({ err }, 'batches: what was taken could not be given back at once')
    })
  }

  async #turn(): Promise<void> {
    while (this.#isWoken && !this.#isStopped) {
      this.#isWoken = false
      try {
        await this.#look()
      } catch (error) {
        this.#fail(error, 'batches: the database fails')
        return
      }
    }
  }

  async #look(): Promise<void> {
    const { records, timing } = this.#options
    this.#totals = await records.totals()
    this.#newBytes = 0
    const underWay = Object.values(this.#totals.batches).reduce((all, count) => all + count, 0)
    const nowMs = this.#options.nowMs()
    if (nowMs >= this.#nextTidy) {
      this.#nextTidy = nowMs + timing.beatMs / 2
      await this.#tidy()
    }
    if (underWay === 0) return
    if (nowMs >= this.#nextBeat) {
      const until = Math.ceil((nowMs + BEATS_BELIEVED * timing.beatMs) / 1000)
      const stopped = await records.beat(this.server, this.#now(), until)
      for (const id of stopped) this.stop(id)
      this.#nextBeat = nowMs + timing.beatMs / 2
    }
    await this.#takeTasks()
    await this.#takeLines()
  }

  async #takeTasks(): Promise<void> {
    while (this.#tasks.size < MOST_TASKS && !this.#isStopped) {
      const task = await this.#options.records.takeTask(this.server, this.#now())
      if (!task) return
      this.#begin(task)
    }
  }

  #begin(task: BatchTask): void {
    const { id } = task.batch
    const abort = new AbortController()
    const done = this.#do(task, abort.signal).finally(() => {
      this.#tasks.delete(id)
      this.wake()
    })
    this.#tasks.set(id, { abort, done })
  }

  async #do({ kind, batch }: BatchTask, signal: AbortSignal): Promise<void> {
    const { records, files, rules, maxWaitingLines, nowMs, timing } = this.#options
    const { id } = batch
    const { server } = this
    let waitMs = 0
    try {
      if (kind === 'read') {
        const now = () => this.#now()
        await readInput(batch, { records, files, server, rules, maxWaitingLines, now }, signal)
      } else await writeFiles(batch, { records, files, server, nowMs }, signal)
      this.#troubles.delete(id)
    } catch (error) {
      if (!signal.aborted) {
        waitMs = timing.retryMs
        this.#troubles.set(id, messageOf(error))
        this.#fail(error, `batches: ${id} waits`)
      }
    }
    if (this.#isStopped) return
    // Of one that is done this changes nothing.
    const notBefore = Math.ceil((nowMs() + waitMs) / 1000)
    await records.dropTask(server, id, notBefore).catch((error: unknown) => {
      this.#fail(error, `batches: ${id} could not be given back`)
    })
  }

  async #takeLines(): Promise<void> {
    const { records } = this.#options
    if (this.#pump.room === 0) return
    const batches = await records.runnable(MOST_TENANTS)
    // Whoever has one line waits no longer than whoever has thousands.
    const share = Math.max(1, Math.ceil(this.#pump.room / batches.length))
    for (const batch of batches) {
      if (this.#isStopped || this.#pump.room === 0) return
      const lines = await records.takeLines(this.server, batch.id, share)
      this.#pump.add(batch, lines)
      // They may have begun at once, so that there is room again.
      if (lines.length > 0 && this.#pump.room > 0) this.#isWoken = true
    }
  }

  async #runLine(line: TakenLine, batch: BatchRecord, signal: AbortSignal): Promise<boolean> {
    const { dispatch, rules, timing } = this.#options
    const options = {
      ...{
        bodies: this.#bodies,
        dispatch,
        maxAnswerBytes: rules.maxLineBytes,
        firstWaitMs: timing.retryMs,
      },
      onBusy: () => this.#pump.slowDown(),
      onTrouble: (reason: string | undefined) => this.#setTrouble(reason),
    }
    const result = await runLine(line, batch, options, signal).catch((error: unknown) => {
      this.#fail(error, `batches: line ${line.line} of ${batch.id} could not be run`)
      return refusedResult(line, 'internal_error', 'a defect of the server; its log says more')
    })
    if (!result) return false
    await this.#writer.keep(result)
    this.#newBytes += result.text.length
    this.counts[result.ok ? 'completed' : 'failed']++
    return true
  }

  #giveBack(lines: readonly TakenLine[]): void {
    this.#options.records.giveBack(this.server, lines).then(
      () => this.wake(),
      (error: unknown) => this.#fail(error, 'batches: lines could not be given back'),
    )
  }

  async #tidy(): Promise<void> {
    const before = this.#now() - this.#options.keptSeconds
    await this.#options.records.tidy(before, TIDIED_AT_ONCE)
  }

  /** Bytes that results may still take. */
  #room(): number {
    const { files, maxStoredBytes } = this.#options
    return maxStoredBytes - files.stats().bytes - this.#totals.resultBytes - this.#newBytes
  }

  #setTrouble(reason: string | undefined): void {
    if (reason !== undefined) this.counts.failures++
    if (reason !== undefined && reason !== this.#trouble) {
      this.#options.logger.error({ reason }, 'batches wait')
    }
    this.#trouble = reason
  }

  #fail(error: unknown, what: string): void {
    this.counts.failures++
    if (this.#isStopped) return
    this.#options.logger.error({ err: error }, what)
  }

  #now(): number {
    return Math.floor(this.#options.nowMs() / 1000)
  }
}

function messageOf(error: unknown): string {
  return error instanceof AerieError ? error.message : 'an internal error; the log says which'
}
