/** What is answered below Fastify is logged and counted like everything else, over real sockets. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { openTestApp, type TestApp } from '../support/http-app.ts'
import { rawChatRequest, rawConnection, rawExchange } from '../support/raw-client.ts'

/** Of each test: what never comes must not keep the others waiting. */
const LIMIT = { timeout: 60_000 }
const SECRET = 'Erika-Mustermann'

/** The lines of the access log without time. */
const lines = (app: TestApp) =>
  app.log.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'request')

const counted = async (app: TestApp, status: number, code: string, route = 'unknown') => {
  const { body } = await app.request('GET', '/metrics')
  const sample = `aerie_requests_total{route="${route}",status="${status}",code="${code}"} `
  const line = body.split('\n').find((candidate) => candidate.startsWith(sample))
  return Number(line?.slice(sample.length) ?? 0)
}

test('each refusal below Fastify is one line of the log and one count', LIMIT, async () => {
  await using app = await openTestApp()
  const url = await app.listen()
  for (const [bytes, status, code, facts] of [
    [`${SECRET}\r\n\r\n`, 400, 'invalid_request', { reason: 'HPE_INVALID_METHOD' }],
    [
      `GET /livez HTTP/1.1\r\nhost: a\r\nx: ${SECRET.repeat(2000)}\r\n\r\n`,
      413,
      'request_too_large',
      { reason: 'HPE_HEADER_OVERFLOW' },
    ],
    [
      `CONNECT ${SECRET}:443 HTTP/1.1\r\nhost: a\r\n\r\n`,
      405,
      'method_not_allowed',
      { method: 'CONNECT' },
    ],
  ] as const) {
    app.log.length = 0
    const before = await counted(app, status, code)
    const answer = await rawExchange(url, bytes)
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `))
    const [, requestId] = /^x-request-id: (\S+)/m.exec(answer)!
    const { time, ...line } = lines(app).find(({ route }) => route === 'unknown')!
    assert.deepEqual(line, {
      level: 'info',
      requestId,
      route: 'unknown',
      status,
      code,
      ...facts,
      msg: 'request',
    })
    assert.equal(await counted(app, status, code), before + 1)
    assert.doesNotMatch(app.log.join(''), new RegExp(SECRET))
  }
})

test(
  'a head that comes too slowly is 408; a connection that stays silent is closed without a word',
  LIMIT,
  async () => {
    await using app = await openTestApp({ uploadTimeoutMs: 1000 })
    const url = await app.listen()
    const silent = text(await rawConnection(url))
    assert.match(await rawExchange(url, 'GET /livez HT'), /^HTTP\/1\.1 408 .*"request_timeout"/s)
    assert.equal(await silent, '')
    assert.deepEqual(
      lines(app).map(({ status, reason }) => [status, reason]),
      [[408, 'ERR_HTTP_REQUEST_TIMEOUT']],
    )
    assert.equal(await counted(app, 408, 'request_timeout'), 1)
  },
)

test('a body that breaks is told by the line of its request, once', LIMIT, async () => {
  await using app = await openTestApp()
  const url = await app.listen()
  const head = 'POST /v1/tokenize HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n'
  const answer = await rawExchange(url, `${head}transfer-encoding: chunked\r\n\r\nno chunk\r\n`)
  assert.match(answer, /^HTTP\/1\.1 400 .*"invalid_request"/s)
  while (lines(app).length === 0) await new Promise(setImmediate)
  assert.deepEqual(
    lines(app).map(({ route, status, code }) => [route, status, code]),
    [['/v1/tokenize', 400, 'invalid_request']],
  )
  assert.equal(await counted(app, 400, 'invalid_request', '/v1/tokenize'), 1)
})

test(
  'an upload that is too large is answered at once and not cut off, so that the client sees the answer',
  LIMIT,
  async () => {
    await using app = await openTestApp()
    const socket = await rawConnection(await app.listen())
    const size = 4 * 2 ** 20
    const head = 'POST /v1/tokenize HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n'
    socket.write(`${head}content-length: ${size}\r\n\r\n`)
    const [answer] = await once(socket, 'data')
    assert.match(
      String(answer),
      /^HTTP\/1\.1 413 .*more than 65536 bytes \(maxBodyBytes\).*"request_too_large"/s,
    )
    socket.write(' '.repeat(size))
    socket.write('GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
    assert.match(await text(socket), /^HTTP\/1\.1 200 /)
  },
)

test(
  'a client that leaves in the middle of an upload that has been refused is told of once',
  LIMIT,
  async () => {
    await using app = await openTestApp()
    const socket = await rawConnection(await app.listen())
    const head = 'POST /v1/tokenize HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n'
    socket.write(`${head}content-length: ${4 * 2 ** 20}\r\n\r\n{`)
    await once(socket, 'data')
    const gone = once(socket, 'close')
    socket.end()
    await gone
    assert.deepEqual(
      lines(app).map(({ route, status, code }) => [route, status, code]),
      [['/v1/tokenize', 413, 'request_too_large']],
    )
    assert.equal(await counted(app, 400, 'invalid_request'), 0)
  },
)

test(
  'a body longer than its content-length is told as what follows it, and once',
  LIMIT,
  async () => {
    await using app = await openTestApp()
    const head =
      'POST /v1/tokenize HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\n'
    const answer = await rawExchange(await app.listen(), `${head}\r\n{"model": "echo"}`)
    assert.match(answer, /^HTTP\/1\.1 400 .*"what follows the body is not a valid HTTP request: /s)
    while (lines(app).length < 2) await new Promise(setImmediate)
    assert.deepEqual(
      lines(app)
        .map(({ route, status, code }) => [route, status, code])
        .sort(),
      [
        ['/v1/tokenize', 499, 'cancelled'],
        ['unknown', 400, 'invalid_request'],
      ],
    )
  },
)

for (const [what, bytes] of [
  ['garbage', 'garbage\r\n\r\n'],
  ['a CONNECT', 'CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n'],
] as const) {
  test(
    `${what} behind a request ends its stream without being answered in the middle of it`,
    LIMIT,
    async () => {
      const hold = Promise.withResolvers<void>()
      await using app = await openTestApp({ echo: { hold: hold.promise } })
      const socket = await rawConnection(await app.listen())
      let received = ''
      socket.setEncoding('utf8').on('data', (data: string) => {
        received += data
      })
      socket.write(rawChatRequest({ stream: true, messages: [{ role: 'user', content: 'a b' }] }))
      await once(socket, 'data')
      socket.write(bytes)
      await once(socket, 'close')
      hold.resolve()
      assert.equal(received.match(/HTTP\/1\.1/g)?.length, 1)
    },
  )

  test(
    `${what} behind a request that has no answer yet leaves it cancelled, whatever was still written`,
    LIMIT,
    async () => {
      await using app = await openTestApp()
      const url = await app.listen()
      const livez = 'GET /livez HTTP/1.1\r\nhost: a\r\n\r\n'
      const answer = await rawExchange(url, livez + bytes)
      assert.match(answer, /^HTTP\/1\.1 40[05] /)
      while (lines(app).length < 2) await new Promise(setImmediate)
      const { status, code } = lines(app).find(({ route }) => route === '/livez')!
      assert.deepEqual([status, code], [499, 'cancelled'])
      assert.equal(await counted(app, 499, 'cancelled', '/livez'), 1)
    },
  )
}
