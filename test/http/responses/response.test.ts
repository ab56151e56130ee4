/** Responses over a chat room without a model: what is asked of it, and what is said. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openTestApp, type TestAnswer } from '../../support/http-app.ts'
import {
  ask,
  assertFails,
  eventsOf,
  get,
  PICTURE,
  textOf,
  WEATHER,
} from '../../support/responses.ts'
import { call, finish, ScriptedChat, text } from '../../support/scripted-chat.ts'

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
    assert.equal(request!.messagesParam, 'input')
    assert.match(app.log.join(''), new RegExp(`"response":"${json.id}".*"completionTokens":2`))
  })

  it("says what was sampled with, where that was the model's own default too", async () => {
    await using app = await openTestApp()
    const { json } = await ask(app, { input: 'one' })
    assert.deepEqual([json.temperature, json.top_p], [0, 1])
    assert.equal((await get(app, json.id)).json.temperature, 0)
    const [first] = eventsOf((await ask(app, { input: 'one', stream: true })).body)
    assert.equal(first!['response'].temperature, 0)
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
        idParam: 'previous_response_id[0].output[1].call_id',
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
