/** `/v1/completions` at the edge: what the request becomes, and how texts are told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AerieError } from '../../src/errors.ts'
import { openTestApp, type TestApp } from '../support/http-app.ts'
import { eventData } from '../support/response-checker.ts'

const ask = (app: TestApp, body: object) =>
  app.request('POST', '/v1/completions', { payload: { model: 'echo', ...body } })

test('a request becomes what it says, and says what it does not name', async () => {
  await using app = await openTestApp()
  await ask(app, { prompt: 'a b' })
  const plain = app.service.texts[0]!
  assert.deepEqual(plain.prompts, [{ text: 'a b', param: 'prompt' }])
  assert.deepEqual(
    [plain.maxTokens, plain.n, plain.echo, plain.addsSpecialTokens, plain.ignoresEnd],
    [16, 1, false, true, false],
  )
  assert.deepEqual(
    [plain.priority, plain.stop, plain.sampling.topLogprobs],
    ['live', [], undefined],
  )
  await ask(app, {
    ...{ prompt: [[1, 2], [3]], max_tokens: 0, n: 2, echo: true, logprobs: 3, top_k: -1, seed: 5 },
    ...{ stop: 'x', min_tokens: 0, ignore_eos: true, add_special_tokens: false, best_of: 2 },
    ...{ aerie: { priority: 'batch', deadline_ms: 500 }, user: 'me', temperature: null },
  })
  const full = app.service.texts[1]!
  assert.deepEqual(full.prompts, [
    { ids: [1, 2], param: 'prompt[0]' },
    { ids: [3], param: 'prompt[1]' },
  ])
  assert.deepEqual(
    [full.maxTokens, full.n, full.echo, full.addsSpecialTokens, full.ignoresEnd, full.deadlineMs],
    [0, 2, true, false, true, 500],
  )
  assert.deepEqual(
    [full.priority, full.stop, full.sampling.topLogprobs, full.sampling.topK, full.sampling.seed],
    ['batch', ['x'], 3, 0, 5],
  )
  assert.ok(!app.log.some((line) => line.includes('"me"')))
})

test('choices are numbered prompt by prompt, each with its prompt in front where that is asked for', async () => {
  await using app = await openTestApp()
  const { json } = await ask(app, { prompt: ['one two', 'three'], n: 2, echo: true })
  assert.deepEqual(
    json.choices.map(({ index, text }: { index: number; text: string }) => [index, text]),
    [
      [0, 'one twoone two'],
      [1, 'one twoone two'],
      [2, 'threethree'],
      [3, 'threethree'],
    ],
  )
  assert.equal(json.object, 'text_completion')
  assert.deepEqual([json.usage.prompt_tokens, json.usage.completion_tokens], [3, 6])
})

test('log probabilities: four lists, null first, offsets behind the prompt, names that differ', async () => {
  await using app = await openTestApp()
  const { json } = await ask(app, { prompt: '😀 two', echo: true, logprobs: 3 })
  const { logprobs } = json.choices[0]
  assert.deepEqual(logprobs.tokens, ['😀', ' two', '😀', ' two'])
  assert.deepEqual(logprobs.token_logprobs, [null, -0.5, -0.5, -0.5])
  assert.deepEqual(logprobs.text_offset, [0, 1, 5, 6])
  assert.equal(logprobs.top_logprobs[0], null)
  assert.deepEqual(logprobs.top_logprobs[1], {
    ' two': -0.5,
    'bytes:\\xe2\\x80': -1,
    '<mask>': -9999,
  })
  const bare = (await ask(app, { prompt: 'two', logprobs: 0 })).json.choices[0].logprobs
  assert.deepEqual(bare.top_logprobs, [{ two: -0.5 }], 'the token itself is always among them')
  assert.deepEqual(
    (await ask(app, { prompt: 'two', logprobs: 0, stop: 'two' })).json.choices[0].logprobs,
    {
      ...{ tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] },
    },
  )
})

test('a stream tells the same, with figures at the end where they are asked for', async () => {
  await using app = await openTestApp()
  const body = { prompt: ['a b', 'c'], echo: true, logprobs: 1, stream: true }
  const events = eventData((await ask(app, body)).body)
  assert.equal(events.pop(), '[DONE]')
  const chunks = events.map((data) => JSON.parse(data))
  assert.ok(chunks.every((chunk) => !('usage' in chunk) && chunk.choices.length === 1))
  const whole = (await ask(app, { ...body, stream: false })).json
  for (const { index, text, logprobs, finish_reason } of whole.choices) {
    const mine = chunks.map(({ choices: [choice] }) => choice).filter((c) => c.index === index)
    assert.equal(mine.map((choice) => choice.text).join(''), text)
    assert.equal(mine.at(-1).finish_reason, finish_reason)
    for (const list of ['tokens', 'token_logprobs', 'top_logprobs', 'text_offset'])
      assert.deepEqual(
        mine.flatMap((choice) => choice.logprobs?.[list] ?? []),
        logprobs[list],
      )
  }
  const figures = eventData(
    (await ask(app, { ...body, stream_options: { include_usage: true } })).body,
  )
  const last = JSON.parse(figures.at(-2)!)
  assert.deepEqual([last.choices, last.usage.completion_tokens], [[], 3])
  assert.ok(figures.slice(0, -2).every((data) => JSON.parse(data).usage === null))
})

test('with continuous_usage_stats each chunk has the figures of its choice so far, an echo too', async () => {
  await using app = await openTestApp()
  const body = { prompt: ['a b', 'c'], echo: true, stream: true }
  const stream_options = { continuous_usage_stats: true }
  const events = eventData((await ask(app, { ...body, stream_options })).body).slice(0, -1)
  const told = events.map((data) => {
    const { choices, usage } = JSON.parse(data)
    return [choices[0].index, usage.prompt_tokens, usage.completion_tokens]
  })
  assert.deepEqual(told, [
    [0, 2, 0],
    [0, 2, 1],
    [0, 2, 2],
    [0, 2, 2],
    [1, 1, 0],
    [1, 1, 1],
    [1, 1, 1],
  ])
  const { json } = await ask(app, { prompt: 'a', stream_options })
  assert.equal(json.error.param, 'stream_options')
})

test('a failure in the middle of a stream is told in it, and there is no [DONE]', async () => {
  const error = new AerieError('backend_failure', 'the decoder failed')
  await using app = await openTestApp({ echo: { failure: { afterTokens: 1, error } } })
  const events = eventData((await ask(app, { prompt: 'a b c', stream: true })).body)
  assert.equal(JSON.parse(events.at(-1)!).error.code, 'backend_failure')
  const { status } = await ask(app, { prompt: 'a b c' })
  assert.equal(status, 500)
})

test('what is wrong is named', async () => {
  await using app = await openTestApp()
  const cases: [object, string, string][] = [
    [{}, 'prompt', 'invalid_request'],
    [{ prompt: null }, 'prompt', 'invalid_request'],
    [{ prompt: [] }, 'prompt', 'invalid_request'],
    [{ prompt: [[]] }, 'prompt[0]', 'invalid_request'],
    [{ prompt: [1, 'a'] }, 'prompt[1]', 'invalid_request'],
    [{ prompt: ['a', 1] }, 'prompt[1]', 'invalid_request'],
    [{ prompt: [[1], 'a'] }, 'prompt[1]', 'invalid_request'],
    [{ prompt: [-1] }, 'prompt[0]', 'invalid_request'],
    [{ prompt: [1.5] }, 'prompt[0]', 'invalid_request'],
    [{ prompt: Array(129).fill('a') }, 'prompt', 'invalid_request'],
    [{ prompt: 'a', max_tokens: -1 }, 'max_tokens', 'invalid_request'],
    [{ prompt: 'a', logprobs: 21 }, 'logprobs', 'invalid_request'],
    [{ prompt: 'a', n: 2, best_of: 3 }, 'best_of', 'unsupported_parameter'],
    [{ prompt: 'a', suffix: 'b' }, 'suffix', 'unsupported_parameter'],
    [{ prompt: 'a', structured_outputs: { regex: 'a' }, stop: 'b' }, 'stop', 'invalid_request'],
    [
      { prompt: 'a', structured_outputs: { regex: 'a' }, ignore_eos: true },
      'ignore_eos',
      'invalid_request',
    ],
    [{ prompt: 'a', prompt_logprobs: 1 }, 'prompt_logprobs', 'unsupported_parameter'],
    [{ prompt: 'a', stream_options: {} }, 'stream_options', 'invalid_request'],
    [{ prompt: 'a', max_completion_tokens: 3 }, 'max_completion_tokens', 'unknown_parameter'],
    [{ prompt: 'a', model: 'nothing' }, 'model', 'model_not_found'],
  ]
  for (const [body, param, code] of cases) {
    const { json } = await ask(app, body)
    assert.deepEqual([json.error?.param, json.error?.code], [param, code], JSON.stringify(body))
  }
  // 128 ids are one prompt, not so many.
  assert.equal((await ask(app, { prompt: Array(500).fill(7) })).status, 200)
})

test('/v1/detokenize, and what /v1/tokenize says on request', async () => {
  await using app = await openTestApp()
  const post = (url: string, payload: object) =>
    app.request('POST', url, { payload: { model: 'echo', ...payload } })
  assert.deepEqual((await post('/v1/detokenize', { tokens: [4, 5] })).json, {
    ...{ model: 'echo', prompt: '4 5' },
  })
  assert.equal((await post('/v1/detokenize', { tokens: [] })).json.prompt, '')
  assert.equal((await post('/v1/detokenize', { tokens: ['a'] })).json.error.param, 'tokens[0]')
  assert.equal((await post('/v1/detokenize', {})).json.error.param, 'tokens')
  const counted = await post('/v1/tokenize', { prompt: 'a b', return_token_strs: true })
  assert.deepEqual(counted.json.token_strs, ['a', ' b'])
  assert.ok(!('ids' in counted.json))
  const messages = [{ role: 'user', content: 'a' }]
  const refused = await post('/v1/tokenize', { messages, add_special_tokens: true })
  assert.equal(refused.json.error.param, 'add_special_tokens')
  for (const field of [{ add_generation_prompt: false }, { continue_final_message: true }]) {
    const { json } = await post('/v1/tokenize', { messages, ...field })
    assert.deepEqual(
      [json.error.code, json.error.param],
      ['unsupported_parameter', Object.keys(field)[0]],
    )
  }
})
