/** `truncation: auto`: as many of the oldest items are left out as have to be. */
import type { ChatRequest, ChatService } from '../../chat/contract.ts'
import type { AerieError } from '../../errors.ts'
import type { PlacedItem } from './items.ts'

interface TooLong {
  /** With everything in it. */
  readonly request: ChatRequest
  readonly items: readonly PlacedItem[]
  toRequest(items: readonly PlacedItem[]): ChatRequest
  readonly signal: AbortSignal
}

/**
 * The items without the fewest of the oldest ones that let the rest fit. Instructions stay, and what comes from the last message of
 * the user on. Rejects with `tooLong` where not even that fits, and as `tokenize` does.
 */
export async function dropOldest(
  service: Pick<ChatService, 'tokenize'>,
  { request, items, toRequest, signal }: TooLong,
  tooLong: AerieError,
): Promise<readonly PlacedItem[]> {
  const order = droppable(items)
  const fits = async (dropped: number) => {
    const { requestId, model, tenant, priority, tools, toolChoice, maxTokens = 1 } = request
    const { messages } = toRequest(without(items, order.slice(0, dropped)))
    const input = { type: 'messages' as const, messages, tools, toolChoice }
    const cost = await service.tokenize(
      { ...{ requestId, model, input, tenant, priority }, returnIds: false, returnStrings: false },
      signal,
    )
    signal.throwIfAborted()
    return cost.tokens <= cost.maxPrompt && cost.tokens + maxTokens <= cost.maxContext
  }
  if (order.length === 0 || !(await fits(order.length))) throw tooLong
  // Of so many it is known that they are too few, and enough.
  let [few, enough] = [0, order.length]
  while (enough - few > 1) {
    const middle = (few + enough) >> 1
    if (await fits(middle)) enough = middle
    else few = middle
  }
  return without(items, order.slice(0, enough))
}

/** Places of items in the order in which they go. */
function droppable(items: readonly PlacedItem[]): number[] {
  const last = items.findLastIndex(({ item }) => item.type === 'message' && item.role === 'user')
  return items.flatMap(({ item }, i) => {
    const stays = item.type === 'message' && (item.role === 'system' || item.role === 'developer')
    return i < last && !stays ? [i] : []
  })
}

/** A result whose call is gone goes with it. */
function without(items: readonly PlacedItem[], places: readonly number[]): PlacedItem[] {
  const gone = new Set(places)
  const kept = items.filter((_, i) => !gone.has(i))
  const calls = new Set(
    kept.flatMap(({ item }) => (item.type === 'function_call' ? [item.call_id] : [])),
  )
  return kept.filter(({ item }) => item.type !== 'function_call_output' || calls.has(item.call_id))
}
