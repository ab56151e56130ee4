/** `/v1/messages` at the edge: what a request becomes, and how answers and failures are told in Anthropic's spelling. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ChatEvent } from '../../src/chat/contract.ts'
import { AerieError, type ErrorCode } from '../../src/errors.ts'
import { loadApiKeys } from '../../src/http/auth.ts'
import { openTestApp, type TestApp } from '../support/http-app.ts'
import { eventData } from '../support/response-checker.ts'

const hello = [{ role: 'user', content: 'hello there' }]
const ask = (app: TestApp, body: object, headers: Record<string, string> = {}) =>
  app.request('POST', '/v1/messages', {
    payload: { model: 'echo', max_tokens: 50, messages: hello, ...body },
    headers,
  })
const weather = {
  name: 'weather',
  description: 'Says the weather.',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}

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

test('a whole conversation becomes messages of ours, each field by its place', async () => {
  await using app = await openTestApp()
  const pdf = { type: 'base64', media_type: 'application/pdf', data: 'JVBERg==' }
  const cache_control = { type: 'ephemeral', ttl: '1h' }
  await ask(app, {
    system: [{ type: 'text', text: 'be brief', cache_control }],
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
          { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } },
          { type: 'image', source: { type: 'file', file_id: 'file-1' } },
          {
            type: 'document',
            source: pdf,
            title: 'a.pdf',
            context: 'old',
            citations: { enabled: false },
          },
          { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'é' } },
          {
            type: 'document',
            source: { type: 'content', content: [{ type: 'text', text: 'inner' }] },
          },
        ],
      },
      { role: 'user', content: 'and?' },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'hm', signature: 'x' },
          { type: 'text', text: 'I look.', citations: null },
          {
            type: 'tool_use',
            id: 'call_1',
            name: 'weather',
            input: { city: 'Bern' },
            caller: { type: 'direct' },
          },
        ],
      },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: 'call_1',
            is_error: true,
            content: [
              { type: 'text', text: 'no net' },
              { type: 'image', source: { type: 'url', url: 'https://example.org/b.png' } },
            ],
          },
          { type: 'text', text: 'well?' },
        ],
      },
    ],
    ...{ temperature: 0.5, top_p: 0.9, top_k: 5, cache_control },
    tools: [
      { ...weather, type: 'custom', strict: true, cache_control, eager_input_streaming: true },
    ],
    tool_choice: { type: 'tool', name: 'weather', disable_parallel_tool_use: true },
    output_config: { format: { type: 'json_schema', schema: { type: 'object' } } },
    ...{ metadata: { user_id: 'someone' }, service_tier: 'auto', thinking: { type: 'disabled' } },
    aerie: { priority: 'batch', deadline_ms: 700 },
  })
  const [got] = app.service.requests
  const at = (param: string) => `messages[0].content[${param}`
  assert.deepEqual(got!.messages, [
    {
      role: 'system',
      name: undefined,
      content: [{ type: 'text', text: 'be brief', param: 'system[0].text' }],
    },
    {
      ...{ role: 'user', name: undefined },
      content: [
        {
          type: 'image',
          url: 'data:image/png;base64,AAAA',
          detail: 'auto',
          param: at('0].source.data'),
        },
        {
          type: 'image',
          url: 'https://example.org/a.png',
          detail: 'auto',
          param: at('1].source.url'),
        },
        { type: 'file', file: { id: 'file-1' }, param: at('2].source') },
        { type: 'text', text: 'old', param: at('3].context') },
        {
          ...{ type: 'file', param: at('3].source') },
          file: {
            ...{ data: 'data:application/pdf;base64,JVBERg==', filename: 'a.pdf' },
            param: at('3].source.data'),
          },
        },
        {
          ...{ type: 'file', param: at('4].source') },
          file: {
            ...{ data: 'data:text/plain;base64,w6k=', filename: 'document.txt' },
            param: at('4].source.data'),
          },
        },
        { type: 'text', text: 'inner', param: at('5].source.content[0].text') },
        { type: 'text', text: 'and?', param: 'messages[1].content' },
      ],
    },
    {
      ...{ role: 'assistant', name: undefined },
      content: [{ type: 'text', text: 'I look.', param: 'messages[2].content[1].text' }],
      toolCalls: [
        {
          id: 'call_1',
          name: 'weather',
          arguments: '{"city":"Bern"}',
          param: 'messages[2].content[2]',
        },
      ],
    },
    {
      ...{
        role: 'tool',
        name: undefined,
        toolCallId: 'call_1',
        toolCallParam: 'messages[3].content[0].tool_use_id',
      },
      content: [
        { type: 'text', text: 'Error:', param: 'messages[3].content[0].is_error' },
        { type: 'text', text: 'no net', param: 'messages[3].content[0].content[0].text' },
        {
          ...{ type: 'image', url: 'https://example.org/b.png', detail: 'auto' },
          param: 'messages[3].content[0].content[1].source.url',
        },
      ],
    },
    {
      ...{ role: 'user', name: undefined },
      content: [{ type: 'text', text: 'well?', param: 'messages[3].content[1].text' }],
    },
  ])
  assert.deepEqual(got!.tools, [
    {
      ...{ name: 'weather', description: 'Says the weather.', parameters: weather.input_schema },
      ...{ strict: true, param: 'tools[0]', schemaParam: 'tools[0].input_schema' },
    },
  ])
  assert.deepEqual(
    [got!.toolChoice, got!.parallelToolCalls, got!.stop, got!.maxTokens, got!.endsWithContext],
    [{ mode: 'required', only: ['weather'] }, false, [], 50, true],
  )
  assert.deepEqual(got!.responseFormat, {
    ...{ type: 'json-schema', name: 'answer', schema: { type: 'object' }, strict: true },
    param: 'output_config.format.schema',
  })
  const { temperature, topP, topK } = got!.sampling
  assert.deepEqual([temperature, topP, topK], [0.5, 0.9, 5])
  assert.deepEqual([got!.priority, got!.deadlineMs, got!.explain], ['batch', 700, false])
  const line = JSON.parse(app.log.at(-1)!)
  assert.match(line.endUser, /^[0-9a-f]{16}$/)
})

test('choices of tools, and what contradicts itself', async () => {
  await using app = await openTestApp()
  const tools = [weather]
  const chosen = async (tool_choice?: object) => {
    await ask(app, { tools, ...(tool_choice && { tool_choice }) })
    const { toolChoice, parallelToolCalls } = app.service.requests.at(-1)!
    return [toolChoice, parallelToolCalls]
  }
  assert.deepEqual(await chosen(), [{ mode: 'auto' }, true])
  assert.deepEqual(await chosen({ type: 'any' }), [{ mode: 'required' }, true])
  assert.deepEqual(await chosen({ type: 'none' }), [{ mode: 'none' }, true])
  assert.deepEqual(await chosen({ type: 'auto', disable_parallel_tool_use: true }), [
    { mode: 'auto' },
    false,
  ])
})

test('an answer has every field, the text in one block, and the reason of its end', async () => {
  await using app = await openTestApp()
  const { json, headers } = await ask(app, {})
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
  assert.equal((await ask(app, { max_tokens: 1 })).json.stop_reason, 'max_tokens')
})

test('the stop sequence that ended an answer, and a context that was too short', async () => {
  const text: ChatEvent = { type: 'text-delta', choice: 0, text: 'a' }
  const finish = (rest: object) => ({ type: 'finish', choice: 0, ...rest }) as ChatEvent
  const script = (end: ChatEvent) => ({ echo: { script: () => [text, end] } })
  await using stopped = await openTestApp(script(finish({ reason: 'stop', stopText: 'END' })))
  const first = (await ask(stopped, {})).json
  assert.deepEqual([first.stop_reason, first.stop_sequence], ['stop_sequence', 'END'])
  await using full = await openTestApp(script(finish({ reason: 'length' })))
  assert.equal((await ask(full, {})).json.stop_reason, 'model_context_window_exceeded')
  assert.equal((await ask(full, { max_tokens: 2 })).json.stop_reason, 'max_tokens')
})

test('a stream has the events in their order, each under its name', async () => {
  await using app = await openTestApp()
  const { body, headers } = await ask(app, { stream: true })
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
  const { json } = await ask(app, { tools: [weather] })
  const caller = { type: 'direct' }
  assert.deepEqual(json.content, [
    { type: 'text', text: 'I look.', citations: null },
    { type: 'tool_use', id: 'call_1', name: 'weather', input: { city: 'Bern' }, caller },
    { type: 'tool_use', id: 'call_2', name: 'weather', input: { city: 'Chur' }, caller },
  ])
  assert.equal(json.stop_reason, 'tool_use')
  const events = eventData((await ask(app, { tools: [weather], stream: true })).body)
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
  const { json } = await ask(app, { max_tokens: 4 })
  assert.deepEqual([json.content.length, json.stop_reason], [1, 'max_tokens'])
})

test('count_tokens counts what would be read, tools with it', async () => {
  await using app = await openTestApp()
  const count = (payload: object) =>
    app.request('POST', '/v1/messages/count_tokens?beta=true', {
      payload: { model: 'echo', ...payload },
    })
  assert.deepEqual((await count({ messages: hello, system: 'be brief' })).json, { input_tokens: 4 })
  await count({ messages: hello, tools: [weather], tool_choice: { type: 'any' } })
  const { input } = app.service.counted.at(-1)!
  assert.ok(input.type === 'messages' && input.tools?.[0]?.name === 'weather')
  assert.deepEqual(input.toolChoice, { mode: 'required' })
  assert.equal((await count({})).json.error.details.param, 'messages')
})

test('each code has a status and a type of Anthropic’s, and the same code as elsewhere', async () => {
  const cases: [ErrorCode, number, string][] = [
    ['invalid_media', 400, 'invalid_request_error'],
    ['model_not_found', 404, 'not_found_error'],
    ['queue_full', 529, 'overloaded_error'],
    ['not_ready', 503, 'overloaded_error'],
    ['deadline_exceeded', 504, 'timeout_error'],
    ['backend_failure', 500, 'api_error'],
  ]
  for (const [code, status, type] of cases) {
    const error = new AerieError(code, 'what was wrong', { param: 'model', retryAfterSeconds: 3 })
    await using app = await openTestApp({ echo: { failure: { afterTokens: 0, error } } })
    const answer = await ask(app, {})
    assert.equal(answer.status, status)
    assert.deepEqual(answer.json, {
      type: 'error',
      error: { type, message: 'what was wrong', details: { error_code: code, param: 'model' } },
      request_id: answer.headers['request-id'],
    })
    if (code === 'queue_full') assert.equal(answer.headers['retry-after'], '3')
  }
})

test('failures before the route speak so too; those of other routes do not', async () => {
  await using app = await openTestApp({ maxBodyBytes: 2000 })
  const send = (url: string, payload: string, type = 'application/json') =>
    app.request('POST', url, { payload, headers: { 'content-type': type } })
  const kinds = async (answer: ReturnType<typeof send>) => {
    const { status, json } = await answer
    return [status, json.error.type, json.error.details?.error_code]
  }
  assert.deepEqual(await kinds(send('/v1/messages', '{')), [
    ...[400, 'invalid_request_error', 'invalid_json'],
  ])
  assert.deepEqual(await kinds(send('/v1/messages', JSON.stringify({ a: 'x'.repeat(3000) }))), [
    ...[413, 'request_too_large', 'request_too_large'],
  ])
  assert.deepEqual(await kinds(send('/v1/messages', 'a=1', 'text/plain')), [
    ...[415, 'invalid_request_error', 'unsupported_media_type'],
  ])
  assert.deepEqual(await kinds(send('/v1/messages/batches', '{}')), [
    ...[404, 'not_found_error', 'not_found'],
  ])
  assert.deepEqual(await kinds(app.request('GET', '/v1/messages')), [
    ...[405, 'invalid_request_error', 'method_not_allowed'],
  ])
  assert.deepEqual(await kinds(send('/v1/messages?alpha=1', '{}')), [
    ...[400, 'invalid_request_error', 'unknown_parameter'],
  ])
  assert.deepEqual(await kinds(send('/v1/messagesque', '{}')), [
    ...[404, 'invalid_request_error', undefined],
  ])
})

test('a failure in the middle of a stream is an error event, and the last', async () => {
  const error = new AerieError('backend_failure', 'the decoder failed')
  await using app = await openTestApp({ echo: { failure: { afterTokens: 1, error } } })
  const events = eventData((await ask(app, { stream: true })).body).map((data) => JSON.parse(data))
  const last = events.at(-1)
  assert.deepEqual([last.type, last.error.type], ['error', 'api_error'])
  assert.ok(!events.some(({ type }) => type === 'message_stop'))
})

test('in silence there are pings', async () => {
  await using app = await openTestApp({ heartbeatMs: 20, echo: { tokenDelayMs: 150 } })
  const events = eventData((await ask(app, { stream: true })).body).map((data) => JSON.parse(data))
  assert.ok(events.filter(({ type }) => type === 'ping').length > 2)
})

test('the key may come as x-api-key, on every route', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'aerie-keys-'))
  t.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'keys'), 'radiology:secret-1\n')
  const apiKeys = await loadApiKeys(join(folder, 'keys'))
  await using app = await openTestApp({ apiKeys })
  const status = async (headers: Record<string, string>) => (await ask(app, {}, headers)).status
  assert.equal(await status({ 'x-api-key': 'secret-1' }), 200)
  assert.equal(app.service.requests.at(-1)!.tenant, 'radiology')
  assert.equal(await status({ authorization: 'Bearer secret-1' }), 200)
  assert.equal(await status({ 'x-api-key': 'secret-2' }), 401)
  assert.equal(await status({ 'x-api-key': 'secret-1', authorization: 'Bearer no' }), 401)
  const { json } = await ask(app, {})
  assert.deepEqual([json.error.type, json.type], ['authentication_error', 'error'])
  assert.ok(!app.log.join('').includes('secret'))
  const models = await app.request('GET', '/v1/models', { headers: { 'x-api-key': 'secret-1' } })
  assert.equal(models.status, 200)
})

test('what is not honoured is refused by name', async () => {
  await using app = await openTestApp()
  const user = (...content: object[]) => ({ messages: [{ role: 'user', content }] })
  const document = (source: object, rest = {}) => user({ type: 'document', source, ...rest })
  const text = { type: 'text', media_type: 'text/plain', data: 'a' }
  const unsupported: [object, string][] = [
    [{ thinking: { type: 'enabled', budget_tokens: 2000 } }, 'thinking.type'],
    [{ thinking: { type: 'adaptive' } }, 'thinking.type'],
    [
      { tools: [{ type: 'web_search_20260209', name: 'web_search', max_uses: 3 }] },
      'tools[0].type',
    ],
    [{ tools: [{ ...weather, defer_loading: true }] }, 'tools[0].defer_loading'],
    [{ tools: [{ ...weather, input_examples: [{}] }] }, 'tools[0].input_examples'],
    [{ output_config: { effort: 'low' } }, 'output_config.effort'],
    [{ speed: 'fast' }, 'speed'],
    [{ container: 'c' }, 'container'],
    [{ mcp_servers: [{}] }, 'mcp_servers'],
    [{ context_management: {} }, 'context_management'],
    [document({ type: 'url', url: 'https://a/b.pdf' }), 'messages[0].content[0].source.type'],
    [document(text, { citations: { enabled: true } }), 'messages[0].content[0].citations.enabled'],
    [
      user({ type: 'search_result', source: 'a', title: 'b', content: [] }),
      'messages[0].content[0].type',
    ],
    [user({ type: 'container_upload', file_id: 'a' }), 'messages[0].content[0].type'],
    [user({ type: 'text', text: 'a', citations: [{}] }), 'messages[0].content[0].citations'],
  ]
  for (const [body, param] of unsupported) {
    const { details } = (await ask(app, body)).json.error
    assert.deepEqual(details, { error_code: 'unsupported_parameter', param }, JSON.stringify(body))
  }
  const invalid: [object, string][] = [
    [{ max_tokens: undefined }, 'max_tokens'],
    [{ max_tokens: 0 }, 'max_tokens'],
    [{ temperature: 1.5 }, 'temperature'],
    [{ messages: [] }, 'messages'],
    [{ messages: [...hello, { role: 'assistant', content: 'The' }] }, 'messages[1].role'],
    [{ messages: [{ role: 'tool', content: 'a' }] }, 'messages[0].role'],
    [{ tools: [{ name: 'a' }] }, 'tools[0].input_schema'],
    [{ tools: [weather, weather] }, 'tools[1].name'],
    [{ tools: [{ ...weather, name: 'a b' }] }, 'tools[0].name'],
    [{ tool_choice: { type: 'any' } }, 'tool_choice'],
    [
      { output_config: { format: { type: 'json_schema', schema: {} } }, stop_sequences: ['a'] },
      'stop_sequences',
    ],
    [{ tools: [weather], tool_choice: { type: 'tool', name: 'x' } }, 'tool_choice.name'],
    [
      user({ type: 'image', source: { type: 'base64', media_type: 'image/bmp', data: 'A' } }),
      'messages[0].content[0].source.media_type',
    ],
    [user({ type: 'video' }), 'messages[0].content[0].type'],
  ]
  for (const [body, param] of invalid) {
    const { details } = (await ask(app, body)).json.error
    assert.deepEqual(details, { error_code: 'invalid_request', param }, JSON.stringify(body))
  }
  const thread = (await ask(app, { thread: { type: 'create' } })).json.error.details
  assert.deepEqual([thread.error_code, thread.param], ['thread_unsupported_request', 'thread'])
  const stranger = (await ask(app, { max_completion_tokens: 3 })).json.error
  assert.equal(stranger.details.error_code, 'unknown_parameter')
})
