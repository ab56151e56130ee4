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
const CALL_2 = { ...CALL, call_id: 'c2' } as const
const RESULT_2 = { ...RESULT, call_id: 'c2' } as const
const INPUT: Exclude<Parameters<typeof toStoredItems>[0], string>[number][] = [
  ...[say('system', 's'), say('user', 'a'), CALL, RESULT],
  ...[say('assistant', 'b'), say('user', 'c'), say('assistant', 'd'), say('user', 'e')],
]

/** A message takes one position; so many there are. */
async function left(positions: number, { mayDropTail = false, mostCounted = 100 } = {}) {
  const items = toStoredItems(INPUT, `resp_${'0'.repeat(36)}`)
  const toRequest = (some: typeof items) =>
    ({
      requestId: 'r',
      model: 'm',
      tenant: 't',
      messages: toMessages(some),
    }) as unknown as ChatRequest
  const tokenize = async ({ input }: TokenizeRequest) => {
    const tokens = input.type === 'messages' ? input.messages.length : 0
    if (tokens > mostCounted) throw TOO_LONG
    return { tokens, maxContext: positions + 1, maxPrompt: positions } as TokenizeResult
  }
  const { signal } = new AbortController()
  const about = { request: toRequest(items), items, toRequest, mayDropTail, signal }
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

it('also where the conversation is so long that it is not counted', async () => {
  assert.equal(await left(2, { mostCounted: 3 }), 's e')
  await assert.rejects(left(2, { mostCounted: 1 }), TOO_LONG)
})

it('with what follows the last question where nobody is to answer it', async () => {
  INPUT.push(CALL_2, RESULT_2, say('assistant', 'f'))
  assert.equal(await left(5, { mayDropTail: true }), 's e call call_output f')
  assert.equal(await left(4, { mayDropTail: true }), 's e f')
  assert.equal(await left(2, { mayDropTail: true }), 's e')
  await assert.rejects(left(1, { mayDropTail: true }), TOO_LONG)
  await assert.rejects(left(4), TOO_LONG)
})
