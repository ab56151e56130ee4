/** What an engine core is told, and what it tells. */

import type { AerieError } from '../errors.ts'
import type { CompiledGrammar } from '../grammar/grammars.ts'
import type { AdapterRoom } from './adapter-room.ts'
import type { SchedulerOptions } from './scheduler.ts'
import type { RequestId } from './sequence.ts'
import type { SpeculationOptions } from './speculation.ts'
import type { EngineStats, GenerateRequest, GenerationEvent } from './types.ts'

/** What the outside asks of the engine; takes effect at the beginning of the next step. */
export type Command =
  | {
      readonly type: 'generate'
      readonly id: RequestId
      readonly request: GenerateRequest
      /** What its constraint was compiled to. */
      readonly grammar?: CompiledGrammar
    }
  | { readonly type: 'abort'; readonly id: RequestId }
  | { readonly type: 'stop'; readonly id: RequestId; readonly choice: number }

export type RequestEvent = readonly [id: RequestId, event: GenerationEvent]

export type CoreStats = Omit<
  EngineStats,
  'maxRunning' | 'maxWaiting' | 'kvBlocksCachedMax' | 'kvCacheType' | 'grammars'
>

export interface EngineCoreOptions extends SchedulerOptions, SpeculationOptions {
  /** Milliseconds by which a batch request is placed behind live ones of its age; it waits no longer than that for them. */
  readonly batchPatienceMs: number
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** Hears of every failure of the backend, once. */
  readonly onFailure: (error: AerieError) => void
  /** Absent: requests have none. */
  readonly adapters?: AdapterRoom | undefined
  /** Hears of each step that had to wait for masks of grammars, and of answers that were brought to their end. */
  readonly onMaskWait?: (masks: number, ms: number) => void
  readonly onSteered?: () => void
}

/** What a core counts from its start on. */
export const NOTHING_COUNTED = {
  steps: 0,
  promptTokens: 0,
  cachedPromptTokens: 0,
  prefixHits: 0,
  prefixMisses: 0,
  generatedTokens: 0,
  draftedTokens: 0,
  acceptedTokens: 0,
  aborted: 0,
}
