/** `truncation: auto` leaves out as little as it can, and never what stays. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ChatRequest, TokenizeRequest, TokenizeResult } from '../../../src/chat/contract.ts'
import { AerieError } from '../../../src/errors.ts'
import { type StoredItem, toStoredItems } from '../../../src/http/responses/items.ts'
import { toMessages } from '../../../src/http/responses/messages.ts'
import { dropOldest } from '../../../src/http/responses/truncation.ts'

const TOO_LONG = new AerieError('context_length_exceeded', 'too long')
const say = (role: 'user' | 'assistant' | 'system', content: string) => ({ role, content })
const CALL = { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' } as const
const RESULT = { type: 'function_call_output', call_id: 'c', output: 'r' } as const
const INPUT = [
  ...[say('system', 's'), say('user', 'a'), CALL, RESULT],
  ...[say('assistant', 'b'), say('user', 'c'), say('assistant', 'd'), say('user', 'e')],
]

/** A message takes one position; so many there are. */
async function left(positions: number): Promise<string> {
  const items = toStoredItems(INPUT, `resp_${'0'.repeat(36)}`)
  const toRequest = (some: typeof items) =>
    ({
      requestId: 'r',
      model: 'm',
      tenant: 't',
      messages: toMessages(some),
    }) as unknown as ChatRequest
  const tokenize = async ({ input }: TokenizeRequest) =>
    ({
      tokens: input.type === 'messages' ? input.messages.length : 0,
      ...{ maxContext: positions + 1, maxPrompt: positions },
    }) as TokenizeResult
  const { signal } = new AbortController()
  const about = { request: toRequest(items), items, toRequest, signal }
  const kept = await dropOldest({ tokenize }, about, TOO_LONG)
  const nameOf = (item: StoredItem) =>
    item.type === 'message' ? (item.content[0] as { text?: string }).text : item.type.slice(9)
  return kept.map(({ item }) => nameOf(item)).join(' ')
}

it('from the oldest on, with a call its result, and the last question stays', async () => {
  assert.equal(await left(7), 's call call_output b c d e')
  assert.equal(await left(6), 's b c d e')
  assert.equal(await left(4), 's c d e')
  assert.equal(await left(2), 's e')
  await assert.rejects(left(1), TOO_LONG)
})
