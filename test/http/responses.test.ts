/** `/v1/responses` over a chat room without a model: what is asked of it, what is told, what is kept. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { AerieError } from '../../src/errors.ts'
import { openTestApp, type TestAnswer, type TestApp } from '../support/http-app.ts'
import { eventData } from '../support/response-checker.ts'
import { call, finish, ScriptedChat, text } from '../support/scripted-chat.ts'

const PICTURE = `data:image/png;base64,${'A'.repeat(6000)}`
const WEATHER = {
  ...{ type: 'function', name: 'weather', description: 'of a town' },
  parameters: { type: 'object', properties: { town: { type: 'string' } }, required: ['town'] },
}

const ask = (app: TestApp, body: object, headers: Record<string, string> = {}) =>
  app.request('POST', '/v1/responses', { payload: { model: 'echo', ...body }, headers })

const get = (app: TestApp, id: string, more = '') =>
  app.request('GET', `/v1/responses/${id}${more}`)

const textOf = ({ json }: TestAnswer): string =>
  json.output.map((item: { content: { text: string }[] }) => item.content[0]!.text).join()

interface WireEvent {
  readonly type: string
  readonly sequence_number: number
  // biome-ignore lint/suspicious/noExplicitAny: the checker has proved its shape
  readonly [field: string]: any
}

const eventsOf = (body: string): WireEvent[] => {
  const data = eventData(body)
  assert.equal(data.pop(), '[DONE]')
  return data.map((one) => JSON.parse(one))
}

function assertFails(answer: TestAnswer, status: number, code: string, param: string | null) {
  const { error } = answer.json
  assert.deepEqual([answer.status, error.code, error.param], [status, code, param], error.message)
}

async function until<T>(look: () => Promise<T>, is: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await look()
    if (is(value)) return value
    await delay(5)
  }
}

describe('a response', () => {
  it('is what was said, with everything that was asked', async () => {
    await using app = await openTestApp()
    const answer = await ask(app, {
      ...{ input: 'one two', instructions: 'be short', metadata: { a: 'b' }, temperature: 0.5 },
      ...{ user: 'u', prompt_cache_key: 'k', service_tier: 'flex', max_tool_calls: 3 },
    })
    assert.equal(answer.status, 200)
    const { json } = answer
    assert.match(json.id, /^resp_[0-9a-f]{36}$/)
    assert.equal(textOf(answer), 'one two')
    assert.deepEqual(
      [json.status, json.instructions, json.metadata, json.temperature, json.store, json.user],
      ['completed', 'be short', { a: 'b' }, 0.5, true, 'u'],
    )
    assert.deepEqual([json.usage.input_tokens, json.usage.output_tokens], [4, 2])
    assert.match(String(answer.headers['server-timing']), /prefill;dur=/)
    const [request] = app.service.requests
    assert.deepEqual(
      [request!.cacheKey, request!.priority, request!.sampling.temperature],
      ['k', 'batch', 0.5],
    )
    const [system, user] = request!.messages
    assert.deepEqual([system!.role, user!.role], ['system', 'user'])
    assert.match(app.log.join(''), new RegExp(`"response":"${json.id}".*"completionTokens":2`))
  })

  it('takes messages in every form, pictures, files, sounds and clips, each with its field', async () => {
    await using app = await openTestApp()
    const content = [
      { type: 'input_text', text: 'look' },
      { type: 'input_image', image_url: PICTURE, detail: 'high' },
      { type: 'input_image', file_id: 'file-1', detail: null },
      { type: 'input_file', file_data: 'data:text/plain,a', filename: 'a.txt' },
      { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
      { type: 'input_video', video_url: 'https://example.org/a.mp4' },
      { type: 'input_video', input_video: { data: 'AAAA', sound: true } },
    ]
    const input = [
      { role: 'developer', content: 'one' },
      { type: 'message', role: 'user', content },
      { role: 'assistant', content: [{ type: 'output_text', text: 'two', annotations: [] }] },
      { role: 'assistant', content: 'three', phase: 'commentary' },
      { role: 'user', content: 'four' },
    ]
    assert.equal((await ask(app, { input })).status, 200)
    const { messages } = app.service.requests[0]!
    assert.deepEqual(
      messages.map(({ role }) => role),
      ['developer', 'user', 'assistant', 'assistant', 'user'],
    )
    assert.deepEqual(
      messages.flatMap(({ content }) => content.map(({ type, param }) => `${type} ${param}`)),
      [
        'text input[0].content',
        'text input[1].content[0].text',
        'image input[1].content[1].image_url',
        'file input[1].content[2]',
        'file input[1].content[3]',
        'sound input[1].content[4].input_audio.data',
        'video input[1].content[5].video_url',
        'video input[1].content[6].input_video.data',
        'track input[1].content[6].input_video.sound',
        'text input[2].content[0].text',
        'text input[3].content',
        'text input[4].content',
      ],
    )
  })

  it('calls tools, and takes their results with pictures', async () => {
    const chat = new ScriptedChat(
      [text('so:'), ...call(0, 'call_a', 'weather', '{"town":', '"Rome"}'), finish('tool-calls')],
      [text('sunny'), finish('stop')],
    )
    await using app = await openTestApp({ chat })
    const tools = [WEATHER]
    const first = await ask(app, { input: 'weather?', tools, tool_choice: 'required' })
    const [message, made] = first.json.output
    assert.equal(message.content[0].text, 'so:')
    assert.deepEqual(
      [made.type, made.call_id, made.name, made.arguments, made.status],
      ['function_call', 'call_a', 'weather', '{"town":"Rome"}', 'completed'],
    )
    assert.deepEqual(first.json.tools, [{ ...WEATHER, strict: true }])
    assert.equal(first.json.tool_choice, 'required')
    const output = [
      { type: 'input_text', text: 'see' },
      { type: 'input_image', image_url: PICTURE },
    ]
    const result = { type: 'function_call_output', call_id: 'call_a', output }
    const previous_response_id = first.json.id
    const second = await ask(app, { previous_response_id, input: [result], tools })
    assert.equal(textOf(second), 'sunny')
    const [asked, again] = chat.requests
    assert.deepEqual(asked!.toolChoice, { mode: 'required' })
    assert.deepEqual(
      [asked!.tools[0]!.name, asked!.tools[0]!.strict, asked!.tools[0]!.param],
      ['weather', true, 'tools[0]'],
    )
    assert.deepEqual(
      again!.messages.map(({ role, toolCallId }) => [role, toolCallId]),
      [
        ['user', undefined],
        ['assistant', undefined],
        ['tool', 'call_a'],
      ],
    )
    const [, assistant, tool] = again!.messages
    assert.deepEqual(assistant!.toolCalls, [
      {
        ...{ id: 'call_a', name: 'weather', arguments: '{"town":"Rome"}' },
        param: 'previous_response_id[0].output[1]',
      },
    ])
    assert.deepEqual(
      tool!.content.map(({ type }) => type),
      ['text', 'image'],
    )
    const orphan = { ...result, call_id: 'call_b' }
    assertFails(await ask(app, { input: [orphan] }), 400, 'invalid_request', 'input[0].call_id')
  })

  it('knows tool choices by name, and formats of text', async () => {
    const chat = new ScriptedChat([text('{}'), finish('stop')])
    await using app = await openTestApp({ chat })
    const tools = [WEATHER, { ...WEATHER, name: 'news', strict: false }]
    const one = { type: 'function', name: 'news' }
    const choose = (tool_choice: unknown) => ask(app, { input: 'a', tools, tool_choice })
    const named = await choose(one)
    assert.deepEqual(named.json.tool_choice, one)
    const allowed = { type: 'allowed_tools', mode: 'auto', tools: [one] }
    assert.deepEqual((await choose(allowed)).json.tool_choice, allowed)
    await choose('none')
    const schema = { type: 'object', properties: {}, additionalProperties: false }
    const format = { type: 'json_schema', name: 'n', schema, strict: true }
    const formatted = await ask(app, { input: 'a', text: { format, verbosity: 'medium' } })
    assert.deepEqual(formatted.json.text, { format, verbosity: 'medium' })
    assert.deepEqual(
      chat.requests.map(({ toolChoice, responseFormat: { type } }) => [toolChoice, type]),
      [
        [{ mode: 'required', only: ['news'] }, 'text'],
        [{ mode: 'auto', only: ['news'] }, 'text'],
        [{ mode: 'none' }, 'text'],
        [{ mode: 'auto' }, 'json-schema'],
      ],
    )
    const unknown = { type: 'function', name: 'x' }
    assertFails(await choose(unknown), 400, 'invalid_request', 'tool_choice.name')
    const none = await ask(app, { input: 'a', tool_choice: 'required' })
    assertFails(none, 400, 'invalid_request', 'tool_choice')
  })

  it('is incomplete where the answer was cut, and its last item with it', async () => {
    await using app = await openTestApp()
    const { json } = await ask(app, { input: 'one two three', max_output_tokens: 2 })
    assert.deepEqual(
      [json.status, json.incomplete_details, json.completed_at, json.output[0].status],
      ['incomplete', { reason: 'max_output_tokens' }, null, 'incomplete'],
    )
    assert.equal((await get(app, json.id)).json.status, 'incomplete')
    const next = await ask(app, { input: 'four', previous_response_id: json.id })
    assert.equal(next.status, 200)
  })

  it('has log probabilities where they were asked for, in either way', async () => {
    await using app = await openTestApp()
    const include = ['message.output_text.logprobs', 'reasoning.encrypted_content']
    const [without, asked, counted] = await Promise.all([
      ask(app, { input: 'a b' }),
      ask(app, { input: 'a b', include }),
      ask(app, { input: 'a b', top_logprobs: 2 }),
    ])
    const of = ({ json }: TestAnswer) => json.output[0].content[0].logprobs
    assert.deepEqual(of(without!), [])
    assert.deepEqual([of(asked!).length, of(asked!)[0].top_logprobs.length], [2, 0])
    assert.equal(of(counted!)[0].top_logprobs.length, 2)
    assert.deepEqual(of(counted!)[0].top_logprobs[1].bytes, [])
  })

  it('says what the model saw where that is asked for', async () => {
    await using app = await openTestApp()
    const content = [{ type: 'input_image', image_url: PICTURE }]
    const input = [{ role: 'user', content }]
    const { json } = await ask(app, { input }, { 'x-aerie-explain': '1' })
    assert.equal(json.aerie.images[0].param, 'input[0].content[0].image_url')
    assert.equal((await get(app, json.id)).json.aerie.images.length, 1)
  })
})

describe('what cannot be asked is refused by the name of its field', () => {
  const cases: readonly (readonly [body: object, code: string, param: string])[] = [
    [{}, 'invalid_request', 'input'],
    [{ input: [] }, 'invalid_request', 'input'],
    [{ input: 'a', conversation: 'conv_1' }, 'unsupported_parameter', 'conversation'],
    [{ input: 'a', prompt: { id: 'p' } }, 'unsupported_parameter', 'prompt'],
    [{ input: 'a', tools: [{ type: 'web_search' }] }, 'unsupported_parameter', 'tools[0].type'],
    [{ input: 'a', tools: [{ type: 'nothing' }] }, 'invalid_request', 'tools[0].type'],
    [{ input: 'a', reasoning: { effort: 'high' } }, 'unsupported_parameter', 'reasoning.effort'],
    [{ input: 'a', text: { verbosity: 'low' } }, 'unsupported_parameter', 'text.verbosity'],
    [{ input: 'a', include: ['file_search_call.results'] }, 'unsupported_parameter', 'include[0]'],
    [{ input: 'a', background: true, store: false }, 'invalid_request', 'background'],
    [{ input: 'a', stream_options: {} }, 'invalid_request', 'stream_options'],
    [{ input: 'a', nothing: 1 }, 'unknown_parameter', 'nothing'],
    [{ input: 'a', top_logprobs: 21 }, 'invalid_request', 'top_logprobs'],
    [
      { input: [{ type: 'reasoning', id: 'rs_1', summary: [] }] },
      'unsupported_parameter',
      'input[0].type',
    ],
    [
      { input: [{ role: 'user', content: [{ type: 'text' }] }] },
      'invalid_request',
      'input[0].content[0].type',
    ],
    [{ input: [{ role: 'nobody', content: 'a' }] }, 'invalid_request', 'input[0].role'],
    [{ input: [{ type: 'function_call', call_id: 'a' }] }, 'invalid_request', 'input[0].name'],
    [
      { input: [{ role: 'user', content: [{ type: 'input_image' }] }] },
      'invalid_request',
      'input[0].content[0]',
    ],
    [
      { input: [{ role: 'system', content: [{ type: 'input_image', image_url: 'data:' }] }] },
      'invalid_request',
      'input[0].content[0].type',
    ],
    [
      { input: [{ role: 'user', content: [{ type: 'output_text', text: 'a' }] }] },
      'invalid_request',
      'input[0].content[0].type',
    ],
    [
      {
        input: [
          { role: 'user', content: [{ type: 'input_file', file_url: 'https://a', file_id: 'b' }] },
        ],
      },
      'invalid_request',
      'input[0].content[0]',
    ],
    [{ input: [{ type: 'item_reference', id: 'msg_1' }] }, 'not_found', 'input[0].id'],
    [{ input: [{ id: 'msg_1' }] }, 'not_found', 'input[0].id'],
    [{ input: 'a', previous_response_id: 'resp_1' }, 'not_found', 'previous_response_id'],
  ]
  it('without anything being kept', async () => {
    await using app = await openTestApp()
    for (const [body, code, param] of cases) {
      const answer = await ask(app, body)
      assertFails(answer, code === 'not_found' ? 404 : 400, code, param)
    }
    assertFails(await ask(app, { input: 'a', model: 'x' }), 404, 'model_not_found', 'model')
    assertFails(
      await app.request('POST', '/v1/responses/compact', { payload: {} }),
      ...([400, 'unsupported_parameter', null] as const),
    )
    assert.equal((await get(app, 'resp_1')).status, 404)
    const { responses } = await until(
      async () => app.responses.stats(),
      ({ responses, created, deleted }) => responses === 0 && created === deleted,
    )
    assert.equal(responses, 0)
  })
})

describe('a stream of a response', () => {
  it('tells of every step in its order, and is kept as it was told', async () => {
    const chat = new ScriptedChat([
      ...[text('a'), text(' b')],
      ...call(0, 'call_a', 'f', '{', '}'),
      ...call(1, 'call_b', 'g'),
      finish('tool-calls'),
    ])
    await using app = await openTestApp({ chat })
    const tools = [
      { ...WEATHER, name: 'f' },
      { type: 'function', name: 'g' },
    ]
    const { body } = await ask(app, { input: 'x', stream: true, tools })
    const events = eventsOf(body)
    assert.deepEqual(
      events.map(({ type }) => type.replace('response.', '')),
      [
        ...['created', 'in_progress', 'output_item.added', 'content_part.added'],
        ...['output_text.delta', 'output_text.delta', 'output_text.done', 'content_part.done'],
        ...['output_item.done', 'output_item.added', 'function_call_arguments.delta'],
        ...['function_call_arguments.delta', 'function_call_arguments.done', 'output_item.done'],
        ...['output_item.added', 'function_call_arguments.done', 'output_item.done', 'completed'],
      ],
    )
    assert.deepEqual(
      events.map((event) => event.sequence_number),
      events.map((_, i) => i),
    )
    const { response } = events.at(-1)!
    assert.deepEqual((await get(app, response.id)).json, response)
    assert.deepEqual(
      events.filter(({ type }) => type.endsWith('item.done')).map(({ item }) => item),
      response.output,
    )
  })

  it('that fails in the middle says so, raises in official clients, and is kept as failed', async () => {
    const error = new AerieError('backend_failure', 'the runtime failed')
    await using app = await openTestApp({ echo: { failure: { afterTokens: 1, error } } })
    const { body } = await ask(app, { input: 'one two', stream: true })
    const events = eventsOf(body)
    const [told, last] = events.slice(-2)
    assert.deepEqual(
      [told!.type, told!['code'], told!['error'].code, last!.type],
      ['error', 'backend_failure', 'backend_failure', 'response.failed'],
    )
    const { response } = last!
    assert.deepEqual(response.error, { code: 'backend_failure', message: 'the runtime failed' })
    assert.deepEqual((await get(app, response.id)).json, response)
    const whole = await ask(app, { input: 'one two' })
    assertFails(whole, 500, 'backend_failure', null)
    const next = await ask(app, { input: 'a', previous_response_id: response.id })
    assertFails(next, 400, 'invalid_request', 'previous_response_id')
  })

  it('whose client leaves is cancelled, with what was said', async () => {
    await using app = await openTestApp({ echo: { tokenDelayMs: 10 } })
    const { id, leave } = await beginStream(app, 'word '.repeat(500))
    assert.equal((await get(app, id)).json.status, 'in_progress')
    leave()
    const { json } = await until(
      () => get(app, id),
      (answer) => answer.json.status !== 'in_progress',
    )
    assert.deepEqual([json.status, json.output[0].status], ['cancelled', 'incomplete'])
    assert.match(json.output[0].content[0].text, /^word/)
    assert.equal(app.service.aborted, 1)
  })

  it('ends when the response is deleted', async () => {
    await using app = await openTestApp({ echo: { tokenDelayMs: 10 } })
    const { id, rest } = await beginStream(app, 'word '.repeat(500))
    assert.equal((await app.request('DELETE', `/v1/responses/${id}`)).status, 200)
    const body = await rest()
    assert.match(body, /event: error\ndata: .*"code":"cancelled"/)
    assert.ok(body.endsWith('data: [DONE]\n\n'))
    assert.equal((await get(app, id)).status, 404)
  })
})

/** A stream of which something has come. */
async function beginStream(app: TestApp, input: string) {
  const url = await app.listen()
  const leaving = new AbortController()
  const stream = await fetch(`${url}/v1/responses`, {
    ...{ method: 'POST', body: JSON.stringify({ model: 'echo', input, stream: true }) },
    ...{ signal: leaving.signal, headers: { 'content-type': 'application/json' } },
  })
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
  let seen = ''
  while (!seen.includes('output_text.delta')) seen += (await reader.read()).value
  const rest = async () => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) seen += next.value
    return seen
  }
  return { id: /resp_[0-9a-f]{36}/.exec(seen)![0], leave: () => leaving.abort(), rest }
}

describe('what is kept', () => {
  it('is gone on from, with its pictures, and its instructions are not carried over', async () => {
    await using app = await openTestApp()
    const content = [
      { type: 'input_text', text: 'one' },
      { type: 'input_image', image_url: PICTURE },
    ]
    const first = await ask(app, { instructions: 'i', input: [{ role: 'user', content }] })
    const second = await ask(app, { input: 'two', previous_response_id: first.json.id })
    const third = await ask(app, { input: 'three', previous_response_id: second.json.id })
    assert.equal(third.json.previous_response_id, second.json.id)
    const { messages } = app.service.requests[2]!
    assert.deepEqual(
      messages.map(({ role, content: [part] }) => [role, part!.param]),
      [
        ['user', 'previous_response_id[0].input[0].content[0].text'],
        ['assistant', 'previous_response_id[0].output[0].content[0].text'],
        ['user', 'previous_response_id[1].input[0].content[0].text'],
        ['assistant', 'previous_response_id[1].output[0].content[0].text'],
        ['user', 'input'],
      ],
    )
    assert.equal((messages[0]!.content[1] as { url: string }).url, PICTURE)
    const items = await get(app, first.json.id, '/input_items')
    assert.equal(items.json.data[0].content[1].image_url, PICTURE)
    assert.equal((await get(app, third.json.id, '/input_items')).json.data.length, 1)
    const { json: cost } = await app.request('POST', '/v1/responses/input_tokens', {
      payload: { model: 'echo', input: 'three', previous_response_id: second.json.id },
    })
    assert.equal(cost.input_tokens, third.json.usage.input_tokens)
  })

  it('is not gone on from where it was not kept, is gone, has a gap, or is too long', async () => {
    const chain = { maxTurns: 4, maxBytes: 64 * 1024 }
    await using app = await openTestApp({ keeping: { chain } })
    const next = (id: string) => ask(app, { input: 'b', previous_response_id: id })
    const unkept = await ask(app, { input: 'a', store: false })
    assert.equal(unkept.json.store, false)
    assertFails(await get(app, unkept.json.id), 404, 'not_found', 'response_id')
    assertFails(await next(unkept.json.id), 404, 'not_found', 'previous_response_id')
    const ids = [(await ask(app, { input: 'a' })).json.id]
    for (let i = 0; i < 4; i++) {
      ids.push((await next(ids.at(-1)!)).json.id)
    }
    const tooMany = await next(ids.at(-1)!)
    assertFails(tooMany, 413, 'request_too_large', 'previous_response_id')
    assert.equal(ids.length, 4 + 1, 'the first, and as many turns as there may be')
    assert.equal((await app.request('DELETE', `/v1/responses/${ids[1]}`)).status, 200)
    const gap = await next(ids[3]!)
    assertFails(gap, 404, 'not_found', 'previous_response_id')
    assert.match(
      gap.json.error.message,
      new RegExp(`it goes on from ${ids[1]}, which is not there`),
    )
    const big = { role: 'user', content: 'x '.repeat(20_000) }
    const one = await ask(app, { input: [big] })
    const long = await next(one.json.id)
    assertFails(long, 413, 'request_too_large', 'previous_response_id')
  })

  it('is referred to item by item', async () => {
    await using app = await openTestApp()
    const first = await ask(app, { input: 'one' })
    const { data } = (await get(app, first.json.id, '/input_items')).json
    const input = [
      { type: 'item_reference', id: data[0].id },
      { id: first.json.output[0].id },
      { role: 'user', content: 'two' },
    ]
    const second = await ask(app, { input })
    assert.equal(second.status, 200)
    assert.deepEqual(
      app.service.requests[1]!.messages.map(({ role, content }) => [
        role,
        (content[0] as { text: string }).text,
      ]),
      [
        ['user', 'one'],
        ['assistant', 'one'],
        ['user', 'two'],
      ],
    )
    const listed = await get(app, second.json.id, '/input_items?order=asc')
    assert.deepEqual(
      listed.json.data.slice(0, 2).map(({ id }: { id: string }) => id),
      [data[0].id, first.json.output[0].id],
    )
  })

  it('is listed in pages', async () => {
    await using app = await openTestApp()
    const input = ['a', 'b', 'c'].map((content) => ({ role: 'user', content }))
    const { json } = await ask(app, { input })
    const page = async (query: string) => {
      const { json: list } = await get(app, json.id, `/input_items?${query}`)
      const texts = list.data.map((item: { content: { text: string }[] }) => item.content[0]!.text)
      return { texts: texts.join(''), ...list }
    }
    assert.equal((await page('include[]=message.input_image.image_url')).texts, 'cba')
    const first = await page('order=asc&limit=2')
    assert.deepEqual([first.texts, first.has_more], ['ab', true])
    const second = await page(`order=asc&limit=2&after=${first.last_id}`)
    assert.deepEqual([second.texts, second.has_more], ['c', false])
    assert.equal((await page('after=msg_0')).texts, '')
    const wrong = await get(app, json.id, '/input_items?limit=0')
    assertFails(wrong, 400, 'invalid_request', 'limit')
    assert.equal((await get(app, 'resp_none', '/input_items')).status, 404)
  })

  it("is nobody else's", async () => {
    const names = new Map([
      ['Bearer one', 'one'],
      ['Bearer two', 'two'],
    ])
    const nameOf = (key?: string) => names.get(key ?? '')
    const apiKeys = { nameOf, names: () => ['one', 'two'], read: async () => () => undefined }
    await using app = await openTestApp({ apiKeys })
    const as = (name: string) => ({ authorization: `Bearer ${name}` })
    const { json } = await ask(app, { input: 'a' }, as('one'))
    const look = (method: string, path: string, name: string) =>
      app.request(method, `/v1/responses/${json.id}${path}`, { headers: as(name) })
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/input_items'],
      ['POST', '/cancel'],
      ['DELETE', ''],
    ] as const)
      assert.equal((await look(method, path, 'two')).status, 404, method + path)
    const next = { input: 'b', previous_response_id: json.id }
    assertFails(await ask(app, next, as('two')), 404, 'not_found', 'previous_response_id')
    const reference = { input: [{ id: json.output[0].id }] }
    assertFails(await ask(app, reference, as('two')), 404, 'not_found', 'input[0].id')
    assert.equal((await look('GET', '', 'one')).status, 200)
    assert.equal((await look('DELETE', '', 'one')).json.deleted, true)
    assert.equal((await look('GET', '', 'one')).status, 404)
  })

  it('is nothing where the server keeps nothing', async () => {
    const quotas = { maxBytes: 0, maxTenantBytes: 0, maxResponses: 10 }
    await using app = await openTestApp({ keeping: { quotas } })
    const { json } = await ask(app, { input: 'a' })
    assert.deepEqual([json.status, json.store], ['completed', false])
    assertFails(await ask(app, { input: 'a', store: true }), 400, 'unsupported_parameter', 'store')
  })

  it('makes room for what comes, and what cannot be kept is not generated', async () => {
    const quotas = { maxBytes: 20_000, maxTenantBytes: 20_000, maxResponses: 3 }
    await using app = await openTestApp({ keeping: { quotas } })
    const ids: string[] = []
    for (let i = 0; i < 5; i++) ids.push((await ask(app, { input: 'a' })).json.id)
    const statuses = await Promise.all(ids.map(async (id) => (await get(app, id)).status))
    assert.deepEqual(statuses, [404, 404, 200, 200, 200])
    assert.equal(app.responses.stats().evicted, 2)
    const asked = app.service.requests.length
    const input = [
      { role: 'user', content: [{ type: 'input_image', image_url: PICTURE.repeat(4) }] },
    ]
    assertFails(await ask(app, { input }), 507, 'insufficient_storage', 'store')
    assert.equal(app.service.requests.length, asked)
    assert.equal((await ask(app, { input, store: false })).status, 200)
  })
})
