import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestApp } from '../support/http-app.ts'

test('/v1/models lists every model with what it takes and costs', async () => {
  await using app = await openTestApp()
  const { json } = await app.request('GET', '/v1/models')
  assert.equal(json.object, 'list')
  assert.deepEqual(
    json.data.map(({ id }: { id: string }) => id),
    ['echo', 'nvidia/echo-7b'],
  )
  assert.equal(json.data[0].aerie.max_context, 100_000)
  assert.deepEqual(json.data[0].aerie.detail, [{ level: 'auto', max_tiles: 1, max_tokens: 25 }])
})

test('/v1/models/{model} takes slashes as they are or encoded', async () => {
  await using app = await openTestApp()
  for (const path of ['nvidia/echo-7b', 'nvidia%2Fecho-7b']) {
    const { json } = await app.request('GET', `/v1/models/${path}`)
    assert.equal(json.id, 'nvidia/echo-7b')
  }
  const missing = await app.request('GET', `/v1/models/${'x'.repeat(300)}`)
  assert.deepEqual([missing.status, missing.json.error.code], [404, 'model_not_found'])
  assert.ok(missing.json.error.message.length < 250)
})

test('/v1/tokenize counts a conversation with its pictures, and says what is left', async () => {
  await using app = await openTestApp()
  const content = [
    { type: 'text', text: 'what is this' },
    { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } },
  ]
  const payload = { model: 'echo', messages: [{ role: 'user', content }] }
  const { json } = await app.request('POST', '/v1/tokenize', { payload })
  assert.deepEqual(json, {
    model: 'echo',
    tokens: 28,
    text_tokens: 3,
    image_tokens: 25,
    images: [
      {
        param: 'messages[0].content[1].image_url.url',
        detail: 'low',
        format: 'png',
        width: 640,
        height: 480,
        tiles: 1,
        tokens: 25,
      },
    ],
    max_context: 100_000,
    remaining: 99_972,
  })
})

test('/v1/tokenize counts a bare text, also an empty one, with ids on request', async () => {
  await using app = await openTestApp()
  const ask = (payload: object) => app.request('POST', '/v1/tokenize', { payload })
  const { json } = await ask({ model: 'echo', prompt: 'one two', return_ids: true })
  assert.deepEqual([json.tokens, json.ids], [2, [3, 4]])
  assert.equal((await ask({ model: 'echo', prompt: '' })).json.tokens, 0)
  for (const [body, param] of [
    [{ model: 'echo' }, 'messages'],
    [{ model: 'echo', prompt: null, messages: null }, 'messages'],
    [{ model: 'echo', prompt: 'x', messages: [{ role: 'user', content: 'x' }] }, 'prompt'],
  ] as const) {
    const answer = await ask(body)
    assert.deepEqual([answer.status, answer.json.error.param], [400, param])
  }
})

test('/readyz says why not, in words', async () => {
  const problems: string[] = []
  await using app = await openTestApp({ problems: () => problems })
  assert.deepEqual((await app.request('GET', '/readyz')).json, { status: 'ready', reasons: [] })
  problems.push('engine worker is down', 'encoder worker is down')
  const { status, json, headers } = await app.request('GET', '/readyz')
  assert.equal(status, 503)
  assert.deepEqual(json.reasons, problems)
  assert.equal(json.error.code, 'not_ready')
  assert.match(json.error.message, /engine worker is down; encoder worker is down/)
  assert.ok(headers['retry-after'])
  assert.equal((await app.request('GET', '/livez')).status, 200)
  assert.equal((await app.request('HEAD', '/livez')).status, 200)
})

test('/metrics counts requests by route, status and code, and times answers', async () => {
  await using app = await openTestApp()
  await app.chat({ messages: [{ role: 'user', content: 'one two three' }] })
  await app.chat({ temperature: 9 })
  await app.request('GET', '/secret/path/of/somebody')
  const { body, headers } = await app.request('GET', '/metrics')
  assert.match(String(headers['content-type']), /^text\/plain; version=/)
  for (const line of [
    'aerie_requests_total{route="/v1/chat/completions",status="200",code="ok"} 1',
    'aerie_requests_total{route="/v1/chat/completions",status="400",code="invalid_request"} 1',
    'aerie_requests_total{route="unknown",status="404",code="not_found"} 1',
    'aerie_ttft_seconds_count 1',
    'aerie_tpot_seconds_count 1',
    'aerie_station_seconds_count{station="prefill"} 1',
    'aerie_station_seconds_sum{station="prefill"} 0.0015',
  ]) {
    assert.ok(body.split('\n').includes(line), line)
  }
  assert.doesNotMatch(body, /secret/)
})

test("a request id of the client's is kept when it is harmless, and replaced when it is not", async () => {
  await using app = await openTestApp()
  const idFor = async (id: string) =>
    (await app.request('GET', '/livez', { headers: { 'x-request-id': id } })).headers[
      'x-request-id'
    ]
  assert.equal(await idFor('trace-7:a.b_c'), 'trace-7:a.b_c')
  for (const odd of ['', 'two words', 'x'.repeat(129), '<script>', 'é']) {
    assert.match(String(await idFor(odd)), /^req_[0-9a-f]{24}$/)
  }
})
