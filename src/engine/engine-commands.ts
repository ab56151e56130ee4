/** What an engine core is told, and what it tells. */
import type { CompiledGrammar } from '../grammar/grammars.ts'
import type { RequestId } from './sequence.ts'
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
