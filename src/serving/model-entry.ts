/** One model of the registry: its state, who uses it and who waits for it. */
import { AerieError } from '../errors.ts'
import type {
  AcquireOptions,
  ConfiguredModel,
  Footprint,
  FoundForLoad,
  LoadedModel,
  ModelState,
  ModelStatus,
} from './contract.ts'
import { total } from './measure-load.ts'
import type { Candidate } from './next-step.ts'

export interface Waiter extends AcquireOptions {
  /** In the order of arrival. */
  readonly number: number
  readonly lend: () => void
  readonly reject: (error: AerieError) => void
}

interface Failure {
  readonly reason: string
  /** Of the clock. */
  readonly retryAtMs: number
  readonly cause: unknown
}

/** Seconds after which a refused request may try again, where no load has told how long one takes. */
const FIRST_GUESS_SECONDS = 5
/** After which a request of a batch may come back. */
const BATCH_RETRY_SECONDS = 10

export class ModelEntry implements Candidate {
  readonly model: ConfiguredModel
  readonly waiters = new Set<Waiter>()
  state: ModelState = 'unloaded'
  loaded: LoadedModel | undefined
  found: FoundForLoad | undefined
  failure: Failure | undefined
  failuresInRow = 0
  /** While its threads start: settles when they have, or could not. */
  opening: Promise<void> | undefined
  /** Until the server itself tries to load it again. */
  nextTry: NodeJS.Timeout | undefined
  leases = 0
  loadedAtMs = -Infinity
  usedAtMs = -Infinity
  usedLiveAtMs = -Infinity
  #footprint: Footprint | undefined
  #document: ModelStatus['document']
  #adapters: LoadedModel['adapters'] = []
  #goodbye: PromiseWithResolvers<void> | undefined
  #finding: AbortController | undefined
  /** What was held where so much was estimated. */
  #measured: { readonly estimated: number; readonly held: number } | undefined
  #loads = 0
  #failures = 0
  #loadSeconds = 0
  readonly #evictions = { memory: 0, idle: 0, asked: 0 }

  constructor(model: ConfiguredModel) {
    this.model = model
  }

  get isPinned(): boolean {
    return this.model.isPinned
  }

  get isAskedToGo(): boolean {
    return this.#goodbye !== undefined
  }

  /** Of what lies on the disk now, when it is to be loaded. */
  get bytes(): number | undefined {
    const footprint = this.loaded ? this.#footprint : this.found?.footprint
    return footprint && total(footprint)
  }

  get liveSince(): number | undefined {
    return this.#longestWaiting('live')
  }

  get batchSince(): number | undefined {
    return this.#longestWaiting('batch')
  }

  get takesRequests(): boolean {
    return this.state === 'loaded' && !this.isAskedToGo
  }

  get usualLoadSeconds(): number {
    return this.#loads === 0 ? FIRST_GUESS_SECONDS : Math.ceil(this.#loadSeconds / this.#loads)
  }

  status(nowMs: number): ModelStatus {
    const { model, state, failure, leases, waiters } = this
    const { id, aliases, kind, isPinned, outline } = model
    const footprint = this.#footprint ?? this.found?.footprint
    return {
      ...{ id, aliases, base: undefined, document: this.#document },
      ...{ kind, isPinned, state, outline, leases },
      failure:
        failure && state === 'failed'
          ? {
              reason: failure.reason,
              retryAfterSeconds: Math.max(0, Math.ceil((failure.retryAtMs - nowMs) / 1000)),
            }
          : undefined,
      bytes: footprint && total(footprint),
      waiting: waiters.size,
      loads: this.#loads,
      failures: this.#failures,
      evictions: { ...this.#evictions },
      loadSeconds: this.#loadSeconds,
    }
  }

  /** As of the model, with its own name and what is known of it. */
  adapterStatus(name: string, nowMs: number): ModelStatus {
    const document = this.#adapters.find(({ id }) => id === name)
    const status = this.status(nowMs)
    return { ...status, id: name, base: status.id, aliases: [], document }
  }

  /** Adds the waiter; `onLeave` hears when it gives up. */
  wait(waiter: Waiter, onLeave: () => void): void {
    const { signal, patienceMs } = waiter
    const end = (error: AerieError) => {
      if (!this.waiters.has(settled)) return
      settled.reject(error)
      if (this.waiters.size === 0) this.#finding?.abort()
      onLeave()
    }
    const { id } = this.model
    const stop = () => end(new AerieError('cancelled', `nobody waits for ${id} any more`))
    const timer =
      patienceMs === undefined
        ? undefined
        : setTimeout(() => end(this.#notYet()), patienceMs).unref()
    const forget = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      this.waiters.delete(settled)
    }
    const settled: Waiter = {
      ...waiter,
      lend() {
        forget()
        waiter.lend()
      },
      reject(error) {
        forget()
        waiter.reject(error)
      },
    }
    signal.addEventListener('abort', stop, { once: true })
    this.waiters.add(settled)
  }

  /** Counts a use; the returned function ends it, and says whether nobody uses the model any more. */
  lend(priority: AcquireOptions['priority'], nowMs: () => number): () => boolean {
    const loaded = this.loaded
    this.leases++
    let isOver = false
    return () => {
      if (isOver || this.loaded !== loaded) return false
      isOver = true
      this.leases--
      this.usedAtMs = nowMs()
      if (priority === 'live') this.usedLiveAtMs = this.usedAtMs
      return this.leases === 0
    }
  }

  /** Throws `model_unavailable` when a load has failed and it is too early for the next. */
  refuseWhenFailed(nowMs: number): void {
    const { failure } = this
    if (!failure || failure.retryAtMs <= nowMs) return
    throw this.#unavailable(failure, nowMs)
  }

  forgetFailure(): void {
    if (this.state === 'failed') this.state = 'unloaded'
    this.failure = undefined
    this.failuresInRow = 0
  }

  /** Resolves when it is gone. */
  askToGo(): Promise<void> {
    this.#goodbye ??= Promise.withResolvers<void>()
    return this.#goodbye.promise
  }

  /** Whether it takes nothing new because it is about to go; when it stays after all, whoever waited is let in. */
  leave(isLeaving: boolean): void {
    if (!this.loaded) return
    this.state = isLeaving || this.isAskedToGo ? 'unloading' : 'loaded'
    if (this.takesRequests) for (const waiter of [...this.waiters]) waiter.lend()
  }

  /**
   * Never rejects: what is wrong is told to those who wait, and it is tried again no sooner than in `retryMs`. Resolves with
   * the failure, for the log; undefined where there is none, or nobody waits any more.
   */
  async find(retryMs: number, nowMs: () => number): Promise<Failure | undefined> {
    this.state = 'loading'
    this.#finding = new AbortController()
    const { signal } = this.#finding
    try {
      this.found = this.#asMeasured(await this.model.find(signal))
    } catch (error) {
      if (!signal.aborted) return this.fail(error, retryMs, nowMs())
      this.dropFound()
    } finally {
      this.#finding = undefined
    }
    return undefined
  }

  /** Somebody else is served first, or nobody waits any more. */
  dropFound(): void {
    if (this.state === 'loading') this.state = this.failure ? 'failed' : 'unloaded'
    this.found = undefined
  }

  open(): Promise<LoadedModel> {
    this.state = 'loading'
    return this.found!.open()
  }

  opened(
    model: LoadedModel,
    facts: { readonly footprint: Footprint; readonly seconds: number; readonly nowMs: number },
  ): void {
    const { footprint, seconds, nowMs } = facts
    this.#measured ??= { estimated: this.found!.footprint.held, held: footprint.held }
    this.loaded = model
    this.found = undefined
    this.failure = undefined
    this.failuresInRow = 0
    this.#footprint = footprint
    this.#document = model.document
    this.#adapters = model.adapters
    this.#loads++
    this.#loadSeconds += seconds
    this.usedAtMs = nowMs
    // One that nobody waits for any more has no right to stay.
    this.loadedAtMs = this.waiters.size > 0 ? nowMs : -Infinity
    this.leave(false)
  }

  unloaded(why?: 'memory' | 'idle' | 'asked'): void {
    this.loaded = undefined
    this.leases = 0
    this.state = 'unloaded'
    if (why) this.#evictions[why]++
    this.#goodbye?.resolve()
    this.#goodbye = undefined
  }

  /** It is not tried again before `retryMs` have passed. */
  fail(cause: unknown, retryMs: number, nowMs: number): Failure {
    const said = cause instanceof AerieError ? cause.message : 'a defect; the log has it'
    const reason = withoutPaths(said, this.model.places)
    this.failure = { reason, retryAtMs: nowMs + retryMs, cause }
    this.failuresInRow++
    this.#failures++
    this.state = 'failed'
    this.found = undefined
    this.refuseAll(this.#unavailable(this.failure, nowMs))
    return this.failure
  }

  refuseAll(error: AerieError): void {
    this.#finding?.abort()
    for (const waiter of [...this.waiters]) waiter.reject(error)
  }

  /** The same weights take what they took before. */
  #asMeasured(found: FoundForLoad): FoundForLoad {
    const { held } = found.footprint
    if (this.#measured?.estimated !== held) this.#measured = undefined
    if (!this.#measured) return found
    return { ...found, footprint: { ...found.footprint, held: this.#measured.held } }
  }

  #unavailable({ reason, retryAtMs, cause }: Failure, nowMs: number): AerieError {
    const what = `model '${this.model.id}' could not be loaded: ${reason}`
    const retryAfterSeconds = Math.max(1, Math.ceil((retryAtMs - nowMs) / 1000))
    return new AerieError('model_unavailable', what, { param: 'model', cause, retryAfterSeconds })
  }

  #notYet(): AerieError {
    const what = `model '${this.model.id}' is not loaded yet: live requests need the memory`
    return new AerieError('not_ready', what, { retryAfterSeconds: BATCH_RETRY_SECONDS })
  }

  #longestWaiting(priority: AcquireOptions['priority']): number | undefined {
    for (const waiter of this.waiters) if (waiter.priority === priority) return waiter.number
    return undefined
  }
}

/** Clients need not know where things lie. Longest paths first: an adapter may lie in the folder of its model. */
function withoutPaths(text: string, places: ReadonlyMap<string, string>): string {
  return [...places]
    .sort(([a], [b]) => b.length - a.length)
    .reduce((said, [path, name]) => said.replaceAll(path, name), text)
}
