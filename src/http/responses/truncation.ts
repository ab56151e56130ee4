/** `truncation: auto`, and conversations to be made short: as many of the oldest items are left out as have to be. */
import type { ChatRequest, ChatService } from '../../chat/contract.ts'
import { AerieError } from '../../errors.ts'
import type { PlacedItem } from './items.ts'

interface TooLong {
  /** With everything in it. */
  readonly request: ChatRequest
  readonly items: readonly PlacedItem[]
  toRequest(items: readonly PlacedItem[]): ChatRequest
  /** What comes behind the last message of the user may go as well, as where the model is not to answer it. */
  readonly mayDropTail?: boolean
  readonly signal: AbortSignal
}

/**
 * The items without the fewest of the oldest ones that let the rest fit with `maxTokens` of an answer. Instructions stay, and what comes
 * from the last message of the user on. Rejects with `tooLong` where not even that fits, and as `tokenize` does.
 */
export async function dropOldest(
  service: Pick<ChatService, 'tokenize'>,
  { request, items, toRequest, mayDropTail = false, signal }: TooLong,
  tooLong: AerieError,
): Promise<readonly PlacedItem[]> {
  const order = droppable(items, mayDropTail)
  const fits = async (dropped: number) => {
    const { requestId, model, tenant, priority, tools, toolChoice, maxTokens = 1 } = request
    const { messages, messagesParam } = toRequest(without(items, order.slice(0, dropped)))
    const input = { type: 'messages' as const, messages, messagesParam, tools, toolChoice }
    const asked = { requestId, model, input, tenant, priority }
    try {
      const cost = await service.tokenize(
        { ...asked, returnIds: false, returnStrings: false },
        signal,
      )
      signal.throwIfAborted()
      return cost.tokens <= cost.maxPrompt && cost.tokens + maxTokens <= cost.maxContext
    } catch (error) {
      // So much longer that it is not even counted.
      if (isTooLong(error)) return false
      throw error
    }
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

export function isTooLong(error: unknown): error is AerieError {
  return error instanceof AerieError && error.code === 'context_length_exceeded'
}

/** Places of items in the order in which they go. */
function droppable(items: readonly PlacedItem[], mayDropTail: boolean): number[] {
  const last = items.findLastIndex(({ item }) => item.type === 'message' && item.role === 'user')
  return items.flatMap(({ item }, i) => {
    const stays = item.type === 'message' && (item.role === 'system' || item.role === 'developer')
    return (mayDropTail ? i !== last : i < last) && !stays ? [i] : []
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
