/** Tools against a server with real weights: what is forced is valid whatever the model would say, and what a tool shows is seen. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Ajv2020 } from 'ajv/dist/2020.js'
import OpenAI, { BadRequestError, toFile } from 'openai'
import type { ChatCompletionMessageParam, ChatCompletionTool } from 'openai/resources'
import type { RunningServer } from '../../src/main.ts'
import { type CheckedFetch, createCheckedFetch } from '../support/checked-fetch.ts'
import { pictureUri, startTestServer } from '../support/server.ts'

const parameters = {
  type: 'object',
  properties: {
    color: { enum: ['red', 'blue', 'green'] },
    count: { type: 'integer', minimum: 1, maximum: 9 },
    exact: { type: 'boolean' },
  },
  required: ['color', 'count'],
  additionalProperties: false,
}
const paint: ChatCompletionTool = {
  type: 'function',
  function: { name: 'paint', description: 'Paints shapes.', parameters },
}
const look: ChatCompletionTool = { type: 'function', function: { name: 'look' } }
const isPaint = new Ajv2020().compile(parameters)
const ask: ChatCompletionMessageParam[] = [{ role: 'user', content: 'paint something' }]
const base = { model: 'starter', messages: ask, tools: [paint, look] }

describe('tools on a server with real weights', () => {
  let server: RunningServer
  let client: OpenAI
  let checked: CheckedFetch
  before(async () => {
    server = await startTestServer()
    checked = await createCheckedFetch()
    client = new OpenAI({
      ...{ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0, fetch: checked.fetch },
    })
  })
  after(() => server.close())

  it('calls the function that is named, with arguments that its schema allows, whatever the seed', async () => {
    for (const temperature of [0, 2]) {
      const answer = await client.chat.completions.create({
        ...{ ...base, n: 3, seed: 7, temperature, parallel_tool_calls: false },
        tool_choice: { type: 'function', function: { name: 'paint' } },
      })
      for (const { message, finish_reason } of answer.choices) {
        assert.equal(message.content, null)
        assert.equal(finish_reason, 'tool_calls')
        const [call, ...others] = message.tool_calls!
        assert.equal(others.length, 0)
        assert.ok(call?.type === 'function' && call.function.name === 'paint')
        const args = JSON.parse(call.function.arguments)
        assert.ok(isPaint(args), call.function.arguments)
      }
    }
  })

  it('calls one of those that may be called where one must be', async () => {
    const answer = await client.chat.completions.create({
      ...{ ...base, parallel_tool_calls: false, seed: 3, temperature: 1 },
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: { mode: 'required', tools: [look as never] },
      },
    })
    const calls = answer.choices[0]!.message.tool_calls!
    assert.deepEqual(
      calls.map(
        (call) =>
          call.type === 'function' && [
            call.function.name,
            call.function.arguments.replace(/\s/g, ''),
          ],
      ),
      [['look', '{}']],
    )
  })

  it('streams a call: its name first, then its arguments, and the same as in one piece', async () => {
    const request = {
      ...{ ...base, temperature: 0, parallel_tool_calls: false },
      tool_choice: { type: 'function' as const, function: { name: 'paint' } },
    }
    const whole = await client.chat.completions.create(request)
    const deltas: string[] = []
    const stream = client.chat.completions.stream(request)
    stream.on('tool_calls.function.arguments.delta', ({ arguments_delta: delta }) =>
      deltas.push(delta),
    )
    const { choices } = await stream.finalChatCompletion()
    const said = (message: OpenAI.ChatCompletionMessage) => {
      const [call] = message.tool_calls!
      return call?.type === 'function' ? call.function.arguments : ''
    }
    assert.equal(said(choices[0]!.message), said(whole.choices[0]!.message))
    assert.equal(deltas.join(''), said(choices[0]!.message))
    assert.ok(deltas.length > 1)
    assert.equal(choices[0]!.finish_reason, 'tool_calls')
  })

  it('runs the loop of the official client', async () => {
    const seen: unknown[] = []
    const runner = client.chat.completions.runTools(
      {
        ...{ model: 'starter', messages: ask, temperature: 0, parallel_tool_calls: false },
        tool_choice: { type: 'function', function: { name: 'paint' } },
        tools: [
          {
            type: 'function',
            function: {
              ...{ name: 'paint', description: 'Paints shapes.', parameters, parse: JSON.parse },
              function: (args: object) => {
                seen.push(args)
                return 'done'
              },
            },
          },
        ],
      },
      { maxChatCompletions: 2 },
    )
    await runner.done()
    assert.ok(seen.length >= 1)
    assert.ok(seen.every((args) => isPaint(args)))
    assert.ok(
      runner.messages.some((message) => message.role === 'tool' && message.content === 'done'),
    )
  })

  it('sees the picture that a tool gave', async () => {
    const turn = (url: string): ChatCompletionMessageParam[] => [
      { role: 'user', content: 'take a picture' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' } },
        ],
      },
      {
        role: 'tool',
        tool_call_id: 'call_1',
        content: [{ type: 'image_url', image_url: { url } }] as never,
      },
      { role: 'user', content: 'what color is the circle?' },
    ]
    const request = async (file: string) => ({
      ...{ model: 'starter', messages: turn(await pictureUri(file)), temperature: 0 },
      ...{ aerie: { explain: true } },
    })
    const answer = await client.chat.completions.create(await request('red-circle-blue-square.png'))
    const { aerie } = answer as unknown as {
      aerie: { images: { param: string }[]; prompt: { text: string } }
    }
    assert.deepEqual(
      aerie.images.map(({ param }) => param),
      ['messages[2].content[0].image_url.url'],
    )
    assert.equal(answer.usage!.prompt_tokens_details!.image_tokens, 100)
    assert.match(answer.choices[0]!.message.content!, /red/)
  })

  it('says what tools cost before they are paid for', async () => {
    const cost = async (more: object) => {
      const body = { model: 'starter', messages: ask, ...more }
      const { tokens } = (await client.post('/tokenize', { body })) as { tokens: number }
      return tokens
    }
    const answer = await client.chat.completions.create({ ...base, max_tokens: 1 })
    assert.equal(await cost({ tools: base.tools }), answer.usage!.prompt_tokens)
    assert.equal(await cost({ tools: base.tools, tool_choice: 'none' }), await cost({}))
  })

  it('ends a call at the limit of tokens and says so', async () => {
    const answer = await client.chat.completions.create({
      ...{ ...base, max_tokens: 2, temperature: 0 },
      tool_choice: { type: 'function', function: { name: 'paint' } },
    })
    const [choice] = answer.choices
    assert.equal(choice!.finish_reason, 'length')
    assert.doesNotMatch(choice!.message.content ?? '', /tool_call/)
  })

  it('ends a call when its reader goes away', async () => {
    const free = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] }
    const stream = await client.chat.completions.create({
      ...{ ...base, stream: true, temperature: 2, seed: 1 },
      tools: [{ type: 'function', function: { name: 'write', parameters: free } }],
      tool_choice: 'required',
    })
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.tool_calls) break
    }
    const again = await client.chat.completions.create({ ...base, max_tokens: 1 })
    assert.equal(again.choices.length, 1)
  })

  it('calls from a line of a batch', async () => {
    const body = {
      ...{ ...base, temperature: 0, parallel_tool_calls: false },
      tool_choice: { type: 'function', function: { name: 'paint' } },
    }
    const line = { custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body }
    const file = await toFile(Buffer.from(JSON.stringify(line)), 'lines.jsonl')
    const { files, batches } = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none' })
    const { id } = await files.create({ file, purpose: 'batch' })
    let batch = await batches.create({
      ...{ input_file_id: id, endpoint: '/v1/chat/completions', completion_window: '24h' },
    })
    while (!['completed', 'failed'].includes(batch.status)) {
      await delay(50)
      batch = await batches.retrieve(batch.id)
    }
    const results = await (await files.content(batch.output_file_id!)).text()
    const { response } = JSON.parse(results) as {
      response: { body: OpenAI.ChatCompletion }
    }
    const [call] = response.body.choices[0]!.message.tool_calls!
    assert.ok(call?.type === 'function' && isPaint(JSON.parse(call.function.arguments)))
  })

  it('has log probabilities of what it says and none of what it calls', async () => {
    const answer = await client.chat.completions.create({
      ...{ ...base, temperature: 0, logprobs: true, parallel_tool_calls: false },
      tool_choice: { type: 'function', function: { name: 'look' } },
    })
    assert.equal(answer.choices[0]!.logprobs, null)
  })

  it('gives calls or what the format allows where it may choose', async () => {
    const schema = { type: 'object', properties: { a: { const: 1 } }, required: ['a'] }
    const answer = await client.chat.completions.create({
      ...{ ...base, temperature: 1.5, seed: 5, n: 4, parallel_tool_calls: false },
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 'x',
          strict: true,
          schema: { ...schema, additionalProperties: false },
        },
      },
    })
    for (const { message } of answer.choices) {
      const [call] = message.tool_calls ?? []
      if (call?.type === 'function') assert.doesNotThrow(() => JSON.parse(call.function.arguments))
      else assert.deepEqual(JSON.parse(message.content!), { a: 1 })
    }
  })

  it('answers in text where it decides by itself, and calls strict functions as their schemas say', async () => {
    const strict = { ...paint.function, strict: true } as OpenAI.FunctionDefinition
    const answer = await client.chat.completions.create({
      ...{ ...base, temperature: 1, seed: 2, n: 2, max_tokens: 40 },
      tools: [{ type: 'function', function: strict }],
    })
    for (const { message, finish_reason } of answer.choices) {
      assert.ok(['stop', 'length', 'tool_calls'].includes(finish_reason))
      if (finish_reason === 'length') continue
      for (const call of message.tool_calls ?? []) {
        assert.ok(call.type === 'function' && isPaint(JSON.parse(call.function.arguments)))
      }
      assert.equal(message.tool_calls !== undefined, finish_reason === 'tool_calls')
      assert.ok(message.tool_calls || message.content!.length > 0)
    }
  })

  it('has an object as arguments where the schema leaves that out, or says it elsewhere', async () => {
    const more = { type: 'object', properties: { a: { const: 1 } }, required: ['a'] }
    for (const parameters of [
      {},
      { properties: { a: { const: 1 } }, required: ['a'], additionalProperties: false },
      { $ref: '#/$defs/it', $defs: { it: { ...more, additionalProperties: false } } },
      { anyOf: [{ ...more, additionalProperties: false }, { type: 'array' }] },
    ]) {
      const answer = await client.chat.completions.create({
        ...{ ...base, temperature: 0, parallel_tool_calls: false, max_tokens: 60 },
        tools: [{ type: 'function', function: { name: 'x', parameters } }],
        tool_choice: 'required',
      })
      const [call] = answer.choices[0]!.message.tool_calls!
      assert.ok(call?.type === 'function')
      const { arguments: text } = call.function
      if (Object.keys(parameters).length === 0) assert.match(text, /^\{/)
      else assert.deepEqual(JSON.parse(text), { a: 1 })
    }
  })

  it('streams deltas that are the beginning of the arguments, at every length that it may have', async () => {
    const properties = { text: { type: 'string', minLength: 400 } }
    const free = { type: 'object', properties, required: ['text'] }
    const ask = (limit: number) =>
      client.chat.completions.create({
        ...{ ...base, stream: true, temperature: 2, seed: 4, max_tokens: limit },
        tools: [{ type: 'function', function: { name: 'write', parameters: free } }],
        tool_choice: { type: 'function', function: { name: 'write' } },
      })
    const said: string[] = []
    for (const limit of [1, 20, 40, 60]) {
      let [text, reason] = ['', '']
      for await (const { choices } of await ask(limit)) {
        for (const call of choices[0]?.delta.tool_calls ?? []) {
          text += call.function?.arguments ?? ''
        }
        reason = choices[0]?.finish_reason ?? reason
      }
      assert.equal(reason, 'length')
      said.push(text)
    }
    for (const [i, text] of said.entries()) {
      assert.ok(said.at(-1)!.startsWith(text), JSON.stringify(said))
      assert.ok(i === 0 || text.length > said[i - 1]!.length || text === '', JSON.stringify(said))
    }
    assert.match(said.at(-1)!, /^\{"text": ?"/)
  })

  it('refuses by name what it cannot do', async () => {
    const refuses = async (body: object, code: string, param: string) => {
      const request = { ...base, ...body } as OpenAI.ChatCompletionCreateParamsNonStreaming
      await assert.rejects(client.chat.completions.create(request), (error) => {
        assert.ok(error instanceof BadRequestError, String(error))
        assert.deepEqual([error.code, error.param], [code, param])
        return true
      })
    }
    const named = { type: 'function', function: { name: 'nobody' } }
    await refuses({ tool_choice: named }, 'invalid_request', 'tool_choice')
    await refuses({ tools: [paint, paint] }, 'invalid_request', 'tools[1].function.name')
    const custom = [{ type: 'custom', custom: { name: 'x' } }]
    await refuses({ tools: custom }, 'unsupported_parameter', 'tools[0].type')
    const call = { id: 'a', type: 'function', function: { name: 'look', arguments: '{}' } }
    const open = [...ask, { role: 'assistant', tool_calls: [call] }]
    await refuses({ messages: open }, 'invalid_request', 'messages[1].tool_calls[0]')
    const text = [{ type: 'function', function: { name: 'x', parameters: { type: 'string' } } }]
    await refuses({ tools: text }, 'invalid_request', 'tools[0].function.parameters.type')
    const strange = { type: 'object', properties: { a: { $dynamicRef: '#x' } } }
    const strict = [
      { type: 'function', function: { name: 'x', parameters: strange, strict: true } },
    ]
    await refuses(
      { tools: strict },
      'unsupported_parameter',
      'tools[0].function.parameters.properties.a.$dynamicRef',
    )
  })
})
