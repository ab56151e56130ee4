/** A question from this process rather than from a client: greedy, one answer, everything else as it comes. */
import type { ChatRequest, ContentPart } from './contract.ts'

/** One user message, answered with the most probable tokens. `changes` says what is to be different. */
export function greedyRequest(
  model: string,
  content: readonly ContentPart[],
  changes: Partial<ChatRequest>,
): ChatRequest {
  return {
    requestId: 'local',
    model,
    messages: [{ role: 'user', name: undefined, content }],
    sampling: {
      temperature: 0,
      topP: undefined,
      topK: undefined,
      minP: undefined,
      repetitionPenalty: undefined,
      presencePenalty: 0,
      frequencyPenalty: 0,
      logitBias: new Map(),
      seed: undefined,
      topLogprobs: undefined,
    },
    n: 1,
    maxTokens: undefined,
    minTokens: 0,
    stop: [],
    tools: [],
    toolChoice: { mode: 'auto' },
    parallelToolCalls: true,
    responseFormat: { type: 'text' },
    explain: false,
    deadlineMs: undefined,
    priority: 'live',
    tenant: 'anonymous',
    cacheKey: undefined,
    ...changes,
  }
}
