import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AerieError } from '../../src/errors.ts'
import { openTestApp, type TestAnswer } from '../support/http-app.ts'
import { eventData } from '../support/response-checker.ts'

const stream = { stream: true }
const say = (content: unknown) => ({ messages: [{ role: 'user', content }] })

/** The chunks of a stream that ends as it should. */
function chunks(answer: TestAnswer) {
  const events = eventData(answer.body)
  assert.equal(events.pop(), '[DONE]')
  return events.map((data) => JSON.parse(data))
}

test('a stream is role, text, finish reason and [DONE]', async () => {
  await using app = await openTestApp()
  const answer = await app.chat({ ...say('one two'), ...stream })
  assert.equal(answer.headers['content-type'], 'text/event-stream; charset=utf-8')
  assert.equal(answer.headers['cache-control'], 'no-cache')
  const seen = chunks(answer)
  assert.deepEqual(
    seen.map(({ choices: [c] }) => [c.delta, c.finish_reason]),
    [
      [{ role: 'assistant', content: '', refusal: null }, null],
      [{ content: 'one' }, null],
      [{ content: ' two' }, null],
      [{}, 'stop'],
    ],
  )
  assert.equal(new Set(seen.map(({ id }) => id)).size, 1)
  assert.ok(seen.every((chunk) => !('usage' in chunk) && !('aerie' in chunk)))
})

test('with include_usage every chunk has usage: null and the last has the figures and no choices', async () => {
  await using app = await openTestApp()
  const seen = chunks(
    await app.chat({ ...say('one two'), ...stream, stream_options: { include_usage: true } }),
  )
  const last = seen.pop()
  assert.deepEqual(last.choices, [])
  assert.equal(last.usage.completion_tokens, 2)
  assert.ok(seen.every((chunk) => chunk.usage === null && chunk.choices.length === 1))
})

test('with continuous_usage_stats each chunk has the figures of its choice so far', async () => {
  await using app = await openTestApp()
  const figures = async (stream_options: object, n = 1) =>
    chunks(await app.chat({ ...say('one two'), ...stream, n, stream_options })).map(
      ({ choices: [choice], usage }) =>
        usage && [choice?.index, usage.prompt_tokens, usage.completion_tokens, usage.total_tokens],
    )
  const so = { continuous_usage_stats: true }
  const each = [
    [0, 2, 0, 2],
    [0, 2, 1, 3],
    [0, 2, 2, 4],
    [0, 2, 2, 4],
  ]
  assert.deepEqual(await figures(so), each)
  assert.deepEqual(await figures({ ...so, include_usage: true }), [...each, [undefined, 2, 2, 4]])
  const two = await figures(so, 2)
  assert.deepEqual(
    two.filter(([index]) => index === 1),
    each.map(([, ...counts]) => [1, ...counts]),
  )
  assert.deepEqual(await figures({ continuous_usage_stats: false }), Array(4).fill(undefined))
})

test('an explanation comes in the last chunk, with usage where that was asked for', async () => {
  await using app = await openTestApp()
  const explain = { ...say('one'), ...stream, aerie: { explain: true } }
  const alone = chunks(await app.chat(explain)).at(-1)
  assert.deepEqual(alone.choices, [])
  assert.equal(alone.aerie.prompt.text, 'one')
  assert.ok(!('usage' in alone))
  const both = chunks(await app.chat({ ...explain, stream_options: { include_usage: true } }))
  assert.equal(both.filter((chunk) => chunk.choices.length === 0).length, 1)
  assert.ok(both.at(-1).aerie && both.at(-1).usage)
})

test('each of n choices has its role, its text and its end', async () => {
  await using app = await openTestApp()
  const seen = chunks(await app.chat({ ...say('a b'), ...stream, n: 2 }))
  for (const index of [0, 1]) {
    const own = seen.map(({ choices: [c] }) => c).filter((c) => c.index === index)
    assert.equal(own[0].delta.role, 'assistant')
    assert.equal(own.map((c) => c.delta.content ?? '').join(''), 'a b')
    assert.equal(own.at(-1).finish_reason, 'stop')
  }
})

test('log probabilities come with the text that they belong to', async () => {
  await using app = await openTestApp()
  const seen = chunks(await app.chat({ ...say('a b'), ...stream, logprobs: true, top_logprobs: 1 }))
  const tokens = seen.flatMap(({ choices: [c] }) => c.logprobs?.content ?? [])
  assert.deepEqual(
    tokens.map(({ token }) => token),
    ['a', ' b'],
  )
})

test('line breaks and every other character survive the framing', async () => {
  await using app = await openTestApp()
  const text = 'a\nb\r\nc\u2028d\u0085\u0000e\ud83d\ude00 data: [DONE]'
  const seen = chunks(await app.chat({ ...say(text), ...stream }))
  assert.equal(seen.map(({ choices: [c] }) => c.delta.content ?? '').join(''), text)
})

test('a failure after the first chunk is one event, and then the stream ends without [DONE]', async () => {
  const error = new AerieError('backend_failure', 'the runtime failed')
  await using app = await openTestApp({ echo: { failure: { afterTokens: 1, error } } })
  const answer = await app.chat({ ...say('one two'), ...stream })
  const events = eventData(answer.body)
  assert.equal(answer.status, 200)
  assert.deepEqual(JSON.parse(events.at(-1)!), {
    error: {
      message: 'the runtime failed',
      type: 'server_error',
      param: null,
      code: 'backend_failure',
    },
  })
  assert.ok(!events.includes('[DONE]'))
  assert.equal(events.filter((data) => data.includes('"error"')).length, 1)
})

test('a defect in the middle of a stream tells the client nothing', async () => {
  const failure = { afterTokens: 1, error: new Error('secret') }
  await using app = await openTestApp({ echo: { failure } })
  const answer = await app.chat({ ...say('one two'), ...stream })
  assert.equal(JSON.parse(eventData(answer.body).at(-1)!).error.code, 'internal_error')
  assert.doesNotMatch(answer.body, /secret/)
})

test('an answer that breaks off without an error is an error', async () => {
  await using app = await openTestApp()
  const whole = app.service.complete.bind(app.service)
  app.service.complete = async function* (request, signal) {
    for await (const event of whole(request, signal)) {
      if (event.type === 'finish') return
      yield event
    }
  }
  const answer = await app.chat({ ...say('one'), ...stream })
  assert.equal(JSON.parse(eventData(answer.body).at(-1)!).error.code, 'internal_error')
  assert.equal((await app.chat(say('one'))).status, 500)
})

test('silence is broken by comments', async () => {
  await using app = await openTestApp({ heartbeatMs: 10, echo: { tokenDelayMs: 60 } })
  const answer = await app.chat({ ...say('one two'), ...stream })
  const comments = answer.body.split('\n\n').filter((frame) => frame === ': keep-alive')
  assert.ok(comments.length >= 2, `${comments.length} comments in two stretches of silence`)
  assert.equal(chunks(answer).length, 4)
})
