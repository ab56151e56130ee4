/** Limits of keys at the edge: what is refused, what is said, and that no place is ever lost. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import OpenAI, { toFile } from 'openai'
import type { HttpOptions } from '../../src/http/app.ts'
import type { ApiKeys } from '../../src/http/auth.ts'
import { duration } from '../../src/http/rate-limits.ts'
import { RateLimits } from '../../src/limits/rate-limits.ts'
import { parseLimits } from '../../src/limits/rules.ts'
import type { EchoOptions } from '../support/echo-service.ts'
import { openTestApp } from '../support/http-app.ts'
import { rawChatRequest, rawConnection } from '../support/raw-client.ts'
import { connect } from '../support/response-socket.ts'

const KEYS: ApiKeys = {
  nameOf: (authorization) => /^Bearer (\w+)-key$/.exec(authorization ?? '')?.[1],
  names: () => ['ward', 'other'],
  read: async () => () => {},
}
const WARD = { authorization: 'Bearer ward-key' }
const OTHER = { authorization: 'Bearer other-key' }

/** With a clock that stands still unless it is told to go on. */
async function openLimited(
  rules: object,
  more: Partial<HttpOptions> & { readonly echo?: EchoOptions } = {},
) {
  const clock = { now: 0 }
  const limits = new RateLimits({ rules: parseLimits(rules, 'limits'), now: () => clock.now })
  const app = await openTestApp({ apiKeys: KEYS, limits, ...more })
  return { ...app, limits, clock, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 60_000
  while (!condition()) {
    assert.ok(performance.now() < end, `still not: ${what}`)
    await delay(2)
  }
}

const balance = (limits: RateLimits, name: string, limit: string) =>
  limits
    .open(name)!
    .balances()
    .find(([which]) => which === limit)![1]

test('requests are counted by key, refused when there are too many, and told of as OpenAI does', async () => {
  await using app = await openLimited({ keys: { ward: { requestsPerMinute: 2 } } })
  const first = await app.chat({}, WARD)
  assert.deepEqual(
    [200, '2', '1', '30s'],
    [
      first.status,
      first.headers['x-ratelimit-limit-requests'],
      first.headers['x-ratelimit-remaining-requests'],
      first.headers['x-ratelimit-reset-requests'],
    ],
  )
  // One that fails counts as well.
  assert.equal((await app.chat({ temperature: 9 }, WARD)).status, 400)
  const refused = await app.chat({}, WARD)
  assert.equal(refused.status, 429)
  assert.deepEqual(refused.json.error, {
    message:
      'rate limit reached for ward on requests per minute: limit 2, used 2, requested 1; try again in 30 s',
    type: 'requests',
    param: null,
    code: 'rate_limit_exceeded',
  })
  assert.deepEqual(
    ['30', '30000', '0', '1m0s'],
    [
      refused.headers['retry-after'],
      refused.headers['retry-after-ms'],
      refused.headers['x-ratelimit-remaining-requests'],
      refused.headers['x-ratelimit-reset-requests'],
    ],
  )
  const line = JSON.parse(app.log.findLast((text) => text.includes('"msg":"request"'))!)
  assert.deepEqual(
    [line.code, line.limit, line.tenant],
    ['rate_limit_exceeded', 'requests', 'ward'],
  )
  // Another key, and what only looks, has nothing to do with it.
  const other = await app.chat({}, OTHER)
  assert.deepEqual([other.status, other.headers['x-ratelimit-limit-requests']], [200, undefined])
  const list = await app.request('GET', '/v1/models', { headers: WARD })
  assert.deepEqual([list.status, list.headers['x-ratelimit-limit-requests']], [200, undefined])
  app.clock.now += 30_000
  assert.equal((await app.chat({}, WARD)).status, 200)
})

test('a refused client is not served by asking an unknown route or the wrong way, nor does that count', async () => {
  await using app = await openLimited({ default: { requestsPerMinute: 1 } })
  for (const [method, url, status] of [
    ['POST', '/v1/none', 404],
    ['POST', '/v1/models', 405],
  ] as const)
    assert.equal((await app.request(method, url, { headers: WARD })).status, status)
  assert.equal((await app.chat({}, WARD)).status, 200)
  assert.equal((await app.chat({}, WARD)).status, 429)
})

test('every POST counts, whichever route; stopping a batch does not', async () => {
  await using app = await openLimited({ default: { requestsPerMinute: 1000 } })
  const routes = app.app
    .printRoutes({ commonPrefix: false, includeHooks: false })
    .split('\n')
    .filter((line) => line.includes('(POST'))
  assert.ok(routes.length >= 7, routes.join('\n'))
  let spent = 0
  for (const url of [
    '/v1/chat/completions',
    '/v1/embeddings',
    '/v1/tokenize',
    '/v1/batches',
    '/v1/files',
    '/v1/audio/transcriptions',
    '/v1/audio/translations',
  ]) {
    const headers = { ...WARD, 'content-type': 'application/json' }
    const answer = await app.request('POST', url, { headers, payload: '{}' })
    assert.ok(answer.status >= 400 && answer.status !== 429)
    spent++
    assert.equal(answer.headers['x-ratelimit-remaining-requests'], String(1000 - spent), url)
  }
  const cancel = await app.request('POST', '/v1/batches/batch_none/cancel', { headers: WARD })
  assert.equal(cancel.status, 404)
  assert.equal(cancel.headers['x-ratelimit-limit-requests'], undefined)
  assert.equal(balance(app.limits, 'ward', 'requests').remaining, 1000 - spent)
})

test('requests without a key are one name, which may have limits of its own', async () => {
  await using app = await openLimited(
    { keys: { anonymous: { requestsPerMinute: 1 } } },
    { requireApiKey: false },
  )
  assert.equal((await app.chat({})).status, 200)
  const refused = await app.chat({})
  assert.equal(refused.status, 429)
  assert.match(refused.json.error.message, /for anonymous on requests/)
  assert.equal((await app.chat({}, WARD)).status, 200)
})

test('streams say what is left in their head', async () => {
  await using app = await openLimited({
    default: { requestsPerMinute: 10, mediaBytesPerMinute: '1MiB', concurrentRequests: 3 },
  })
  const { headers } = await app.chat({ stream: true }, WARD)
  const told = Object.entries(headers).filter(([name]) => name.startsWith('x-ratelimit'))
  assert.deepEqual(Object.fromEntries(told), {
    'x-ratelimit-limit-requests': '10',
    'x-ratelimit-remaining-requests': '9',
    'x-ratelimit-reset-requests': '6s',
    'x-ratelimit-limit-media-bytes': '1048576',
    'x-ratelimit-remaining-media-bytes': '1048576',
    'x-ratelimit-reset-media-bytes': '0ms',
    'x-ratelimit-limit-concurrent-requests': '3',
    'x-ratelimit-remaining-concurrent-requests': '2',
  })
})

test('the official client waits as long as it is told and then succeeds', async () => {
  // A real clock: 60 a minute are one a second.
  const rules = parseLimits({ default: { requestsPerMinute: 60 } }, 'limits')
  const limits = new RateLimits({ rules })
  await using app = await openTestApp({ limits })
  const baseURL = `${await app.listen()}/v1`
  const statuses: number[] = []
  const client = new OpenAI({
    ...{ baseURL, apiKey: 'none', maxRetries: 1 },
    fetch: async (...asked) => {
      // Just before, however slow everything else is.
      if (statuses.length === 0) await limits.open('anonymous')!.take({ requests: 60 })
      const response = await fetch(...asked)
      statuses.push(response.status)
      return response
    },
  })
  const messages = [{ role: 'user', content: 'hello there' }] as const
  const answer = await client.chat.completions.create({ model: 'echo', messages: [...messages] })
  assert.equal(answer.choices[0]?.message.content, 'hello there')
  assert.deepEqual(statuses, [429, 200])
})

test('a batch takes nothing from what its key may use', { timeout: 60_000 }, async () => {
  await using app = await openLimited({
    default: { requestsPerMinute: 3, concurrentRequests: 1, mediaBytesPerMinute: 4096 },
  })
  const client = new OpenAI({
    ...{ baseURL: `${await app.listen()}/v1`, apiKey: 'ward-key', maxRetries: 0 },
  })
  const lines = Array.from({ length: 8 }, (_, i) => ({
    ...{ custom_id: `line-${i}`, method: 'POST', url: '/v1/chat/completions' },
    body: { model: 'echo', messages: [{ role: 'user', content: `line ${i}` }] },
  }))
  const text = lines.map((line) => JSON.stringify(line)).join('\n')
  const file = await client.files.create({
    file: await toFile(Buffer.from(text), 'lines.jsonl'),
    purpose: 'batch',
  })
  let batch = await client.batches.create({
    ...{ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' },
  })
  while (batch.status !== 'completed') {
    assert.ok(!['failed', 'expired', 'cancelled'].includes(batch.status), batch.status)
    await delay(20)
    batch = await client.batches.retrieve(batch.id)
  }
  assert.deepEqual(batch.request_counts, { total: 8, completed: 8, failed: 0 })
  assert.equal(balance(app.limits, 'ward', 'requests').remaining, 1)
})

test('bytes of an upload count before it is read, and in truth when it has come', async () => {
  await using app = await openLimited({ default: { mediaBytesPerMinute: 4000 } })
  const client = new OpenAI({
    ...{ baseURL: `${await app.listen()}/v1`, apiKey: 'ward-key', maxRetries: 0 },
  })
  const upload = async (bytes: number) =>
    client.files.create({
      file: await toFile(Buffer.alloc(bytes, 'x'), 'x.txt'),
      purpose: 'user_data',
    })
  await upload(1000)
  assert.equal(balance(app.limits, 'ward', 'mediaBytes').remaining, 3000)
  await upload(2000)
  assert.equal(balance(app.limits, 'ward', 'mediaBytes').remaining, 1000)
  const raised = await upload(1500).catch((error: unknown) => error)
  assert.ok(raised instanceof OpenAI.RateLimitError)
  assert.deepEqual(
    [raised.type, raised.param, raised.code],
    ['media_bytes', 'file', 'rate_limit_exceeded'],
  )
  assert.equal(balance(app.limits, 'ward', 'mediaBytes').remaining, 1000)
  assert.equal(raised.headers?.get('x-should-retry'), null)
  // What can never fit is not worth trying again.
  const hopeless = await upload(9000).catch((error: unknown) => error)
  assert.ok(hopeless instanceof OpenAI.RateLimitError)
  assert.equal(hopeless.headers?.get('x-should-retry'), 'false')
  assert.equal(hopeless.headers?.get('retry-after'), null)
  assert.match(
    hopeless.message,
    /request too large for ward on bytes of media per minute: limit 4000/,
  )
  // Without a length it is refused where it is too much.
  const form = new ReadableStream({
    start(controller) {
      const head = '--b\r\ncontent-disposition: form-data; name="file"; filename="x.txt"\r\n\r\n'
      controller.enqueue(new TextEncoder().encode(head + 'x'.repeat(3000)))
      controller.enqueue(new TextEncoder().encode('\r\n--b--\r\n'))
      controller.close()
    },
  })
  const chunked = await fetch(`${client.baseURL}/files`, {
    ...{ method: 'POST', body: form, duplex: 'half' },
    headers: { ...WARD, 'content-type': 'multipart/form-data; boundary=b' },
  } as RequestInit)
  assert.equal(chunked.status, 429)
  assert.equal(app.files.stats().files, 2)
})

test('so many requests at one time and no more, and each end makes room', async () => {
  const hold = Promise.withResolvers<void>()
  await using app = await openLimited(
    { default: { concurrentRequests: 2, requestsPerMinute: 100 } },
    { echo: { hold: hold.promise } },
  )
  const running = [app.chat({}, WARD), app.chat({ stream: true }, WARD)]
  // A word is not held, the second one is.
  const two = { messages: [{ role: 'user', content: 'two words' }] }
  running.push(app.chat(two, OTHER), app.chat({ ...two, stream: true }, OTHER))
  await Promise.all(running.slice(0, 2))
  await until(() => app.service.running === 2, 'held')
  const refused = await app.chat(two, OTHER)
  assert.equal(refused.status, 429)
  assert.deepEqual(
    [refused.json.error.type, refused.headers['retry-after']],
    ['concurrent_requests', '1'],
  )
  assert.match(refused.json.error.message, /for other on concurrent requests: limit 2, running 2/)
  // Who was refused for that has used no request.
  assert.equal(balance(app.limits, 'other', 'requests').remaining, 98)
  hold.resolve()
  await Promise.all(running)
  await until(() => balance(app.limits, 'other', 'concurrentRequests').remaining === 2, 'free')
})

test('clients that leave at any moment leave their places', { timeout: 120_000 }, async () => {
  await using app = await openLimited(
    { default: { concurrentRequests: 3 } },
    { echo: { tokenDelayMs: 1, startDelayMs: 3 } },
  )
  const url = await app.listen()
  const long = { messages: [{ role: 'user', content: 'word '.repeat(3000) }] }
  const authorised = (body: object) =>
    rawChatRequest(body).replace('host: test', `host: test\r\nauthorization: ${WARD.authorization}`)
  const leave = async (body: object, when: 'head' | 'body' | 'wait' | 'stream') => {
    const socket = await rawConnection(url)
    socket.on('error', () => {})
    const text = authorised(body)
    const split = text.indexOf('\r\n\r\n') + 4
    socket.write(text.slice(0, split))
    if (when !== 'head') socket.write(text.slice(split, when === 'body' ? -5 : undefined))
    if (when === 'stream') await once(socket, 'data')
    else await delay(Math.random() * 5)
    socket.destroy()
  }
  for (let round = 0; round < 20; round++) {
    await Promise.all([
      leave(long, 'head'),
      leave(long, 'body'),
      leave(long, 'wait'),
      leave({ ...long, stream: true }, 'stream'),
      leave({ ...long, stream: true }, 'wait'),
    ])
  }
  await until(() => balance(app.limits, 'ward', 'concurrentRequests').remaining === 3, 'all free')
  await until(() => app.service.running === 0, 'nothing runs')
  assert.equal((await app.chat({}, WARD)).status, 200)
})

test('durations are written as Go writes them', () => {
  for (const [ms, text] of [
    [0, '0ms'],
    [120, '120ms'],
    [1000, '1s'],
    [1500, '1.5s'],
    [60_000, '1m0s'],
    [366_120, '6m6.12s'],
  ] as const)
    assert.equal(duration(ms), text)
})

test('refusals and balances are in the metrics, names only where they have rules', async () => {
  await using app = await openTestApp()
  const rules = parseLimits(
    { default: { requestsPerMinute: 1 }, keys: { ward: { tokensPerMinute: 50 } } },
    'limits',
  )
  const limits = new RateLimits({ rules, now: () => 0 })
  await using limited = await openTestApp({
    ...{ limits, apiKeys: KEYS },
    sources: () => ({
      ...{ engine: undefined, encoder: undefined, media: undefined, files: undefined },
      limits: limits.stats(),
    }),
  })
  await limited.chat({}, WARD)
  await limited.chat({}, WARD)
  await limited.chat({}, OTHER)
  const { body } = await limited.request('GET', '/metrics', { headers: WARD })
  for (const sample of [
    'aerie_rate_limited_total{limit="requests"} 1',
    'aerie_rate_limited_total{limit="tokens"} 0',
    'aerie_rate_limit{name="ward",limit="tokens"} 50',
    'aerie_rate_limit_remaining{name="ward",limit="requests"} 0',
    'aerie_limit_names 2',
  ])
    assert.ok(body.includes(`${sample}\n`), sample)
  assert.doesNotMatch(body, /name="other"/)
  assert.doesNotMatch(body, /^aerie_limits_shared \d/m)
  const none = await app.request('GET', '/metrics')
  assert.doesNotMatch(none.body, /aerie_rate_limit(ed_total)?\{/)
})

test('a response in the background counts until it has ended, and not only until it is answered', async () => {
  const held = Promise.withResolvers<void>()
  await using app = await openLimited(
    { keys: { ward: { concurrentRequests: 1 } } },
    { echo: { hold: held.promise } },
  )
  using _ = { [Symbol.dispose]: () => held.resolve() }
  const ask = () =>
    app.request('POST', '/v1/responses', {
      payload: { model: 'echo', input: 'one two', background: true },
      headers: WARD,
    })
  const first = await ask()
  assert.equal(first.json.status, 'queued')
  await until(() => app.service.generated > 0, 'it runs')
  const second = await ask()
  assert.deepEqual(
    [second.status, second.json.error.type],
    [429, 'concurrent_requests'],
    'while it runs',
  )
  held.resolve()
  await until(() => balance(app.limits, 'ward', 'concurrentRequests').remaining === 1, 'its place')
  assert.equal((await ask()).status, 200)
})

test('a WebSocket takes nothing, and each message what a request takes', async () => {
  await using app = await openLimited({
    keys: { ward: { requestsPerMinute: 2, concurrentRequests: 1 } },
  })
  await using socket = await connect(app, WARD)
  await using other = await connect(app, WARD)
  assert.equal((await socket.ask({ input: 'one' })).type, 'response.completed')
  assert.equal((await other.ask({ input: 'two' })).type, 'response.completed')
  const { error, status } = await socket.ask({ input: 'three' })
  assert.deepEqual([status, error.code, error.type], [429, 'rate_limit_exceeded', 'requests'])
  assert.equal(error.headers['retry-after'], '30')
  await until(() => balance(app.limits, 'ward', 'concurrentRequests').remaining === 1, 'its place')
  app.clock.now += 60_000
  assert.equal((await socket.ask({ input: 'four' })).type, 'response.completed')
})
