/** `/v1/messages` at the edge: what a request becomes, and what is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestApp } from '../support/http-app.ts'
import { askMessages, hello, weather } from '../support/messages.ts'

test('a whole conversation becomes messages of ours, each field by its place', async () => {
  await using app = await openTestApp()
  const pdf = { type: 'base64', media_type: 'application/pdf', data: 'JVBERg==' }
  const cache_control = { type: 'ephemeral', ttl: '1h' }
  await askMessages(app, {
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
          { type: 'document', source: { type: 'url', url: 'https://example.org/b.pdf' } },
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
        {
          ...{ type: 'file', param: at('6].source') },
          file: {
            ...{ url: 'https://example.org/b.pdf', filename: undefined },
            param: at('6].source.url'),
          },
        },
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
    await askMessages(app, { tools, ...(tool_choice && { tool_choice }) })
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
    [document(text, { citations: { enabled: true } }), 'messages[0].content[0].citations.enabled'],
    [
      user({ type: 'search_result', source: 'a', title: 'b', content: [] }),
      'messages[0].content[0].type',
    ],
    [user({ type: 'container_upload', file_id: 'a' }), 'messages[0].content[0].type'],
    [user({ type: 'text', text: 'a', citations: [{}] }), 'messages[0].content[0].citations'],
  ]
  for (const [body, param] of unsupported) {
    const { details } = (await askMessages(app, body)).json.error
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
    const { details } = (await askMessages(app, body)).json.error
    assert.deepEqual(details, { error_code: 'invalid_request', param }, JSON.stringify(body))
  }
  const thread = (await askMessages(app, { thread: { type: 'create' } })).json.error.details
  assert.deepEqual([thread.error_code, thread.param], ['thread_unsupported_request', 'thread'])
  const stranger = (await askMessages(app, { max_completion_tokens: 3 })).json.error
  assert.equal(stranger.details.error_code, 'unknown_parameter')
})
