import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CapabilityDocument } from '../../src/capabilities/document.ts'
import { ECHO_MODELS } from '../support/echo-service.ts'
import { openTestApp } from '../support/http-app.ts'
import { directoryOf, statusOf } from '../support/model-directory.ts'

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

test('/v1/models/{model} is the whole document; the list keeps the short form', async () => {
  await using app = await openTestApp()
  const { json } = await app.request('GET', '/v1/models/echo')
  const { aerie } = json
  assert.deepEqual(aerie.prompt, { source: 'chat_template.jinja', template: null })
  assert.deepEqual([aerie.max_context, aerie.max_prompt], [100_000, 90_000])
  assert.deepEqual(aerie.image_tokens, { min: 25, max: 25, per_tile: 25, how: 'one tile' })
  assert.deepEqual(aerie.experts, [
    { name: 'CXR', modality: 'chest x-ray', task: 'classification', running: false },
  ])
  assert.deepEqual(aerie.weights.dtypes, { BF16: 2 })
  // Nothing was measured or said: null, and no number made up.
  for (const field of ['parity', 'quantization', 'license', 'parent', 'embeddings'])
    assert.equal(aerie[field], null, field)
  const { json: list } = await app.request('GET', '/v1/models')
  for (const [field, value] of Object.entries(list.data[0].aerie))
    assert.deepEqual(aerie[field], value, field)
  assert.equal(list.data[0].aerie.prompt, undefined)
})

test('/v1/embeddings hands its request over and answers in the form that was asked for', async () => {
  await using app = await openTestApp()
  const ask = (body: object) =>
    app.request('POST', '/v1/embeddings', { payload: { model: 'echo', ...body } })
  const url = 'https://example.org/a.png'
  const { json, headers } = await ask({ input: [url, { type: 'image_url', image_url: url }] })
  assert.deepEqual(
    json.data.map(({ embedding }: { embedding: number[] }) => embedding.map((x) => x.toFixed(2))),
    [
      ['0.00', '0.33', '0.67'],
      ['1.00', '1.33', '1.67'],
    ],
  )
  assert.equal(json.aerie, undefined)
  assert.deepEqual(json.usage, { prompt_tokens: 2, total_tokens: 2 })
  assert.match(String(headers['server-timing']), /^decode;dur=1.0, encode;dur=2.0, total;dur=/)
  // Several pieces of numbers, of which the last is not whole.
  const long = await ask({ input: url, dimensions: 30_001, encoding_format: 'base64', aerie: {} })
  const bytes = Buffer.from(long.json.data[0].embedding, 'base64')
  assert.equal(bytes.length, 4 * 30_001)
  assert.equal(bytes.readFloatLE(4 * 30_000), 10_000)
  assert.deepEqual(long.json.aerie, { output: 'summary' })
  assert.deepEqual(long.json.data[0].aerie.shape, [30_001])
})

test('/v1/embeddings refuses fields by name', async () => {
  await using app = await openTestApp()
  const url = 'https://example.org/a.png'
  for (const [body, code, param] of [
    [{ input: [] }, 'invalid_request', 'input'],
    [{ input: url, encoding_format: 'int8' }, 'invalid_request', 'encoding_format'],
    [{ input: [true] }, 'invalid_request', 'input[0]'],
    [{ input: [[]] }, 'invalid_request', 'input[0]'],
    [{ input: [[1, 2.5]] }, 'invalid_request', 'input[0][1]'],
    [{ input: [1, -2] }, 'invalid_request', 'input[1]'],
    [{ input: [['a']] }, 'invalid_request', 'input[0][0]'],
    [{ input: ['a', 5] }, 'invalid_request', 'input[1]'],
    [{ input: [5, 'a'] }, 'invalid_request', 'input[0]'],
    [{ input: [{ type: 'video' }] }, 'invalid_request', 'input[0].type'],
    [{ input: url, aerie: { size: 'huge' } }, 'invalid_request', 'aerie.size'],
    [{ input: url, aerie: { size: { height: 16 } } }, 'invalid_request', 'aerie.size.width'],
    [{ input: url, messages: [] }, 'unknown_parameter', 'messages'],
    [
      { input: [{ type: 'image_url', image_url: { url, detail: 'low' } }] },
      'unsupported_parameter',
      'input[0].image_url.detail',
    ],
  ] as const) {
    const payload = { model: 'echo', ...body }
    const { status, json } = await app.request('POST', '/v1/embeddings', { payload })
    assert.deepEqual([status, json.error.code, json.error.param], [400, code, param])
  }
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

test('of a model that was never loaded it is told what is known', async () => {
  const [loaded, other] = ECHO_MODELS as [CapabilityDocument, CapabilityDocument]
  const failure = { reason: 'config.json is cut off', retryAfterSeconds: 4 }
  const failed = { state: 'failed', document: undefined, bytes: undefined, failure } as const
  const models = directoryOf([statusOf(loaded), statusOf(other, { ...failed, aliases: ['seven'] })])
  await using app = await openTestApp({ models })
  const { json } = await app.request('GET', '/v1/models')
  assert.deepEqual(
    json.data.map(({ aerie }: { aerie: { status: { state: string } } }) => aerie.status.state),
    ['loaded', 'failed'],
  )
  const { json: one } = await app.request('GET', '/v1/models/nvidia/echo-7b')
  assert.deepEqual(one.aerie, {
    family: other.family,
    ...{ input_modalities: ['text', 'image'], output_modalities: ['text'], aliases: ['seven'] },
    status: {
      ...{ state: 'failed', reason: 'config.json is cut off', retry_after: 4, pinned: false },
      ...{ bytes: null, requests: 0, waiting: 0 },
    },
  })
})

test('a model is loaded and unloaded by its path, and by nothing in a body', async () => {
  await using app = await openTestApp()
  for (const path of ['nvidia/echo-7b/load', 'nvidia%2Fecho-7b/unload']) {
    const { status, json } = await app.request('POST', `/v1/models/${path}`)
    assert.deepEqual([status, json.id], [200, 'nvidia/echo-7b'])
  }
  const withBody = { payload: { model: 'echo' } }
  const refused = await app.request('POST', '/v1/models/echo/load', withBody)
  assert.deepEqual([refused.status, refused.json.error.code], [400, 'invalid_request'])
  const bare = await app.request('POST', '/v1/models/echo')
  assert.deepEqual([bare.status, bare.headers['allow']], [405, 'GET, HEAD'])
  const nobody = await app.request('POST', '/v1/models/nobody/load')
  assert.deepEqual([nobody.status, nobody.json.error.code], [404, 'model_not_found'])
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
    video_tokens: 0,
    audio_tokens: 0,
    videos: [],
    sounds: [],
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
