/** A conversation → a short list of items to go on from in its place: the user's messages as they were, and a summary of all the rest. */
import type { ChatRequest, ChatService, TokenUsage } from '../../chat/contract.ts'
import { AerieError } from '../../errors.ts'
import { AnswerWatch } from '../answer-watch.ts'
import type { WireRequests } from '../contract.ts'
import type { components } from '../openapi.d.ts'
import type { Asking } from '../request-state.ts'
import { openConversation } from './conversation.ts'
import { itemId, newResponseId } from './item-ids.ts'
import { type PlacedItem, toListedItem } from './items.ts'
import { toChat } from './request.ts'
import type { ResponseRoom } from './room.ts'
import { toChatRequest } from './run.ts'
import { sealSummary } from './summary.ts'
import { dropOldest, isTooLong } from './truncation.ts'
import { toResponseUsage } from './usage.ts'

type WireCompact = WireRequests['ResponseCompactRequest']
type Compaction = components['schemas']['ResponseCompaction']

/** Most of a summary; less where the model has less room left. */
const MAX_TOKENS = 1024
/** Least that is kept free for one, of the context: less would break off in the middle. */
const LEAST_SHARE = 1 / 4
const LEAST_TOKENS = 512

const QUESTION =
  'Summarise the conversation so far, so that it can go on without it. Keep what was asked and answered, what pictures, files and ' +
  'tools have shown, names, numbers and decisions that still matter, and what is still to be done. Write the summary and nothing else.'

/**
 * Where the conversation leaves no room for a summary, the oldest items are left out, and told of: the model sees them no more, so they are
 * not given back either. Rejects as {@link openConversation} and the chat room do, with `context_length_exceeded` where not even the last
 * message of the user fits, and with `backend_failure` where the model has written no summary.
 */
export async function compact(
  room: Pick<ResponseRoom, 'service' | 'store' | 'metrics' | 'maxBytes'>,
  wire: WireCompact,
  asking: Asking,
): Promise<Compaction> {
  const { tenant, signal } = asking.state
  const previousId = wire.previous_response_id ?? undefined
  const input = wire.input ?? []
  if (input.length === 0 && previousId === undefined) {
    const what = 'input: expected a text, items or previous_response_id'
    throw new AerieError('invalid_request', what, { param: 'input' })
  }
  const nowMs = Date.now()
  const id = newResponseId(nowMs)
  const asked = { id, tenant, previousId, input, maxBytes: room.maxBytes }
  const { earlier, own } = await openConversation(room.store, asked)
  const items = [...earlier, ...own]
  const { kept, request, maxTokens } = await fitted(room.service, wire, items, asking)
  const watch = new AnswerWatch(room.metrics, asking.state, 1)
  let text = ''
  let usage: TokenUsage | undefined
  for await (const event of room.service.complete({ ...request, maxTokens }, signal)) {
    watch.see(event)
    if (event.type === 'text-delta') text += event.text
    if (event.type === 'usage') usage = event
  }
  if (!usage) throw new Error('the summary ended without usage')
  // Whoever took nothing for the conversation would have lost it.
  if (text.trim() === '') throw new AerieError('backend_failure', 'the model wrote no summary')
  const said = kept.flatMap(({ item }) =>
    item.type === 'message' && item.role === 'user' ? [toListedItem(item)] : [],
  )
  const summary = {
    ...{ type: 'compaction' as const, id: itemId(id, 'compaction', said.length, 'output') },
    encrypted_content: sealSummary(text),
  }
  return {
    ...{ id, object: 'response.compaction', created_at: Math.floor(nowMs / 1000) },
    output: [...said, summary],
    usage: toResponseUsage(usage),
    ...(kept.length < items.length && { aerie: { dropped_items: items.length - kept.length } }),
  }
}

function toRequest(wire: WireCompact, items: readonly PlacedItem[], asking: Asking): ChatRequest {
  const { id: requestId, state } = asking
  const { tenant, isInner } = state
  const { model, service_tier = null, prompt_cache_key = null } = wire
  const chat = toChat(
    { model, input: [], service_tier, prompt_cache_key },
    { requestId, tenant, isInner, explain: false },
  )
  const request = toChatRequest({ chat, instructions: wire.instructions ?? undefined }, items)
  const content = [{ type: 'text' as const, text: QUESTION, param: 'input' }]
  const question = { role: 'user' as const, name: undefined, content }
  return { ...request, messages: [...request.messages, question] }
}

interface Fitted {
  readonly kept: readonly PlacedItem[]
  readonly request: ChatRequest
  readonly maxTokens: number
}

/** As much of the conversation as leaves room for a summary. */
async function fitted(
  service: Pick<ChatService, 'tokenize'>,
  wire: WireCompact,
  items: readonly PlacedItem[],
  asking: Asking,
): Promise<Fitted> {
  const { signal } = asking.state
  const count = async (request: ChatRequest) => {
    const { requestId, model, tenant, priority, messages, tools, toolChoice } = request
    const messagesParam = request.messagesParam
    const input = { type: 'messages' as const, messages, messagesParam, tools, toolChoice }
    const asked = { requestId, model, tenant, priority, input }
    return await service.tokenize({ ...asked, returnIds: false, returnStrings: false }, signal)
  }
  const request = toRequest(wire, items, asking)
  const whole = await count(request).catch((error) => {
    if (isTooLong(error)) return undefined
    throw error
  })
  // The question alone says how long the context is.
  const { maxContext, maxPrompt } = whole ?? (await count(toRequest(wire, [], asking)))
  const least = Math.min(LEAST_TOKENS, Math.floor(maxContext * LEAST_SHARE))
  const maxTokens = (tokens: number) => Math.min(maxContext - tokens, MAX_TOKENS)
  if (whole && whole.tokens <= maxPrompt && whole.tokens + least <= maxContext)
    return { kept: items, request, maxTokens: maxTokens(whole.tokens) }
  const what = `input: instructions and the last message of the user leave no room for a summary of ${least} tokens in the model's ${maxContext} positions`
  const kept = await dropOldest(
    service,
    {
      ...{ request: { ...request, maxTokens: least }, items, signal, mayDropTail: true },
      toRequest: (some) => toRequest(wire, some, asking),
    },
    new AerieError('context_length_exceeded', what, { param: 'input' }),
  )
  const shorter = toRequest(wire, kept, asking)
  const { tokens } = await count(shorter)
  return { kept, request: shorter, maxTokens: maxTokens(tokens) }
}
