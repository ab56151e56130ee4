/** What the main thread and the engine worker say to each other. */
import type { WireError } from '../errors.ts'
import type { GrammarStats } from '../grammar/grammars.ts'
import type { Vocabulary } from '../grammar/vocabulary.ts'
import type { Backend, BackendOptions } from './backend.ts'
import type { Constraint } from './constraint.ts'
import type { Command, CoreStats, RequestEvent } from './engine-core.ts'
import type { SchedulerOptions } from './scheduler.ts'
import type { DisposeMessage } from './worker-host.ts'

/** How a worker is started. */
export interface EngineWorkerData {
  readonly modelDir: string
  readonly backend: Backend['name']
  readonly backendOptions: BackendOptions
  readonly scheduling: Omit<SchedulerOptions, 'prefixCacheBlocks'> & {
    /** Absent: half of the KV cache. */
    readonly prefixCacheBlocks: number | undefined
    readonly batchPatienceMs: number
    readonly maxDraftTokens: number
  }
  readonly grammars: GrammarLimits
}

/** What compiling constraints may take. */
export interface GrammarLimits {
  /** Milliseconds for one. */
  readonly compileTimeoutMs: number
  /** Bytes of those that are kept. */
  readonly cacheBytes: number
}

/** What the worker says of its model. */
export interface EngineReady {
  readonly vocabSize: number
  readonly hiddenSize: number
  /** Longest prompt plus answer, in positions. */
  readonly maxContext: number
  readonly kvBlocksTotal: number
  /** 0 of a decoder without recurrences. */
  readonly stateSlotsTotal: number
  /** Blocks that the prefix cache may hold. */
  readonly prefixCacheBlocks: number
}

/** Requests under a constraint bring the vocabulary, which lies in shared memory: a worker that was restarted has none. */
export type ToEngine = Command | GenerateMessage | PrepareMessage | DisposeMessage

export type GenerateMessage = Extract<Command, { type: 'generate' }> & {
  readonly vocabulary?: Vocabulary | undefined
}

export interface PrepareMessage {
  readonly type: 'prepare'
  readonly id: number
  readonly constraint: Constraint
  readonly vocabulary: Vocabulary
}

/** One message a step, or less: what happened, the counters when they are due, and failures for the log. */
export interface FromEngine {
  readonly type: 'step'
  readonly events: readonly RequestEvent[]
  readonly stats?: CoreStats & { readonly grammars: GrammarStats }
  /** Constraints that were compiled, or not. */
  readonly prepared?: readonly { readonly id: number; readonly error?: WireError }[]
  readonly failures: readonly WireError[]
}
