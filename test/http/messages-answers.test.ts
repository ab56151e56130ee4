/** `/v1/messages` at the edge: how answers are told, in JSON and as events. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChatEvent } from '../../src/chat/contract.ts'
import { AerieError } from '../../src/errors.ts'
import { openTestApp } from '../support/http-app.ts'
import { askMessages, weather } from '../support/messages.ts'
import { eventData } from '../support/response-checker.ts'

/** Two calls behind a text, the arguments in pieces. */
const CALLS: readonly ChatEvent[] = [
  { type: 'text-delta', choice: 0, text: 'I look.' },
  { type: 'tool-call-start', choice: 0, call: 0, id: 'call_1', name: 'weather' },
  { type: 'tool-call-delta', choice: 0, call: 0, arguments: '{"city":' },
  { type: 'tool-call-delta', choice: 0, call: 0, arguments: '"Bern"}' },
  { type: 'tool-call-start', choice: 0, call: 1, id: 'call_2', name: 'weather' },
  { type: 'tool-call-delta', choice: 0, call: 1, arguments: '{"city":"Chur"}' },
  { type: 'finish', choice: 0, reason: 'tool-calls' },
]

test('an answer has every field, the text in one block, and the reason of its end', async () => {
  await using app = await openTestApp()
  const { json, headers } = await askMessages(app, {})
  assert.match(json.id, /^msg_/)
  assert.deepEqual(json.content, [{ type: 'text', text: 'hello there', citations: null }])
  assert.deepEqual(
    [json.type, json.role, json.stop_reason, json.stop_sequence],
    ['message', 'assistant', 'end_turn', null],
  )
  assert.deepEqual(
    [json.usage.input_tokens, json.usage.cache_read_input_tokens, json.usage.output_tokens],
    [2, 0, 2],
  )
  assert.equal(headers['request-id'], headers['x-request-id'])
  assert.match(String(headers['server-timing']), /total;dur=/)
  assert.equal((await askMessages(app, { max_tokens: 1 })).json.stop_reason, 'max_tokens')
})

test('the stop sequence that ended an answer, and a context that was too short', async () => {
  const text: ChatEvent = { type: 'text-delta', choice: 0, text: 'a' }
  const finish = (rest: object) => ({ type: 'finish', choice: 0, ...rest }) as ChatEvent
  const script = (end: ChatEvent) => ({ echo: { script: () => [text, end] } })
  await using stopped = await openTestApp(script(finish({ reason: 'stop', stopText: 'END' })))
  const first = (await askMessages(stopped, {})).json
  assert.deepEqual([first.stop_reason, first.stop_sequence], ['stop_sequence', 'END'])
  await using full = await openTestApp(script(finish({ reason: 'length' })))
  assert.equal((await askMessages(full, {})).json.stop_reason, 'model_context_window_exceeded')
  assert.equal((await askMessages(full, { max_tokens: 2 })).json.stop_reason, 'max_tokens')
})

test('a stream has the events in their order, each under its name', async () => {
  await using app = await openTestApp()
  const { body, headers } = await askMessages(app, { stream: true })
  assert.equal(headers['content-type'], 'text/event-stream; charset=utf-8')
  assert.ok(!body.includes('[DONE]'))
  const events = eventData(body).map((data) => JSON.parse(data))
  assert.deepEqual(
    events.map(({ type }) => type),
    [
      ...['message_start', 'ping', 'content_block_start', 'content_block_delta'],
      ...['content_block_delta', 'content_block_stop', 'message_delta', 'message_stop'],
    ],
  )
  assert.equal(body.match(/^event: /gm)?.length, events.length)
  const [{ message }] = events
  assert.deepEqual([message.content, message.stop_reason], [[], null])
  assert.deepEqual([message.usage.input_tokens, message.usage.output_tokens], [2, 0])
  assert.deepEqual(events[2], {
    ...{ type: 'content_block_start', index: 0 },
    content_block: { type: 'text', text: '', citations: null },
  })
  assert.deepEqual(events[3].delta, { type: 'text_delta', text: 'hello' })
  const { delta, usage } = events.at(-2)
  assert.deepEqual([delta.stop_reason, usage.output_tokens], ['end_turn', 2])
  assert.ok(!JSON.stringify(events).includes('aerie'))
})

test('calls of tools are blocks of their own, in JSON and in a stream', async () => {
  await using app = await openTestApp({ echo: { script: () => CALLS } })
  const { json } = await askMessages(app, { tools: [weather] })
  const caller = { type: 'direct' }
  assert.deepEqual(json.content, [
    { type: 'text', text: 'I look.', citations: null },
    { type: 'tool_use', id: 'call_1', name: 'weather', input: { city: 'Bern' }, caller },
    { type: 'tool_use', id: 'call_2', name: 'weather', input: { city: 'Chur' }, caller },
  ])
  assert.equal(json.stop_reason, 'tool_use')
  const events = eventData((await askMessages(app, { tools: [weather], stream: true })).body)
  const seen = events.map((data) => JSON.parse(data))
  assert.deepEqual(
    seen.filter(({ index }) => index !== undefined).map(({ type, index }) => [type, index]),
    [
      ['content_block_start', 0],
      ['content_block_delta', 0],
      ['content_block_stop', 0],
      ['content_block_start', 1],
      ['content_block_delta', 1],
      ['content_block_delta', 1],
      ['content_block_stop', 1],
      ['content_block_start', 2],
      ['content_block_delta', 2],
      ['content_block_stop', 2],
    ],
  )
  const pieces = seen.flatMap(({ index, delta }) =>
    index === 1 && delta ? [delta.partial_json] : [],
  )
  assert.equal(pieces.join(''), '{"city":"Bern"}')
})

test('a call that the length cut off is in no JSON answer, and breaks none', async () => {
  const cut: ChatEvent[] = [...CALLS.slice(0, 3), { type: 'finish', choice: 0, reason: 'length' }]
  await using app = await openTestApp({ echo: { script: () => cut } })
  const { json } = await askMessages(app, { max_tokens: 4 })
  assert.deepEqual([json.content.length, json.stop_reason], [1, 'max_tokens'])
})

test('a failure in the middle of a stream is an error event, and the last', async () => {
  const error = new AerieError('backend_failure', 'the decoder failed')
  await using app = await openTestApp({ echo: { failure: { afterTokens: 1, error } } })
  const events = eventData((await askMessages(app, { stream: true })).body).map((data) =>
    JSON.parse(data),
  )
  const last = events.at(-1)
  assert.deepEqual([last.type, last.error.type], ['error', 'api_error'])
  assert.ok(!events.some(({ type }) => type === 'message_stop'))
})

test('in silence there are pings', async () => {
  await using app = await openTestApp({ heartbeatMs: 20, echo: { tokenDelayMs: 150 } })
  const events = eventData((await askMessages(app, { stream: true })).body).map((data) =>
    JSON.parse(data),
  )
  assert.ok(events.filter(({ type }) => type === 'ping').length > 2)
})
