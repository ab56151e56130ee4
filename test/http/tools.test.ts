/** Tools on the wire: what the chat room is asked for, and what is refused before. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestApp } from '../support/http-app.ts'

const messages = [{ role: 'user', content: 'hi' }]
const parameters = { type: 'object', properties: { a: { type: 'integer' } } }
const fn = (name: string, more: object = {}) => ({ type: 'function', function: { name, ...more } })

test('functions, with what is said of each', async () => {
  await using app = await openTestApp()
  const tools = [
    fn('f', { description: 'does', parameters, strict: true }),
    fn('g-2', { strict: null }),
  ]
  await app.chat({ messages, tools })
  assert.deepEqual(app.service.requests[0]!.tools, [
    { name: 'f', description: 'does', parameters, strict: true, param: 'tools[0].function' },
    {
      ...{ name: 'g-2', description: undefined, parameters: undefined, strict: false },
      param: 'tools[1].function',
    },
  ])
})

test('the choice in each of its spellings', async () => {
  await using app = await openTestApp()
  const allowed = { mode: 'auto', tools: [fn('f')] }
  const choices = [
    undefined,
    null,
    'none',
    'auto',
    'required',
    fn('f'),
    { type: 'allowed_tools', allowed_tools: allowed },
  ]
  for (const tool_choice of choices) {
    await app.chat({ messages, tools: [fn('f')], tool_choice, parallel_tool_calls: false })
  }
  const auto = { mode: 'auto' }
  assert.deepEqual(
    app.service.requests.map(({ toolChoice }) => toolChoice),
    [
      auto,
      auto,
      { mode: 'none' },
      auto,
      { mode: 'required' },
      { mode: 'required', only: ['f'] },
      { mode: 'auto', only: ['f'] },
    ],
  )
  assert.ok(app.service.requests.every(({ parallelToolCalls }) => !parallelToolCalls))
})

test('calls and results of earlier turns, a picture among them', async () => {
  await using app = await openTestApp()
  const call = { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"a": 1}' } }
  const shown = [
    { type: 'text', text: 'see' },
    { type: 'image_url', image_url: { url: 'data:,x' } },
    { type: 'file', file: { file_id: 'file-1' } },
  ]
  await app.chat({
    messages: [
      ...messages,
      { role: 'assistant', content: null, tool_calls: [call] },
      // A name, as instructor and litellm send it: which function it was is known from the call.
      { role: 'tool', tool_call_id: 'call_1', name: 'f', content: shown },
    ],
  })
  const [, assistant, tool] = app.service.requests[0]!.messages
  assert.deepEqual(assistant!.toolCalls, [
    { id: 'call_1', name: 'f', arguments: '{"a": 1}', param: 'messages[1].tool_calls[0]' },
  ])
  assert.equal(tool!.toolCallId, 'call_1')
  assert.deepEqual(
    tool!.content.map((part) => [part.type, part.param]),
    [
      ['text', 'messages[2].content[0].text'],
      ['image', 'messages[2].content[1].image_url.url'],
      ['file', 'messages[2].content[2].file'],
    ],
  )
})

test('what is wrong is refused by the field', async () => {
  await using app = await openTestApp()
  const call = { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }
  const said = (more: object) => ({ messages: [...messages, { role: 'assistant', ...more }] })
  const cases = [
    [{ messages, tools: [{}] }, 'invalid_request', 'tools[0].type'],
    [{ messages, tools: [fn('two words')] }, 'invalid_request', 'tools[0].function.name'],
    [{ messages, tools: [fn('x'.repeat(65))] }, 'invalid_request', 'tools[0].function.name'],
    [
      { messages, tools: [fn('f', { parameters: [] })] },
      'invalid_request',
      'tools[0].function.parameters',
    ],
    [
      { messages, tools: [fn('f', { returns: {} })] },
      'unknown_parameter',
      'tools[0].function.returns',
    ],
    [{ messages, tools: Array(129).fill(fn('f')) }, 'invalid_request', 'tools'],
    [{ messages, tool_choice: 'always' }, 'invalid_request', 'tool_choice'],
    [{ messages, tool_choice: { type: 'function' } }, 'invalid_request', 'tool_choice.function'],
    [
      said({ tool_calls: [{ ...call, function: { name: 'f', arguments: {} } }] }),
      'invalid_request',
      'messages[1].tool_calls[0].function.arguments',
    ],
    [
      said({ tool_calls: [{ ...call, type: 'custom' }] }),
      'unsupported_parameter',
      'messages[1].tool_calls[0].type',
    ],
    [
      { messages: [...messages, { role: 'tool', content: 'x' }] },
      'invalid_request',
      'messages[1].tool_call_id',
    ],
    [
      { messages: [...messages, { role: 'tool', tool_call_id: 'a' }] },
      'invalid_request',
      'messages[1].content',
    ],
  ] as const
  for (const [body, code, param] of cases) {
    const { status, json } = await app.chat(body)
    assert.deepEqual([status, json.error.code, json.error.param], [400, code, param])
  }
})

test('tools are counted with messages and not with a bare text', async () => {
  await using app = await openTestApp()
  const count = (body: object) =>
    app.request('POST', '/v1/tokenize', { payload: { model: 'echo', ...body } })
  assert.equal((await count({ messages, tools: [fn('f')], tool_choice: 'none' })).status, 200)
  const { json } = await count({ prompt: 'x', tools: [fn('f')] })
  assert.deepEqual([json.error.code, json.error.param], ['invalid_request', 'tools'])
})
