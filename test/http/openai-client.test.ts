/** The official client against the edge: JSON, streams and every class of error. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI from 'openai'
import { AerieError } from '../../src/errors.ts'
import type { HttpOptions } from '../../src/http/app.ts'
import type { EchoOptions } from '../support/echo-service.ts'
import { openTestApp } from '../support/http-app.ts'

async function openClient(
  options: Partial<HttpOptions> & { readonly echo?: EchoOptions } = {},
  maxRetries = 0,
) {
  const app = await openTestApp(options)
  const baseURL = `${await app.listen()}/v1`
  return {
    ...app,
    client: new OpenAI({ baseURL, apiKey: 'none', maxRetries }),
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  }
}

const messages: OpenAI.ChatCompletionMessageParam[] = [
  { role: 'system', content: 'be brief' },
  {
    role: 'user',
    content: [
      { type: 'text', text: 'what is this' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'high' } },
    ],
  },
]

test('an answer, with the request id', async () => {
  await using app = await openClient()
  const answer = await app.client.chat.completions.create({ model: 'echo', messages })
  assert.equal(answer.choices[0]?.message.content, 'what is this')
  assert.equal(answer.usage?.prompt_tokens_details?.image_tokens, 25)
  assert.match(answer._request_id ?? '', /^req_/)
})

test('a stream, by iteration and by the helper that puts it together again', async () => {
  await using app = await openClient()
  const options = { stream_options: { include_usage: true } }
  let text = ''
  let usage: OpenAI.CompletionUsage | null | undefined
  const stream = await app.client.chat.completions.create({
    model: 'echo',
    messages,
    stream: true,
    ...options,
  })
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? ''
    usage = chunk.usage ?? usage
  }
  assert.equal(text, 'what is this')
  assert.equal(usage?.completion_tokens, 3)

  const whole = await app.client.chat.completions
    .stream({ model: 'echo', messages, n: 2, logprobs: true, ...options })
    .finalChatCompletion()
  assert.deepEqual(
    whole.choices.map(({ message, finish_reason }) => [message.content, finish_reason]),
    [
      ['what is this', 'stop'],
      ['what is this', 'stop'],
    ],
  )
  assert.equal(whole.choices[1]?.logprobs?.content?.length, 3)
  assert.equal(whole.usage?.completion_tokens, 6)
})

test('models, also with a slash in the name', async () => {
  await using app = await openClient()
  const ids = []
  for await (const model of app.client.models.list()) ids.push(model.id)
  assert.deepEqual(ids, ['echo', 'nvidia/echo-7b'])
  assert.equal((await app.client.models.retrieve('nvidia/echo-7b')).id, 'nvidia/echo-7b')
})

test('each failure is raised as the class that the client has for it', async () => {
  const create = (client: OpenAI, body: object = {}) =>
    client.chat.completions.create({ model: 'echo', messages, ...body })

  await using app = await openClient()
  await assert.rejects(create(app.client, { temperature: 9 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError)
    assert.deepEqual(
      [error.code, error.param, error.type],
      ['invalid_request', 'temperature', 'invalid_request_error'],
    )
    assert.match(error.requestID ?? '', /^req_/)
    return true
  })
  await assert.rejects(create(app.client, { model: 'gpt-4o' }), OpenAI.NotFoundError)

  const apiKeys = { nameOf: () => undefined, names: () => [], read: async () => () => {} }
  await using locked = await openClient({ apiKeys })
  await assert.rejects(create(locked.client), OpenAI.AuthenticationError)

  await using full = await openClient({ echo: { maxRunning: 0 } })
  await assert.rejects(create(full.client), OpenAI.RateLimitError)

  const error = new AerieError('backend_failure', 'the runtime failed')
  await using broken = await openClient({ echo: { failure: { afterTokens: 1, error } } })
  await assert.rejects(create(broken.client), OpenAI.InternalServerError)
  const stream = await broken.client.chat.completions.create({
    model: 'echo',
    messages,
    stream: true,
  })
  await assert.rejects(
    async () => {
      for await (const _ of stream);
    },
    (raised) => raised instanceof OpenAI.APIError && raised.code === 'backend_failure',
  )
})

test('the client comes back when the queue was full, and does not after an exceeded deadline', async () => {
  const full = new AerieError('queue_full', 'full', { retryAfterSeconds: 0.05 })
  await using busy = await openClient({ echo: { failure: { afterTokens: 0, error: full } } }, 2)
  const ask = (client: OpenAI) => client.chat.completions.create({ model: 'echo', messages })
  await assert.rejects(ask(busy.client), OpenAI.RateLimitError)
  assert.equal(busy.service.requests.length, 3)

  const late = new AerieError('deadline_exceeded', 'too late')
  await using slow = await openClient({ echo: { failure: { afterTokens: 0, error: late } } }, 2)
  await assert.rejects(ask(slow.client), OpenAI.InternalServerError)
  assert.equal(slow.service.requests.length, 1)
})

test('aborting in the client ends the work in the server', { timeout: 60_000 }, async () => {
  await using app = await openClient({ echo: { tokenDelayMs: 5 } })
  // Too long to be over before anyone leaves.
  const long = { role: 'user', content: 'word '.repeat(5000) } as const
  const asked = { model: 'echo', messages: [long], stream: true as const }
  for await (const chunk of await app.client.chat.completions.create(asked)) {
    if (chunk.choices[0]?.delta.content) break
  }
  while (app.service.aborted === 0) await new Promise(setImmediate)
  assert.equal(app.service.running, 0)
})
