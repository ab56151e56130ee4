/** Responses in the background: a bounded queue, a few at a time, which nobody has to wait for. */
import { setTimeout as delay } from 'node:timers/promises'
import { AerieError } from '../../errors.ts'
import type { BackgroundStats, EndStatus } from '../../responses/contract.ts'
import type { ResponseBuilder, ResponseObject } from './builder.ts'
import { reopenConversation } from './conversation.ts'
import { type EventLog, EventLogs } from './event-log.ts'
import type { ResponsePlan } from './request.ts'
import { generateResponse, type ResponseRun, type RunningResponses, type RunRoom } from './run.ts'

export interface BackgroundOptions {
  /** That wait or run. */
  readonly maxRuns: number
  readonly concurrency: number
  readonly maxEventBytes: number
}

/** What its maker knows of a run. */
export interface BackgroundJob {
  readonly plan: ResponsePlan
  readonly builder: ResponseBuilder
  readonly see: ResponseRun['see']
  readonly toError: ResponseRun['toError']
  /** Hears how it ended. */
  ended(response: ResponseObject): void
}

interface Job extends BackgroundJob {
  readonly log: EventLog
  readonly running: ReturnType<RunningResponses['begin']>
  readonly done: Promise<void>
}

/** A queue that is full is asked again after so long where it does not say. */
const RETRY_SECONDS = 1

export class BackgroundResponses {
  readonly #room: RunRoom
  readonly #options: BackgroundOptions
  readonly #jobs = new Map<string, Job>()
  readonly #waiting: ((isWanted: boolean) => void)[] = []
  readonly #runs: RunningResponses
  readonly #logs: EventLogs
  /** Of responses that were made with a stream, also behind their end. */
  readonly #logsById = new Map<string, { readonly tenant: string; readonly log: EventLog }>()
  #running = 0
  #isDraining = false
  readonly #ended = { completed: 0, incomplete: 0, failed: 0, cancelled: 0 }

  constructor(room: RunRoom, runs: RunningResponses, options: BackgroundOptions) {
    this.#room = room
    this.#runs = runs
    this.#options = options
    this.#logs = new EventLogs(options.maxEventBytes)
  }

  /** Throws `queue_full` where no more may wait, `shutting_down` while draining. */
  assertRoom(): void {
    const { maxRuns } = this.#options
    if (this.#isDraining) throw shuttingDown()
    if (this.#jobs.size < maxRuns) return
    const what = `background: ${maxRuns} responses wait or run (maxBackgroundResponses); try again later`
    throw new AerieError('queue_full', what, { param: 'background', retryAfterSeconds: 5 })
  }

  /** Of a response that is stored as queued. Its events, from the first. */
  begin(job: BackgroundJob): EventLog {
    const { plan, builder } = job
    const log = this.#logs.open()
    log.add(builder.queue())
    const { promise: done, resolve } = Promise.withResolvers<void>()
    const made: Job = { ...job, log, running: this.#runs.begin(plan.id), done }
    this.#jobs.set(plan.id, made)
    if (plan.isStream) this.#remember(plan, log)
    void this.#run(made).finally(() => {
      this.#jobs.delete(plan.id)
      made.running[Symbol.dispose]()
      log.end()
      if (!plan.isStream) this.#logs.drop(log)
      resolve()
    })
    return log
  }

  /** As it is now; undefined where it does not run here. */
  find(tenant: string, id: string): ResponseObject | undefined {
    const job = this.#jobs.get(id)
    return job?.plan.tenant === tenant ? job.builder.response : undefined
  }

  /** Its events; undefined where it was not made with a stream, or they are gone, or it is another server's. */
  events(tenant: string, id: string): EventLog | undefined {
    const found = this.#logsById.get(id)
    return found?.tenant === tenant && !found.log.isGone ? found.log : undefined
  }

  /** Resolves when it has ended; at once where it does not run here. */
  async cancel(tenant: string, id: string): Promise<void> {
    const job = this.#jobs.get(id)
    if (job?.plan.tenant !== tenant) return
    job.running.abort.abort()
    await job.done
  }

  /** Its events are not wanted any more. */
  forget(id: string): void {
    const found = this.#logsById.get(id)
    if (!found) return
    this.#logs.drop(found.log)
    this.#logsById.delete(id)
  }

  stats(): BackgroundStats {
    const { maxRuns, concurrency } = this.#options
    const { bytes, maxBytes, dropped } = this.#logs.stats()
    const waiting = this.#jobs.size - this.#running
    return {
      ...{ running: this.#running, maxRunning: concurrency, waiting, maxWaiting: maxRuns },
      ...{ eventBytes: bytes, maxEventBytes: maxBytes, eventsDropped: dropped },
      ended: { ...this.#ended },
    }
  }

  /** Those that wait fail at once; resolves when those that run have ended. */
  async drain(): Promise<void> {
    this.#isDraining = true
    for (const start of this.#waiting.splice(0)) start(false)
    await Promise.all([...this.#jobs.values()].map(({ done }) => done))
  }

  /** All of them end now. */
  async dispose(): Promise<void> {
    for (const { running } of this.#jobs.values()) running.abort.abort(shuttingDown())
    await this.drain()
  }

  async #run(job: Job): Promise<void> {
    try {
      await this.#place(job.running.abort.signal)
      try {
        await this.#generate(job)
      } finally {
        this.#leave()
      }
    } catch (thrown) {
      await this.#fail(job, thrown)
    }
    const { response } = job.builder
    this.#ended[response.status as EndStatus]++
    job.ended(response)
  }

  /** As long as the engine has no room, it is asked again. */
  async #generate(job: Job): Promise<void> {
    const { plan, log } = job
    const { signal } = job.running.abort
    const { store } = this.#room
    const run = { ...job, signal, ifNotTaken: 'leave' as const }
    for (let isTaken = false; ; ) {
      signal.throwIfAborted()
      // Read at its turn: what waits takes no memory.
      const conversation = await reopenConversation(store, plan.tenant, plan.id)
      try {
        for await (const event of generateResponse(this.#room, run, conversation)) {
          if (!isTaken) await store.begin(plan.tenant, plan.id)
          isTaken = true
          log.add([event])
        }
        return
      } catch (error) {
        const isFull = error instanceof AerieError && error.code === 'queue_full'
        if (!isFull || isTaken || this.#isDraining) throw error
        const { retryAfterSeconds = RETRY_SECONDS } = error
        await delay(retryAfterSeconds * 1000, undefined, { signal })
      }
    }
  }

  /** What failed before the engine had taken it is kept here; the rest is. Readers of its events hear of either. */
  async #fail(job: Job, thrown: unknown): Promise<void> {
    const { plan, builder, log, toError } = job
    const { signal } = job.running.abort
    const isCancelled = signal.aborted && !(signal.reason instanceof AerieError)
    const error = isCancelled
      ? new AerieError('cancelled', 'the response was cancelled')
      : toError(signal.aborted ? signal.reason : thrown)
    if (isUnderWay(builder.response)) {
      const status = isCancelled ? 'cancelled' : 'failed'
      const body = JSON.stringify(builder.stop(status, isCancelled ? undefined : error))
      // What cannot be kept is lost: whoever asks for it is told so.
      await this.#room.store.finish(plan.tenant, plan.id, status, body).catch(toError)
    }
    log.add(builder.failure(error))
  }

  #remember({ id, tenant }: ResponsePlan, log: EventLog): void {
    for (const [other, known] of this.#logsById) if (known.log.isGone) this.#logsById.delete(other)
    this.#logsById.set(id, { tenant, log })
  }

  async #place(signal: AbortSignal): Promise<void> {
    if (this.#isDraining) throw shuttingDown()
    if (this.#running < this.#options.concurrency) {
      this.#running++
      return
    }
    const { promise, resolve: start } = Promise.withResolvers<boolean>()
    this.#waiting.push(start)
    const leave = () => {
      const at = this.#waiting.indexOf(start)
      if (at >= 0) this.#waiting.splice(at, 1)
      start(false)
    }
    signal.addEventListener('abort', leave, { once: true })
    const isWanted = await promise
    signal.removeEventListener('abort', leave)
    if (!isWanted) throw shuttingDown()
  }

  /** A place is handed on, so that nobody who comes just now takes it first. */
  #leave(): void {
    const start = this.#waiting.shift()
    if (start) start(true)
    else this.#running--
  }
}

function isUnderWay({ status }: ResponseObject): boolean {
  return status === 'queued' || status === 'in_progress'
}

function shuttingDown(): AerieError {
  return new AerieError('shutting_down', 'the server stopped before the response was complete')
}
