/** Anthropic's own client, and the AI SDK's, against the edge: answers, streams, tools and every class of error. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAnthropic } from '@ai-sdk/anthropic'
import Anthropic from '@anthropic-ai/sdk'
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema'
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai'
import type { ChatEvent, ChatRequest } from '../../src/chat/contract.ts'
import { AerieError, type ErrorCode } from '../../src/errors.ts'
import type { HttpOptions } from '../../src/http/app.ts'
import { createCheckedFetch } from '../support/checked-fetch.ts'
import type { EchoOptions } from '../support/echo-service.ts'
import { openTestApp } from '../support/http-app.ts'

const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'hello there' }]
const body = { model: 'echo', max_tokens: 20, messages }

async function openClient(options: Partial<HttpOptions> & { readonly echo?: EchoOptions } = {}) {
  const app = await openTestApp(options)
  const baseURL = await app.listen()
  const { fetch, verify } = await createCheckedFetch()
  return {
    ...app,
    baseURL,
    fetch,
    client: new Anthropic({ baseURL, apiKey: 'none', maxRetries: 0, fetch }),
    async [Symbol.asyncDispose]() {
      await verify()
      await app[Symbol.asyncDispose]()
    },
  }
}

/** Calls the tool, and says what it gave once that is there. */
function callsOnce(request: ChatRequest): readonly ChatEvent[] {
  const result = request.messages.findLast(({ role }) => role === 'tool')
  const said = result?.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('')
  if (said !== undefined) {
    return [
      { type: 'text-delta', choice: 0, text: `it is ${said}` },
      { type: 'finish', choice: 0, reason: 'stop' },
    ]
  }
  const [first] = request.tools
  return [
    { type: 'tool-call-start', choice: 0, call: 0, id: 'call_1', name: first!.name },
    { type: 'tool-call-delta', choice: 0, call: 0, arguments: '{"city":' },
    { type: 'tool-call-delta', choice: 0, call: 0, arguments: '"Bern"}' },
    { type: 'finish', choice: 0, reason: 'tool-calls' },
  ]
}

test('an answer, with the request id', async () => {
  await using app = await openClient()
  const message = await app.client.messages.create(body)
  assert.deepEqual(message.content, [{ type: 'text', text: 'hello there', citations: null }])
  assert.match(message._request_id ?? '', /^req_/)
  assert.equal(message.usage.output_tokens, 2)
  assert.deepEqual(await app.client.messages.countTokens({ model: 'echo', messages }), {
    input_tokens: 2,
  })
})

test('a stream, by iteration and by the helper that puts it together again', async () => {
  await using app = await openClient()
  const types: string[] = []
  for await (const event of await app.client.messages.create({ ...body, stream: true })) {
    types.push(event.type)
  }
  assert.deepEqual([types[0], types.at(-1)], ['message_start', 'message_stop'])
  const texts: string[] = []
  const stream = app.client.messages.stream(body).on('text', (delta) => texts.push(delta))
  const message = await stream.finalMessage()
  assert.deepEqual(texts, ['hello', ' there'])
  assert.equal(await stream.finalText(), 'hello there')
  assert.deepEqual([message.stop_reason, message.usage.input_tokens], ['end_turn', 2])
  assert.equal(message.usage.output_tokens, 2)
})

test('the runner of tools calls, sends the result back and has the answer, also streamed', async () => {
  for (const stream of [false, true]) {
    await using app = await openClient({ echo: { script: callsOnce } })
    const asked: unknown[] = []
    const weather = betaTool({
      ...{ name: 'weather', description: 'Says the weather.' },
      inputSchema: {
        type: 'object',
        properties: { city: { type: 'string' } },
        required: ['city'],
      },
      run: (input) => {
        asked.push(input)
        return 'warm'
      },
    })
    const params = { ...body, tools: [weather], max_iterations: 3 }
    const runner = stream
      ? app.client.beta.messages.toolRunner({ ...params, stream: true })
      : app.client.beta.messages.toolRunner(params)
    const message = await runner.runUntilDone()
    assert.deepEqual(asked, [{ city: 'Bern' }])
    assert.ok(message.content[0]?.type === 'text')
    assert.equal(message.content[0].text, 'it is warm')
    const [first, second] = app.service.requests
    assert.equal(first!.tools[0]!.name, 'weather')
    assert.equal(second!.messages.at(-1)!.toolCallId, 'call_1')
    assert.equal(second!.messages.at(-2)!.toolCalls![0]!.arguments, '{"city":"Bern"}')
  }
})

test('each failure is raised as the class that the client has for it', async () => {
  const classes: [ErrorCode, new (...args: never[]) => Error][] = [
    ['invalid_request', Anthropic.BadRequestError],
    ['model_not_found', Anthropic.NotFoundError],
    ['queue_full', Anthropic.OverloadedError],
    ['not_ready', Anthropic.ServiceUnavailableError],
    ['deadline_exceeded', Anthropic.GatewayTimeoutError],
    ['backend_failure', Anthropic.InternalServerError],
  ]
  for (const [code, kind] of classes) {
    const error = new AerieError(code, 'what was wrong', { param: 'messages' })
    await using app = await openClient({ echo: { failure: { afterTokens: 0, error } } })
    await assert.rejects(app.client.messages.create(body), (thrown) => {
      assert.ok(thrown instanceof kind, `${code}: ${thrown}`)
      assert.ok(thrown instanceof Anthropic.APIError)
      assert.deepEqual([thrown.errorCode, thrown.apiMessage], [code, 'what was wrong'])
      assert.match(thrown.requestID ?? '', /^req_/)
      return true
    })
  }
  await using app = await openClient({ maxBodyBytes: 1000 })
  const long = { ...body, system: 'a'.repeat(2000) }
  await assert.rejects(app.client.messages.create(long), Anthropic.ContentTooLargeError)
  await assert.rejects(app.client.messages.batches.list(), Anthropic.NotFoundError)
})

test('a failure in the middle of a stream is raised', async () => {
  const error = new AerieError('backend_failure', 'the decoder failed')
  await using app = await openClient({ echo: { failure: { afterTokens: 1, error } } })
  await assert.rejects(app.client.messages.stream(body).finalMessage(), /the decoder failed/)
})

test('the AI SDK: text, a stream, tools, and a picture', async () => {
  await using app = await openClient({
    echo: { script: (request) => (request.tools.length > 0 ? callsOnce(request) : undefined) },
  })
  const { fetch } = app
  const provider = createAnthropic({ baseURL: `${app.baseURL}/v1`, apiKey: 'none', fetch })
  const model = provider('echo')
  const options = { model, maxRetries: 0, maxOutputTokens: 20 }
  const { text, finishReason, usage } = await generateText({
    ...options,
    system: 'be brief',
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'what is this' },
          { type: 'image', image: Buffer.from('iVBORw0KGgo=', 'base64'), mediaType: 'image/png' },
        ],
      },
    ],
  })
  assert.deepEqual([text, finishReason, usage.outputTokens], ['what is this', 'stop', 3])
  const [request] = app.service.requests
  assert.deepEqual(
    request!.messages.map(({ role, content }) => [role, content.map(({ type }) => type)]),
    [
      ['system', ['text']],
      ['user', ['text', 'image']],
    ],
  )
  const streamed: string[] = []
  for await (const piece of streamText({ ...options, prompt: 'a b c' }).textStream)
    streamed.push(piece)
  assert.deepEqual(streamed, ['a', ' b', ' c'])
  const weather = tool({
    description: 'Says the weather.',
    inputSchema: jsonSchema<{ city: string }>({
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
    }),
    execute: async ({ city }) => `warm in ${city}`,
  })
  const steps = await generateText({
    ...options,
    prompt: 'weather?',
    tools: { weather },
    stopWhen: stepCountIs(3),
  })
  assert.equal(steps.text, 'it is warm in Bern')
})
