/** The only place that loads and unloads models: who waits for which, who uses which, and what fits into memory. */
import { AerieError } from '../errors.ts'
import type { Logger } from '../telemetry/logger.ts'
import { gibibytes } from './bytes-text.ts'
import type {
  AcquireOptions,
  ConfiguredModel,
  Lease,
  LoadedModel,
  ModelDirectory,
  ModelKind,
  ModelLender,
  ModelStatus,
  ResolvedName,
} from './contract.ts'
import { Measurement, total } from './measure-load.ts'
import { ModelEntry } from './model-entry.ts'
import { ModelNames } from './model-names.ts'
import { headOf, nextStep, type Rules, type Step } from './next-step.ts'

export interface RegistryOptions extends Partial<Rules> {
  readonly models: readonly ConfiguredModel[]
  /** Requests that may wait for models, all together. */
  readonly maxWaiting: number
  readonly logger: Logger
  /** Milliseconds that only rise. */
  readonly nowMs?: () => number
  /** Bytes that this process holds and shares with nobody; undefined where the system does not tell. */
  readonly heldBytes?: () => Promise<number | undefined>
  /** Hears of a model before it is gone, for what is counted over its life. */
  readonly onUnload?: (model: LoadedModel) => void
}

/** Doubled with each load that fails, up to the second. */
const FIRST_RETRY_MS = 1000
const MOST_RETRY_MS = 60_000

export class ModelRegistry implements ModelDirectory, ModelLender {
  readonly #options: RegistryOptions
  readonly #rules: Rules
  readonly #names: ModelNames
  readonly #entries: readonly ModelEntry[]
  readonly #byId: ReadonlyMap<string, ModelEntry>
  readonly #nowMs: () => number
  #nextNumber = 1
  #working: Promise<void> | undefined
  #news: (() => void) | undefined
  readonly #closing = new AbortController()
  /** Memory that a model gave back may stay with the allocator, and then the next one seems to take less. */
  #hasUnloaded = false

  /** Throws `invalid_config` for a name that stands twice. */
  constructor(options: RegistryOptions) {
    const { models, budgetBytes = Infinity, minResidenceMs = 0, idleMs = Infinity } = options
    this.#options = options
    this.#rules = { budgetBytes, minResidenceMs, idleMs }
    this.#names = new ModelNames(models)
    this.#entries = models.map((model) => new ModelEntry(model))
    this.#byId = new Map(this.#entries.map((entry) => [entry.model.id, entry]))
    this.#nowMs = options.nowMs ?? (() => performance.now())
  }

  /** Loads what is to be there from the beginning. Rejects with what the first of them fails with. */
  async start(signal: AbortSignal = new AbortController().signal): Promise<void> {
    for (const { model } of this.#entries) {
      if (!model.isPreloaded) continue
      try {
        await this.load(model.id, signal)
      } catch (error) {
        throw error instanceof AerieError && error.code === 'model_unavailable' && error.cause
          ? error.cause
          : error
      }
    }
    const gone = this.#entries.filter((one) => one.model.isPreloaded && one.state !== 'loaded')
    if (gone.length === 0) return
    const sizes = this.#entries
      .filter(({ model }) => model.isPreloaded)
      .map((one) => `${one.model.id} ${gibibytes(one.bytes ?? 0)}`)
    const budget = gibibytes(this.#rules.budgetBytes)
    const what = `modelMemoryBytes: ${budget} do not hold all models that are to be loaded at the start: ${sizes.join(', ')}`
    throw new AerieError('invalid_config', what)
  }

  list(): readonly ModelStatus[] {
    return this.#entries.flatMap((entry) => [
      entry.status(this.#nowMs()),
      ...entry.model.adapters.map((name) => entry.adapterStatus(name, this.#nowMs())),
    ])
  }

  find(name: string, wanted?: ModelKind): ModelStatus {
    const { id, adapter } = this.#names.resolve(name, wanted)
    const entry = this.#entryOf(id)
    return adapter === undefined
      ? entry.status(this.#nowMs())
      : entry.adapterStatus(adapter, this.#nowMs())
  }

  /** Without adapters, which take part in what their models are. */
  statuses(): readonly ModelStatus[] {
    return this.#entries.map((entry) => entry.status(this.#nowMs()))
  }

  /** All that requests may say. */
  names(): string[] {
    return this.#names.all()
  }

  resolve(name: string, kind: ModelKind): ResolvedName {
    return this.#names.resolve(name, kind)
  }

  /** Models that are loaded now, busy ones that are about to go among them. */
  loaded(): readonly LoadedModel[] {
    return this.#entries.flatMap(({ loaded }) => (loaded ? [loaded] : []))
  }

  budget(): { readonly usedBytes: number; readonly maxBytes: number; readonly maxWaiting: number } {
    const usedBytes = this.#entries
      .filter(({ loaded }) => loaded)
      .reduce((sum, { bytes }) => sum + (bytes ?? 0), 0)
    return { usedBytes, maxBytes: this.#rules.budgetBytes, maxWaiting: this.#options.maxWaiting }
  }

  /** Why requests would not be served now, in words. */
  problems(): string[] {
    return this.#entries.flatMap(({ model: { id, isPreloaded }, state, loaded, failure }) => [
      ...(isPreloaded && state === 'failed'
        ? [`${id} could not be loaded: ${failure!.reason}`]
        : []),
      ...(loaded?.problems() ?? []).map((problem) => `${id}: ${problem}`),
    ])
  }

  async acquire(id: string, options: AcquireOptions): Promise<Lease> {
    const entry = this.#entryOf(id)
    this.#refuseWhenClosed()
    if (options.signal.aborted) throw cancelled(id)
    if (entry.takesRequests) return this.#lend(entry, options.priority, false)
    entry.refuseWhenFailed(this.#nowMs())
    const waiting = this.#entries.reduce((sum, { waiters }) => sum + waiters.size, 0)
    if (waiting >= this.#options.maxWaiting) {
      const what = `${waiting} requests wait for models to be loaded, as many as may (maxModelWaiting)`
      throw new AerieError('queue_full', what, { retryAfterSeconds: entry.usualLoadSeconds })
    }
    return await new Promise<Lease>((resolve, reject) => {
      const lend = () => resolve(this.#lend(entry, options.priority, true))
      entry.wait({ ...options, number: this.#nextNumber++, lend, reject }, () => this.#tell())
      this.#tell()
    })
  }

  async load(name: string, signal: AbortSignal): Promise<ModelStatus> {
    const { id } = this.#names.resolve(name)
    const entry = this.#entryOf(id)
    // Whoever asks by hand has mended it, and does not want to hear what was wrong before.
    entry.forgetFailure()
    using _ = await this.acquire(id, { priority: 'live', signal })
    return entry.status(this.#nowMs())
  }

  async unload(name: string, signal: AbortSignal): Promise<ModelStatus> {
    const entry = this.#entryOf(this.#names.resolve(name).id)
    this.#refuseWhenClosed()
    // What is being opened cannot be stopped any more, and would be there after it was said to be gone.
    const { opening, model } = entry
    if (opening) await untilAborted(opening, signal, () => cancelled(model.id))
    if (entry.loaded) {
      const gone = entry.askToGo()
      this.#tell()
      await untilAborted(gone, signal, () => cancelled(entry.model.id))
    }
    return entry.status(this.#nowMs())
  }

  /** Resolves when nothing that is loaded runs or waits any more. */
  async drain(): Promise<void> {
    await Promise.all(this.loaded().map((model) => model.drain()))
  }

  /** Refuses what waits, ends a load that is under way, and closes everything. */
  async dispose(): Promise<void> {
    this.#closing.abort()
    for (const entry of this.#entries) {
      entry.refuseAll(new AerieError('shutting_down', 'the server is stopping'))
    }
    this.#tell()
    await this.#working
    await Promise.all(
      this.#entries.map(async (entry) => {
        const { loaded } = entry
        entry.unloaded()
        await loaded?.dispose()
      }),
    )
  }

  #entryOf(id: string): ModelEntry {
    const entry = this.#byId.get(id)
    if (!entry) throw new Error(`no model ${id}`)
    return entry
  }

  #refuseWhenClosed(): void {
    if (this.#closing.signal.aborted)
      throw new AerieError('shutting_down', 'the server is stopping')
  }

  #lend(entry: ModelEntry, priority: AcquireOptions['priority'], waited: boolean): Lease {
    const giveBack = entry.lend(priority, this.#nowMs)
    return {
      model: entry.loaded!,
      waited,
      [Symbol.dispose]: () => {
        if (giveBack()) this.#tell()
      },
    }
  }

  /** Something has changed that may be of consequence. */
  #tell(): void {
    this.#news?.()
    this.#working ??= this.#work()
  }

  /** One thing at a time: what a model takes is known for sure only while no other comes or goes. */
  async #work(): Promise<void> {
    // Whoever tells must see that this runs.
    await undefined
    while (!this.#closing.signal.aborted) {
      const step = nextStep(this.#entries, this.#rules, this.#nowMs())
      this.#keepTo(step)
      if (step.do === 'wait' && step.untilMs === Infinity && step.leaving.length === 0) break
      await this.#take(step)
    }
    this.#working = undefined
  }

  /** Undoes what was begun for a request that has gone or was overtaken. */
  #keepTo(step: Step<ModelEntry>): void {
    const leaving = step.do === 'wait' ? step.leaving : []
    const head = headOf(this.#entries)
    for (const entry of this.#entries) {
      if (step.do !== 'unload' || step.one !== entry) entry.leave(leaving.includes(entry))
      if (entry !== head) entry.dropFound()
    }
  }

  async #take(step: Step<ModelEntry>): Promise<void> {
    switch (step.do) {
      case 'find': {
        const failure = await step.one.find(this.#retryMs(step.one), this.#nowMs)
        if (failure) this.#failed(step.one, failure.cause)
        return
      }
      case 'load':
        step.one.opening = this.#load(step.one).finally(() => {
          step.one.opening = undefined
        })
        return await step.one.opening
      case 'unload':
        return await this.#unload(step.one, step.why)
      case 'refuse':
        return this.#refuse(step.one, step.pinnedBytes)
      case 'wait':
        return await this.#untilNews(step.untilMs)
    }
  }

  async #load(entry: ModelEntry): Promise<void> {
    const { logger, heldBytes = async () => undefined } = this.#options
    const { id } = entry.model
    const start = this.#nowMs()
    const before = await heldBytes()
    const isQuiet = () => this.#entries.every(({ leases }) => leases === 0)
    const wasQuiet = isQuiet()
    let model: LoadedModel
    try {
      model = await entry.open()
    } catch (error) {
      entry.fail(error, this.#retryMs(entry), this.#nowMs())
      this.#failed(entry, error)
      return
    }
    const seconds = (this.#nowMs() - start) / 1000
    const measured = new Measurement(before, wasQuiet && isQuiet() ? await heldBytes() : undefined)
    const { footprint: estimate, isGiven } = entry.found!
    const footprint = isGiven ? estimate : measured.correct(estimate, this.#hasUnloaded)
    entry.opened(model, { footprint, seconds, nowMs: this.#nowMs() })
    logger.info({ model: id, seconds, ...footprint, bytes: total(footprint) }, 'model loaded')
  }

  async #unload(entry: ModelEntry, why: 'memory' | 'idle' | 'asked'): Promise<void> {
    const { logger, onUnload } = this.#options
    const { loaded: model } = entry
    entry.leave(true)
    onUnload?.(model!)
    try {
      await model!.dispose()
    } catch (err) {
      // What is left of it is nobody's any more; the next load starts anew.
      logger.error({ err, model: entry.model.id }, 'the model did not close as it should')
    }
    this.#hasUnloaded = true
    entry.unloaded(why)
    logger.info({ model: entry.model.id, why }, 'model unloaded')
  }

  #failed(entry: ModelEntry, err: unknown): void {
    this.#options.logger.error({ err, model: entry.model.id }, 'the model could not be loaded')
    this.#tryLater(entry)
  }

  /**
   * One that is to be there is what `/readyz` goes by, and a server that is not ready gets no request that would load it again.
   * Behind everything else, as a batch: nobody has asked for it.
   */
  #tryLater(entry: ModelEntry): void {
    const { model } = entry
    if (!model.isPreloaded || this.#closing.signal.aborted) return
    const tooEarlyMs = (entry.failure?.retryAtMs ?? 0) - this.#nowMs()
    clearTimeout(entry.nextTry)
    entry.nextTry = setTimeout(
      async () => {
        entry.nextTry = undefined
        if (entry.state !== 'failed') return
        const options = { priority: 'batch', signal: this.#closing.signal } as const
        try {
          using _ = await this.acquire(model.id, { ...options, patienceMs: MOST_RETRY_MS })
        } catch {
          // A load that failed is logged where it did, and has set the next time; else there was no room to wait, or none came.
          if (!entry.nextTry) this.#tryLater(entry)
        }
      },
      Math.max(FIRST_RETRY_MS, tooEarlyMs),
    ).unref()
  }

  #refuse(entry: ModelEntry, pinnedBytes: number): void {
    const { budgetBytes } = this.#rules
    const pinned =
      pinnedBytes === 0 ? '' : `, of which pinned models hold ${gibibytes(pinnedBytes)}`
    const bytes = entry.bytes!
    const needs = `${entry.model.id} takes about ${gibibytes(bytes)}`
    const what = `${needs}, and modelMemoryBytes is ${gibibytes(budgetBytes)}${pinned}`
    entry.fail(new AerieError('invalid_config', what), this.#retryMs(entry), this.#nowMs())
    this.#options.logger.error({ model: entry.model.id, bytes, budgetBytes }, what)
    this.#tryLater(entry)
  }

  #retryMs({ failuresInRow }: ModelEntry): number {
    return Math.min(MOST_RETRY_MS, FIRST_RETRY_MS * 2 ** failuresInRow)
  }

  async #untilNews(untilMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#news = resolve
    const longest = Math.min(untilMs - this.#nowMs(), MOST_TIMER_MS)
    const timer = setTimeout(resolve, Math.max(0, longest)).unref()
    await promise
    clearTimeout(timer)
    this.#news = undefined
  }
}

/** Longer ones fire at once. */
const MOST_TIMER_MS = 2 ** 31 - 1

function cancelled(id: string): AerieError {
  return new AerieError('cancelled', `nobody waits for ${id} any more`)
}

async function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
  error: () => AerieError,
): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = () => reject(error())
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
