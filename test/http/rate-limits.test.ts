/** Limits of keys at the edge: what is refused, and what is said of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import OpenAI, { toFile } from 'openai'
import { duration } from '../../src/http/rate-limits.ts'
import { RateLimits } from '../../src/limits/rate-limits.ts'
import { parseLimits } from '../../src/limits/rules.ts'
import { openTestApp } from '../support/http-app.ts'
import { balance, KEYS, OTHER, openLimited, WARD } from '../support/limited-app.ts'

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
