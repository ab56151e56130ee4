/** Drives an EngineCore by hand, in this thread and with a clock of its own. */

import type { DecoderSession } from '../../src/engine/backend.ts'
import { EngineCore, type EngineCoreOptions } from '../../src/engine/engine-core.ts'
import type {
  GenerateRequest,
  GenerationEvent,
  PromptPart,
  SamplingParams,
} from '../../src/engine/types.ts'
import type { AerieError } from '../../src/errors.ts'
import type { CompiledGrammar } from '../../src/grammar/grammars.ts'

export const GREEDY: SamplingParams = {
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  logitBias: new Map(),
  seed: undefined,
  topLogprobs: undefined,
}

/** Token ids as a prompt part. */
export function tokens(...ids: number[]): PromptPart {
  return { kind: 'tokens', ids: Int32Array.from(ids) }
}

/** Token ids from `first` on, as a prompt part. */
export function tokenRun(length: number, first = 1): PromptPart {
  return tokens(...Array.from({ length }, (_, i) => first + i))
}

export function request(changes: Partial<GenerateRequest> = {}): GenerateRequest {
  return {
    prompt: [tokens(1, 2, 3)],
    sampling: GREEDY,
    n: 1,
    maxTokens: 8,
    minTokens: 0,
    stopTokenIds: new Set(),
    deadlineMs: 1e9,
    priority: 'live',
    ...changes,
  }
}

export class EngineDriver {
  readonly core: EngineCore
  readonly events = new Map<number, GenerationEvent[]>()
  readonly failures: AerieError[] = []
  now = 0
  #nextId = 1

  constructor(session: DecoderSession, options: Partial<EngineCoreOptions> = {}) {
    this.core = new EngineCore(session, {
      maxRunning: 4,
      stepTokenBudget: 16,
      prefixCacheBlocks: 0,
      batchPatienceMs: 10_000,
      maxDraftTokens: 0,
      now: () => this.now,
      onFailure: (error) => this.failures.push(error),
      ...options,
    })
  }

  submit(changes: Partial<GenerateRequest> = {}, grammar?: CompiledGrammar): number {
    const id = this.#nextId++
    this.events.set(id, [])
    this.core.send({ type: 'generate', id, request: request(changes), ...(grammar && { grammar }) })
    return id
  }

  async step(times = 1): Promise<void> {
    for (let i = 0; i < times; i++) {
      await this.core.step()
      this.now++
      for (const [id, event] of this.core.takeEvents()) this.events.get(id)!.push(event)
    }
  }

  /** Steps until nothing is left to do; throws when that takes unreasonably long. */
  async finish(): Promise<void> {
    for (let i = 0; this.core.hasWork; i++) {
      if (i > 20_000) throw new Error('the engine does not come to an end')
      await this.step()
    }
  }

  /** Submits, runs everything to the end, and returns the answer's ids. */
  async answer(changes: Partial<GenerateRequest> = {}, choice = 0): Promise<number[]> {
    const id = this.submit(changes)
    await this.finish()
    return this.ids(id, choice)
  }

  ids(id: number, choice = 0): number[] {
    return this.events
      .get(id)!
      .flatMap((event) => (event.type === 'token' && event.choice === choice ? [event.id] : []))
  }

  /** How each choice or the whole ended: 'stop', 'length' or an error code. */
  endings(id: number): string[] {
    return this.events
      .get(id)!
      .flatMap((event) =>
        event.type === 'finish' ? [event.reason] : event.type === 'error' ? [event.error.code] : [],
      )
  }

  cachedTokens(id: number): number | undefined {
    const event = this.events.get(id)!.find((candidate) => candidate.type === 'prefill')
    return event?.type === 'prefill' ? event.cachedTokens : undefined
  }
}
