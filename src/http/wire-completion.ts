/** A wire request to continue texts, already checked against openapi.yaml → the chat room's request. */
import type { CompletionRequest } from '../chat/contract.ts'
import { AerieError } from '../errors.ts'
import type { WireRequests } from './contract.ts'
import { describeValue } from './describe.ts'
import { toResponseFormat } from './wire-format.ts'
import {
  type AnswerForm,
  contradiction,
  type RequestContext,
  toSampling,
  toStreamForm,
} from './wire-request.ts'

type WireCompletion = WireRequests['CompletionRequest']
type Prompt = CompletionRequest['prompts'][number]

/** OpenAI's default. */
const DEFAULT_MAX_TOKENS = 16
const MOST_PROMPTS = 128

/** How the answer is to be sent. */
export type CompletionForm = Pick<AnswerForm, 'stream' | 'includeUsage' | 'usageInChunks'> & {
  readonly logprobs: boolean
}

/** Throws `invalid_request` for stream options without a stream. */
export function toCompletionForm(wire: WireCompletion): CompletionForm {
  return { ...toStreamForm(wire), logprobs: typeof wire.logprobs === 'number' }
}

/** Throws `invalid_request` or `unsupported_parameter` for fields that contradict each other. */
export function toCompletionRequest(
  wire: WireCompletion,
  { requestId, tenant, isInner }: Omit<RequestContext, 'explain'>,
): CompletionRequest {
  const { best_of: bestOf, stop, aerie } = wire
  const n = wire.n ?? 1
  if (typeof bestOf === 'number' && bestOf !== n) {
    const what = `best_of: answers are not ranked; expected the value of n (${n}) or nothing, got ${bestOf}`
    throw new AerieError('unsupported_parameter', what, { param: 'best_of' })
  }
  return {
    requestId,
    model: wire.model,
    prompts: toPrompts(wire.prompt),
    addsSpecialTokens: wire.add_special_tokens ?? true,
    echo: wire.echo ?? false,
    sampling: toSampling(wire, wire.logprobs ?? undefined),
    n,
    maxTokens: wire.max_tokens ?? DEFAULT_MAX_TOKENS,
    minTokens: wire.min_tokens ?? 0,
    stop: [stop ?? []].flat(),
    ignoresEnd: wire.ignore_eos ?? false,
    responseFormat: toResponseFormat(wire),
    tellsProgress: wire.stream_options?.continuous_usage_stats ?? false,
    deadlineMs: aerie?.deadline_ms ?? undefined,
    priority: isInner ? 'batch' : (aerie?.priority ?? 'live'),
    tenant,
    cacheKey: undefined,
  }
}

function toPrompts(wire: WireCompletion['prompt']): Prompt[] {
  const param = 'prompt'
  if (typeof wire === 'string') return [{ text: wire, param }]
  const [first] = wire
  if (typeof first === 'number') return [{ ids: allOf(wire, isNumber, 'a token id'), param }]
  if (wire.length > MOST_PROMPTS)
    throw contradiction(param, `expected at most ${MOST_PROMPTS} prompts, got ${wire.length}`)
  return typeof first === 'string'
    ? allOf(wire, isString, 'a string').map((text, i) => ({ text, param: `prompt[${i}]` }))
    : allOf(wire, isList, 'an array of token ids').map((ids, i) => ({ ids, param: `prompt[${i}]` }))
}

const isNumber = (value: unknown): value is number => typeof value === 'number'
const isString = (value: unknown): value is string => typeof value === 'string'
const isList = (value: unknown): value is number[] => Array.isArray(value)

/** Throws `invalid_request` for a prompt that is of another kind than the first. */
function allOf<T>(
  values: readonly unknown[],
  is: (value: unknown) => value is T,
  what: string,
): T[] {
  return values.map((value, i) => {
    if (is(value)) return value
    const got = `expected ${what}, as prompt[0] is one, got ${describeValue(value)}`
    throw contradiction(`prompt[${i}]`, got)
  })
}
