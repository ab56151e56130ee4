import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readOpenApi } from '../../src/http/openapi-document.ts'
import { openTestApp } from '../support/http-app.ts'

const say = (content: unknown) => ({ messages: [{ role: 'user', content }] })

test('an answer has text, finish reason and the whole bill', async () => {
  await using app = await openTestApp()
  const { status, json } = await app.chat(say('one two three'))
  assert.equal(status, 200)
  assert.equal(json.object, 'chat.completion')
  assert.equal(json.choices[0].message.content, 'one two three')
  assert.equal(json.choices[0].finish_reason, 'stop')
  assert.equal(json.choices[0].logprobs, null)
  assert.deepEqual(json.usage, {
    prompt_tokens: 3,
    completion_tokens: 3,
    total_tokens: 6,
    prompt_tokens_details: {
      cached_tokens: 0,
      text_tokens: 3,
      image_tokens: 0,
      video_tokens: 0,
      audio_tokens: 0,
    },
    completion_tokens_details: {
      text_tokens: 3,
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  })
})

test('n answers come back in order, and completion tokens count all of them', async () => {
  await using app = await openTestApp()
  const { json } = await app.chat({ ...say('a b'), n: 3 })
  assert.deepEqual(
    json.choices.map((c: { index: number }) => c.index),
    [0, 1, 2],
  )
  assert.equal(json.usage.completion_tokens, 6)
})

test('stop texts and token limits end the answer and say which of them did', async () => {
  await using app = await openTestApp()
  const stopped = await app.chat({ ...say('one two three'), stop: 'three' })
  assert.equal(stopped.json.choices[0].message.content, 'one two')
  assert.equal(stopped.json.choices[0].finish_reason, 'stop')
  for (const limit of [
    { max_tokens: 1 },
    { max_completion_tokens: 1 },
    { max_tokens: 1, max_completion_tokens: 1 },
  ]) {
    const limited = await app.chat({ ...say('one two three'), ...limit })
    assert.equal(limited.json.choices[0].message.content, 'one')
    assert.equal(limited.json.choices[0].finish_reason, 'length')
  }
})

test('log probabilities carry bytes, and a masked token gets a number that JSON can say', async () => {
  await using app = await openTestApp()
  const { json } = await app.chat({ ...say('grüß dich'), logprobs: true, top_logprobs: 2 })
  const { content, refusal } = json.choices[0].logprobs
  assert.equal(refusal, null)
  assert.equal(content[0].token, 'grüß')
  assert.deepEqual(content[0].bytes, [...Buffer.from('grüß')])
  assert.deepEqual(content[0].top_logprobs[1], { token: '<mask>', logprob: -9999, bytes: null })
  const bare = await app.chat({ ...say('x'), logprobs: true })
  assert.deepEqual(bare.json.choices[0].logprobs.content[0].top_logprobs, [])
  const empty = await app.chat({ ...say(''), logprobs: true })
  assert.deepEqual(empty.json.choices[0].logprobs, { content: [], refusal: null })
})

test('pictures are counted apart from text', async () => {
  await using app = await openTestApp()
  const { json } = await app.chat(
    say([
      { type: 'text', text: 'what is this' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } },
      { type: 'image_url', image_url: 'https://example.org/a.png' },
    ]),
  )
  assert.equal(json.usage.prompt_tokens_details.image_tokens, 50)
  assert.equal(json.usage.prompt_tokens_details.text_tokens, 3)
  const [request] = app.service.requests
  assert.deepEqual(
    request?.messages[0]?.content.map((part) => [part.type, part.param]),
    [
      ['text', 'messages[0].content[0].text'],
      ['image', 'messages[0].content[1].image_url.url'],
      ['image', 'messages[0].content[2].image_url'],
    ],
  )
})

test('what the model saw is told on request, by field or by header, and not otherwise', async () => {
  await using app = await openTestApp()
  const picture = say([{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }])
  assert.equal((await app.chat(picture)).json.aerie, undefined)
  for (const answer of [
    await app.chat({ ...picture, aerie: { explain: true } }),
    await app.chat(picture, { 'x-aerie-explain': '1' }),
  ]) {
    const { aerie } = answer.json
    assert.equal(aerie.prompt.tokens, 25)
    assert.equal(aerie.images[0].param, 'messages[0].content[0].image_url.url')
    assert.deepEqual(aerie.images[0].towers, [{ name: 'vit', input_size: 160 }])
    assert.deepEqual(aerie.decoding, {
      ...{ kv_cache_type: 'f16', drafted_tokens: 5, accepted_tokens: 3 },
    })
    assert.deepEqual(aerie.timings_ms, { queue: 0.1, prefill: 1.5, decode_tokens: 2 })
  }
  const odd = await app.chat(picture, { 'x-aerie-explain': 'please' })
  assert.equal(odd.json.error.param, 'x-aerie-explain')
})

test('JSON answers say where the time went', async () => {
  await using app = await openTestApp()
  const { headers } = await app.chat({})
  assert.match(
    String(headers['server-timing']),
    /^queue;dur=0\.1, prefill;dur=1\.5, decode_tokens;dur=2\.0, total;dur=\d+\.\d$/,
  )
})

test('metadata comes back; the tier is named when the request named one', async () => {
  await using app = await openTestApp()
  const plain = await app.chat({})
  assert.equal(plain.json.service_tier, undefined)
  assert.equal(plain.json.metadata, undefined)
  const full = await app.chat({ metadata: { ticket: '7' }, service_tier: 'auto' })
  assert.deepEqual(full.json.metadata, { ticket: '7' })
  assert.equal(full.json.service_tier, 'default')
  const flex = await app.chat({ service_tier: 'flex' })
  assert.equal(flex.json.service_tier, 'flex')
  assert.equal(app.service.requests.at(-1)?.priority, 'batch')
})

test('every sampling field reaches the chat room in our spelling', async () => {
  await using app = await openTestApp()
  await app.chat({
    temperature: 0.5,
    top_p: 0.9,
    top_k: -1,
    min_p: 0.1,
    repetition_penalty: 1.1,
    presence_penalty: 0.2,
    frequency_penalty: -0.2,
    logit_bias: { '7': -100 },
    seed: 42,
    min_tokens: 3,
    ignore_eos: true,
    logprobs: true,
    prompt_cache_key: 'ward-3',
    aerie: { deadline_ms: 900, priority: 'batch' },
  })
  const [request] = app.service.requests
  assert.deepEqual(request?.sampling, {
    temperature: 0.5,
    topP: 0.9,
    topK: 0,
    minP: 0.1,
    repetitionPenalty: 1.1,
    presencePenalty: 0.2,
    frequencyPenalty: -0.2,
    logitBias: new Map([[7, -100]]),
    seed: 42,
    topLogprobs: 0,
  })
  assert.equal(request.minTokens, 3)
  assert.equal(request.ignoresEnd, true)
  assert.equal(request.cacheKey, 'ward-3')
  assert.equal(request.deadlineMs, 900)
  assert.equal(request.priority, 'batch')
})

test('null means not given, for every optional field', async () => {
  await using app = await openTestApp()
  const { properties } = (await readOpenApi()).components.schemas['ChatCompletionRequest']!
  const optional = Object.keys(properties ?? {}).filter((f) => f !== 'model' && f !== 'messages')
  const { status } = await app.chat(Object.fromEntries(optional.map((field) => [field, null])))
  assert.equal(status, 200)
  const [request] = app.service.requests
  assert.deepEqual(
    Object.values(request?.sampling ?? {}).filter((v) => v !== undefined),
    [new Map()],
  )
  assert.equal(request?.n, 1)
  assert.equal(request.maxTokens, undefined)
  assert.equal(request.minTokens, 0)
})

test('an earlier answer can be sent back as it came', async () => {
  await using app = await openTestApp()
  const first = await app.chat(say('one'))
  const { message } = first.json.choices[0]
  const second = await app.chat({
    messages: [
      { role: 'developer', content: [{ type: 'text', text: 'be brief' }] },
      { role: 'user', content: 'one', name: 'ann' },
      { ...message, annotations: [], tool_calls: null },
      { role: 'assistant', content: null },
      { role: 'user', content: 'two' },
    ],
  })
  assert.equal(second.json.choices[0].message.content, 'two')
  assert.deepEqual(
    app.service.requests[1]?.messages.map(({ role, name, content }) => [
      role,
      name,
      content.length,
    ]),
    [
      ['developer', undefined, 1],
      ['user', 'ann', 1],
      ['assistant', undefined, 1],
      ['assistant', undefined, 0],
      ['user', undefined, 1],
    ],
  )
})

test('fields that contradict each other are refused by name', async () => {
  await using app = await openTestApp()
  const cases: [object, string][] = [
    [{ top_logprobs: 2 }, 'top_logprobs'],
    [{ ignore_eos: true, response_format: { type: 'json_object' } }, 'ignore_eos'],
    [{ ignore_eos: true, tools: [{ type: 'function', function: { name: 'f' } }] }, 'ignore_eos'],
    [{ top_logprobs: 2, logprobs: false }, 'top_logprobs'],
    [{ max_tokens: 1, max_completion_tokens: 2 }, 'max_tokens'],
    [{ stream_options: { include_usage: true } }, 'stream_options'],
  ]
  for (const [body, param] of cases) {
    const { status, json } = await app.chat(body)
    assert.equal(status, 400)
    assert.equal(json.error.code, 'invalid_request')
    assert.equal(json.error.param, param)
  }
})

test('a model that is not served is named', async () => {
  await using app = await openTestApp()
  const { status, json } = await app.chat({ model: 'gpt-4o' })
  assert.equal(status, 404)
  assert.deepEqual([json.error.code, json.error.param], ['model_not_found', 'model'])
})
