import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AerieError, ERROR_CODES, type ErrorCode } from '../../src/errors.ts'
import { ERROR_STATUS } from '../../src/http/openai-error.ts'
import { openTestApp } from '../support/http-app.ts'
import { rawExchange } from '../support/raw-client.ts'

const json = { 'content-type': 'application/json' }

test('an unknown route is 404, a known one with another method 405 that says which are allowed', async () => {
  await using app = await openTestApp()
  const missing = await app.request('GET', '/v1/engines')
  assert.deepEqual([missing.status, missing.json.error.code], [404, 'not_found'])
  for (const [method, url, allow] of [
    ['GET', '/v1/chat/completions', 'POST'],
    ['DELETE', '/v1/models', 'GET, HEAD'],
    ['POST', '/v1/models/echo', 'GET, HEAD'],
    ['OPTIONS', '/v1/models/nvidia/echo', 'GET, HEAD'],
    ['PUT', '/v1/models/nvidia/echo/load', 'POST'],
    ['PUT', '/v1/responses/input_tokens', 'POST'],
    ['PUT', '/v1/responses/resp_1', 'DELETE, GET, HEAD'],
    ['PUT', '/v1/tokenize', 'POST'],
    ['OPTIONS', '/readyz', 'GET, HEAD'],
    ['PROPFIND', '/metrics', 'GET, HEAD'],
    ['QUERY', '/v1/chat/completions', 'POST'],
  ] as const) {
    const answer = await app.request(method, url)
    assert.deepEqual([answer.status, answer.headers['allow']], [405, allow], `${method} ${url}`)
    assert.equal(answer.json.error.code, 'method_not_allowed')
  }
})

test('an id that is longer than any is not found, and no failure of the server', async () => {
  await using app = await openTestApp()
  for (const path of ['/v1/responses/', '/v1/files/', '/v1/batches/', '/v1/models/']) {
    const { status, json } = await app.request('GET', path + '%E2%82%AC'.repeat(1000))
    assert.deepEqual([status, json.error.type], [404, 'invalid_request_error'], path)
  }
})

test('without a route, what is wrong with the body does not matter', async () => {
  await using app = await openTestApp()
  const payload = '{"half'
  const missing = await app.request('POST', '/v1/engines', { payload, headers: json })
  assert.deepEqual([missing.status, missing.json.error.code], [404, 'not_found'])
  const wrong = await app.request('PUT', '/v1/tokenize', { payload, headers: json })
  assert.deepEqual([wrong.status, wrong.json.error.code], [405, 'method_not_allowed'])
})

test('bodies that are not JSON in UTF-8 are told apart', async () => {
  await using app = await openTestApp()
  const post = (payload: string | Buffer, headers: Record<string, string> = json) =>
    app.request('POST', '/v1/chat/completions', { payload, headers })
  const cases: [Awaited<ReturnType<typeof post>>, number, ErrorCode][] = [
    [await post('{"model": }'), 400, 'invalid_json'],
    [await post('{"model": "echo"'), 400, 'invalid_json'],
    [await post(''), 400, 'invalid_json'],
    [await post(Buffer.from([0x22, 0xff, 0x22])), 400, 'invalid_json'],
    [await post('{}', { 'content-type': 'text/plain' }), 415, 'unsupported_media_type'],
    [
      await post('{}', { 'content-type': 'multipart/form-data; boundary=x' }),
      415,
      'unsupported_media_type',
    ],
    [
      await post('{}', { 'content-type': 'application/json; charset=latin1' }),
      415,
      'unsupported_media_type',
    ],
    [await post('{}', { ...json, 'content-encoding': 'gzip' }), 415, 'unsupported_media_type'],
    [await post(`"${'x'.repeat(70_000)}"`), 413, 'request_too_large'],
    [await post('"text"'), 400, 'invalid_request'],
  ]
  for (const [answer, status, code] of cases) {
    assert.deepEqual([answer.status, answer.json.error.code], [status, code])
  }
  const plain = await post('{}', { ...json, 'content-encoding': 'Identity' })
  assert.equal(plain.json.error.param, 'model')
  const utf8 = await post('{}', { 'content-type': 'application/json; charset=UTF-8' })
  assert.equal(utf8.json.error.param, 'model')
})

test('a post without a body or type is not taken for JSON', async () => {
  await using app = await openTestApp()
  const answer = await app.request('POST', '/v1/chat/completions')
  assert.equal(answer.json.error.code, 'invalid_request')
  assert.equal(answer.status, 400)
})

test('malformed JSON is located without being quoted', async () => {
  await using app = await openTestApp()
  const reason = async (payload: string) =>
    (await app.request('POST', '/v1/chat/completions', { payload, headers: json })).json.error
      .message
  const there = 'the body: expected JSON; it is wrong at line'
  const early = 'the body: expected JSON; it ends too early, at line'
  for (const [payload, message] of [
    ['{"model": "secret patient" oops}', `${there} 1, column 28 (byte 27): expected a comma or }`],
    ['{\n  "model": secret\n}', `${there} 2, column 12 (byte 13): expected a value`],
    ['{"model": ["echo", ', `${early} 1, column 20 (byte 19): expected a value`],
    ['{"model": "ü', `${early} 1, column 13 (byte 13): expected the end of a string`],
    ['\ufeff{}', `${there} 1, column 1 (byte 0): expected a value, got a byte order mark`],
    ['', 'the body: expected JSON, got nothing'],
  ] as const) {
    assert.equal(await reason(payload), message)
  }
})

test('queries are parameters too, except for probes', async () => {
  await using app = await openTestApp()
  const answer = await app.request('GET', '/v1/models?api-version=2024-10-21')
  assert.deepEqual(
    [answer.status, answer.json.error.code, answer.json.error.param],
    [400, 'unknown_parameter', 'api-version'],
  )
  assert.equal((await app.request('GET', '/livez?t=1')).status, 200)
  await using lenient = await openTestApp({ unknownFields: 'ignore' })
  assert.equal((await lenient.request('GET', '/v1/models?api-version=1')).status, 200)
})

test('a path that is no URL gets the envelope', async () => {
  await using app = await openTestApp()
  const answer = await app.request('GET', '/v1/models/%E0%A4%A')
  assert.deepEqual([answer.status, answer.json.error.code], [400, 'invalid_request'])
})

test('what is not HTTP gets the envelope too', async () => {
  await using app = await openTestApp()
  const url = await app.listen()
  for (const bytes of [
    'nonsense\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    'GET /livez HTTP/1.1\r\nhost: a\r\nbad header\r\n\r\n',
    'POST /v1/tokenize HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n',
    'GET /v1/models HTTP/1.1\r\nconnection: close\r\n\r\n',
    'GET /v1/models HTTP/1.1\r\nhost: a\r\nHost: b\r\nconnection: close\r\n\r\n',
  ]) {
    const answer = await rawExchange(url, bytes)
    assert.match(answer, /^HTTP\/1\.1 400 /)
    assert.match(answer, /^x-request-id: req_[0-9a-f]+\r$/m)
    const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))
    assert.equal(body.error.code, 'invalid_request')
  }
  const twoFramings =
    'POST /v1/tokenize HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n'
  assert.match(await rawExchange(url, twoFramings), /not a valid HTTP request: .*Content-Length/)
  assert.match(
    await rawExchange(url, 'CONNECT example.org:443 HTTP/1.1\r\nhost: example.org\r\n\r\n'),
    /^HTTP\/1\.1 405 .*"method_not_allowed"/s,
  )
  assert.match(await rawExchange(url, 'GET /livez HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /)
  const expecting =
    'GET /livez HTTP/1.1\r\nhost: a\r\nexpect: miracles\r\nconnection: close\r\n\r\n'
  assert.match(await rawExchange(url, expecting), /^HTTP\/1\.1 200 /)
  const head = `GET /livez HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`
  assert.match(
    await rawExchange(url, head),
    /^HTTP\/1\.1 413 Payload Too Large.*"request_too_large"/s,
  )
})

test('a body comes as it is or in chunks, and in HTTP/1.0 as it is', async () => {
  await using app = await openTestApp()
  const url = await app.listen()
  const post = (version: string, coding: string) => {
    const head = `POST /v1/tokenize HTTP/${version}\r\nhost: a\r\nconnection: close\r\n`
    const body = `content-type: application/json\r\ntransfer-encoding: ${coding}\r\n\r\n2\r\n{}\r\n0\r\n\r\n`
    return rawExchange(url, head + body)
  }
  assert.match(await post('1.1', 'Chunked'), /^HTTP\/1\.1 400 .*"param":"model"/s)
  assert.match(await post('1.1', 'gzip, chunked'), /^HTTP\/1\.1 415 .*expected chunked or none/s)
  const old = await post('1.0', 'chunked')
  assert.match(old, /^HTTP\/1\.1 415 .*^connection: close\r$.*expected none in HTTP\/1\.0/ims)
})

test('each code has its status, before a stream as in an answer', async () => {
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    if (code === 'internal_error') continue
    const error = new AerieError(code, `about ${code}`, { param: 'messages[0]' })
    await using app = await openTestApp()
    app.service.complete = async function* () {
      yield* []
      throw error
    }
    for (const stream of [false, true]) {
      const answer = await app.app.inject({
        method: 'POST',
        url: '/v1/chat/completions',
        payload: { model: 'echo', messages: [{ role: 'user', content: 'x' }], stream },
      })
      const { status, type }: { status: number; type: string } = ERROR_STATUS[code]
      assert.equal(answer.statusCode, status)
      assert.deepEqual(answer.json(), {
        error: { message: `about ${code}`, type, param: 'messages[0]', code },
      })
    }
  }
})

test('overload says when to come back, in both spellings; an exceeded deadline asks not to be retried', async () => {
  await using app = await openTestApp({ echo: { maxRunning: 0 } })
  const full = await app.chat({})
  assert.equal(full.status, 429)
  assert.equal(full.headers['retry-after'], '2')
  assert.equal(full.headers['retry-after-ms'], '1500')
  const error = new AerieError('deadline_exceeded', 'too late')
  await using late = await openTestApp({ echo: { failure: { afterTokens: 0, error } } })
  const answer = await late.chat({})
  assert.deepEqual([answer.status, answer.headers['x-should-retry']], [504, 'false'])
})

test('a defect is logged with its stack under the request id, and tells the client nothing', async () => {
  const error = new TypeError('undefined is not the secret')
  await using app = await openTestApp({ echo: { failure: { afterTokens: 1, error } } })
  assert.equal((await app.chat({})).status, 200, 'one token: it never comes to the second')
  const failed = await app.chat({ messages: [{ role: 'user', content: 'two words' }] })
  assert.deepEqual([failed.status, failed.json.error.code], [500, 'internal_error'])
  assert.doesNotMatch(failed.body, /secret/)
  const id = String(failed.headers['x-request-id'])
  assert.match(failed.json.error.message, new RegExp(id))
  const line = app.log.map((l) => JSON.parse(l)).find((l) => l.level === 'error')
  assert.equal(line.requestId, id)
  assert.match(line.err.stack, /errors\.test/)
})
