/** Wire requests, already checked against openapi.yaml → the chat room's requests. The only place that knows both spellings. */

import type { ChatRequest, RequestedSampling, TokenizeRequest } from '../chat/contract.ts'
import { AerieError } from '../errors.ts'
import type { WireRequests } from './contract.ts'
import { toResponseFormat } from './wire-format.ts'
import { toMessages } from './wire-messages.ts'
import { toToolChoice, toTools } from './wire-tools.ts'

type WireChat = WireRequests['ChatCompletionRequest']

/** What a request brings beside its body. */
export interface RequestContext {
  readonly requestId: string
  /** Name of the API key. */
  readonly tenant: string
  /** The header asks what the model saw. */
  readonly explain: boolean
  /** It is a line of a batch, which no field makes live. */
  readonly isInner: boolean
}

/** What only the edge needs: how the answer is to be sent. */
export interface AnswerForm {
  readonly stream: boolean
  readonly includeUsage: boolean
  /** Each chunk has the figures of its choice so far. */
  readonly usageInChunks: boolean
  /** Whether log probabilities were asked for. */
  readonly logprobs: boolean
  /** Present when the request named a tier. */
  readonly serviceTier: 'default' | 'flex' | undefined
  readonly metadata: Readonly<Record<string, string>> | undefined
}

/** Throws `invalid_request` for fields that contradict each other. */
export function toChatRequest(wire: WireChat, context: RequestContext): ChatRequest {
  return {
    requestId: context.requestId,
    model: wire.model,
    messages: toMessages(wire.messages),
    sampling: toSampling(wire, topLogprobs(wire)),
    n: wire.n ?? 1,
    maxTokens: maxTokens(wire),
    minTokens: wire.min_tokens ?? 0,
    ignoresEnd: ignoresEnd(wire),
    stop: [wire.stop ?? []].flat(),
    tools: toTools(wire.tools ?? []),
    toolChoice: toToolChoice(wire.tool_choice),
    parallelToolCalls: wire.parallel_tool_calls ?? true,
    responseFormat: toResponseFormat(wire),
    explain: context.explain || (wire.aerie?.explain ?? false),
    tellsProgress: wire.stream_options?.continuous_usage_stats ?? false,
    deadlineMs: wire.aerie?.deadline_ms ?? undefined,
    priority: context.isInner ? 'batch' : priorityOf(wire),
    tenant: context.tenant,
    cacheKey: wire.prompt_cache_key ?? undefined,
  }
}

function ignoresEnd({ ignore_eos: ignore, tools, tool_choice: choice }: WireChat): boolean {
  if (ignore && tools?.length && choice !== 'none')
    throw contradiction('ignore_eos', 'expected false, as calls of tools say where an answer ends')
  return ignore ?? false
}

export function priorityOf(
  wire: Pick<WireChat, 'aerie' | 'service_tier'>,
): ChatRequest['priority'] {
  return wire.aerie?.priority ?? (wire.service_tier === 'flex' ? 'batch' : 'live')
}

/** Throws `invalid_request` for stream options without a stream. */
export function toStreamForm(
  wire: Pick<WireChat, 'stream' | 'stream_options'>,
): Pick<AnswerForm, 'stream' | 'includeUsage' | 'usageInChunks'> {
  const stream = wire.stream ?? false
  const options = wire.stream_options ?? undefined
  if (options && !stream) {
    throw contradiction('stream_options', 'expected stream to be true as well')
  }
  return {
    stream,
    includeUsage: options?.include_usage ?? false,
    usageInChunks: options?.continuous_usage_stats ?? false,
  }
}

/** Throws as {@link toStreamForm}. */
export function toAnswerForm(wire: WireChat): AnswerForm {
  const tier = wire.service_tier ?? undefined
  return {
    ...toStreamForm(wire),
    logprobs: wire.logprobs ?? false,
    serviceTier: tier === undefined ? undefined : tier === 'flex' ? 'flex' : 'default',
    metadata: wire.metadata ?? undefined,
  }
}

/** Throws `invalid_request` unless exactly one of `messages` and `prompt` is given. */
export function toTokenizeRequest(
  wire: WireRequests['TokenizeRequest'],
  { requestId, tenant, isInner }: Omit<RequestContext, 'explain'>,
): TokenizeRequest {
  const { messages, prompt } = wire
  if (messages && typeof prompt === 'string') {
    throw contradiction('prompt', 'expected either messages or prompt, got both')
  }
  if (!messages && typeof prompt !== 'string') {
    throw contradiction('messages', 'expected messages or prompt, got neither')
  }
  if (!messages && (wire.tools ?? []).length > 0) {
    throw contradiction('tools', 'expected messages as well')
  }
  if (messages && wire.add_special_tokens) {
    const what = 'expected false or nothing, as the chat template writes special tokens itself'
    throw contradiction('add_special_tokens', what)
  }
  return {
    requestId,
    model: wire.model,
    input: messages
      ? {
          type: 'messages',
          messages: toMessages(messages),
          tools: toTools(wire.tools ?? []),
          toolChoice: toToolChoice(wire.tool_choice),
        }
      : {
          type: 'text',
          text: prompt ?? '',
          addsSpecialTokens: wire.add_special_tokens ?? true,
        },
    returnIds: wire.return_ids ?? false,
    returnStrings: wire.return_token_strs ?? false,
    tenant,
    priority: isInner ? 'batch' : 'live',
  }
}

function topLogprobs({ logprobs, top_logprobs: top }: WireChat): number | undefined {
  if (typeof top === 'number' && !logprobs) {
    throw contradiction('top_logprobs', 'expected logprobs to be true as well')
  }
  return logprobs ? (top ?? 0) : undefined
}

export type SamplingFields = Pick<
  WireChat,
  | 'temperature'
  | 'top_p'
  | 'top_k'
  | 'min_p'
  | 'repetition_penalty'
  | 'presence_penalty'
  | 'frequency_penalty'
  | 'logit_bias'
  | 'seed'
>

export function toSampling(
  wire: SamplingFields,
  topLogprobs: number | undefined,
): RequestedSampling {
  const bias = Object.entries(wire.logit_bias ?? {})
  return {
    temperature: wire.temperature ?? undefined,
    topP: wire.top_p ?? undefined,
    // vLLM writes "all" as -1 too
    topK: typeof wire.top_k === 'number' ? Math.max(0, wire.top_k) : undefined,
    minP: wire.min_p ?? undefined,
    repetitionPenalty: wire.repetition_penalty ?? undefined,
    presencePenalty: wire.presence_penalty ?? undefined,
    frequencyPenalty: wire.frequency_penalty ?? undefined,
    logitBias: new Map(bias.map(([id, value]) => [Number(id), value])),
    seed: wire.seed ?? undefined,
    topLogprobs,
  }
}

function maxTokens(wire: WireChat): number | undefined {
  const { max_tokens: older, max_completion_tokens: newer } = wire
  if (typeof older === 'number' && typeof newer === 'number' && older !== newer) {
    const what = `expected the value of max_completion_tokens (${newer}) or nothing, got ${older}`
    throw contradiction('max_tokens', what)
  }
  return newer ?? older ?? undefined
}

export function contradiction(param: string, what: string): AerieError {
  return new AerieError('invalid_request', `${param}: ${what}`, { param })
}
