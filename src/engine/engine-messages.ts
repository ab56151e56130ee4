/** What the main thread and the engine worker say to each other. */
import type { WireError } from '../errors.ts'
import type { EngineAdapter } from './adapter-room.ts'
import type { Backend, BackendOptions } from './backend.ts'
import type { Command, CoreStats, RequestEvent } from './engine-core.ts'
import type { SchedulerOptions } from './scheduler.ts'
import type { DisposeMessage } from './worker-host.ts'

/** How a worker is started. */
export interface EngineWorkerData {
  readonly modelDir: string
  readonly backend: Backend['name']
  readonly backendOptions: BackendOptions
  /** Absent: none. */
  readonly adapters?: EngineAdapters | undefined
  readonly scheduling: Omit<SchedulerOptions, 'prefixCacheBlocks'> & {
    /** Absent: half of the KV cache. */
    readonly prefixCacheBlocks: number | undefined
    readonly batchPatienceMs: number
    readonly maxDraftTokens: number
  }
}

/** What requests may name beside the model itself. */
export interface EngineAdapters {
  readonly list: readonly EngineAdapter[]
  /** That may be loaded at once, in number and bytes. */
  readonly maxLoaded: number
  readonly maxBytes: number
  readonly maxRank: number
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

export type ToEngine = Command | DisposeMessage

/** One message a step, or less: what happened, the counters when they are due, and failures for the log. */
export interface FromEngine {
  readonly type: 'step'
  readonly events: readonly RequestEvent[]
  readonly stats?: CoreStats
  readonly failures: readonly WireError[]
}
