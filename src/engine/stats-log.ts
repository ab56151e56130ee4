/** The worker's counters as the main thread keeps them: over restarts, and batch sizes until they are asked for. */
import type { GrammarStats } from '../grammar/grammars.ts'
import type { CoreStats } from './engine-commands.ts'
import type { AdapterStats } from './types.ts'

const MAX_BATCH_SIZES = 4096

const COUNTERS = [
  'steps',
  'promptTokens',
  'cachedPromptTokens',
  'prefixHits',
  'prefixMisses',
  'prefixEvictions',
  'generatedTokens',
  'draftedTokens',
  'acceptedTokens',
  'preemptions',
  'aborted',
] as const

const GRAMMAR_COUNTERS = [
  'compiled',
  'cacheHits',
  'refused',
  'masks',
  'masksAside',
  'maskWaits',
  'maskWaitMs',
  'steered',
  'restarts',
] as const

/** What a worker counts. */
type WorkerStats = CoreStats & { readonly grammars: GrammarStats }

export const NO_GRAMMARS: GrammarStats = {
  compiled: 0,
  cacheHits: 0,
  refused: 0,
  cached: 0,
  cachedMax: 0,
  cachedBytes: 0,
  cachedBytesMax: 0,
  masks: 0,
  masksAside: 0,
  maskWaits: 0,
  maskWaitMs: 0,
  steered: 0,
  restarts: 0,
}

const NOTHING: WorkerStats = {
  running: 0,
  waiting: 0,
  kvBlocksUsed: 0,
  kvBlocksCached: 0,
  kvBlocksTotal: 0,
  stateSlotsUsed: 0,
  stateSlotsCached: 0,
  stateSlotsTotal: 0,
  steps: 0,
  promptTokens: 0,
  cachedPromptTokens: 0,
  prefixHits: 0,
  prefixMisses: 0,
  prefixEvictions: 0,
  generatedTokens: 0,
  draftedTokens: 0,
  acceptedTokens: 0,
  preemptions: 0,
  adapters: undefined,
  aborted: 0,
  batchSizes: [],
  grammars: NO_GRAMMARS,
}

export class StatsLog {
  kvBlocksTotal = 0
  stateSlotsTotal = 0
  /** Sums of the workers that have crashed. */
  #before = NOTHING
  #latest = NOTHING
  #batchSizes: number[] = []

  receive(stats: WorkerStats): void {
    this.#latest = stats
    this.#batchSizes.push(...stats.batchSizes)
    this.#batchSizes.splice(0, Math.max(this.#batchSizes.length - MAX_BATCH_SIZES, 0))
  }

  /** A new worker starts its counters at 0. */
  restart(): void {
    this.#before = {
      ...NOTHING,
      ...this.#counters(),
      ...{ grammars: this.#grammars(), adapters: this.#adapters() },
    }
    this.#latest = NOTHING
  }

  /** Counters since the start; batch sizes since the last call. */
  take(): WorkerStats {
    const batchSizes = this.#batchSizes
    this.#batchSizes = []
    const { kvBlocksTotal, stateSlotsTotal } = this
    const { cached, cachedMax, cachedBytes, cachedBytesMax } = this.#latest.grammars
    const grammars = { ...this.#grammars(), cached, cachedMax, cachedBytes, cachedBytesMax }
    return {
      ...this.#latest,
      ...{ kvBlocksTotal, stateSlotsTotal, grammars },
      ...this.#counters(),
      adapters: this.#adapters(),
      batchSizes,
    }
  }

  #adapters(): AdapterStats | undefined {
    const [before, latest] = [this.#before.adapters, this.#latest.adapters]
    if (!latest) return before && { ...before, loaded: [], loading: 0, waiting: 0, bytes: 0 }
    if (!before) return latest
    return {
      ...latest,
      loads: before.loads + latest.loads,
      evictions: before.evictions + latest.evictions,
      failures: before.failures + latest.failures,
      loadMs: before.loadMs + latest.loadMs,
    }
  }

  #grammars(): GrammarStats {
    const before = this.#before.grammars
    const latest = this.#latest.grammars
    const sums = GRAMMAR_COUNTERS.map((name) => [name, before[name] + latest[name]] as const)
    return { ...NO_GRAMMARS, ...Object.fromEntries(sums) }
  }

  #counters() {
    const sums = COUNTERS.map((name) => [name, this.#before[name] + this.#latest[name]] as const)
    return Object.fromEntries(sums) as Record<(typeof COUNTERS)[number], number>
  }
}
