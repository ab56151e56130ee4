/** WebSockets of responses themselves: who may open one, how many there are, and how each of them ends. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect as connectTcp } from 'node:net'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { WebSocket } from 'ws'
import { NO_SPAN } from '../../../src/tracing/trace.ts'
import type { Tracing } from '../../../src/tracing/tracing.ts'
import { openTestApp } from '../../support/http-app.ts'
import {
  connect,
  LONG,
  ResponseSocket,
  refusedHandshake,
  SLOW,
  SOCKETS,
  saidBy,
  sample,
  soon,
  urlOf,
} from '../../support/response-socket.ts'

describe('a connection', () => {
  it('whose client leaves ends what is generated', async () => {
    await using app = await openTestApp({ echo: SLOW })
    const socket = await connect(app)
    socket.send({ input: LONG })
    const { response } = await socket.next()
    await soon(() => app.service.generated > 0, 'a first word')
    socket.socket.terminate()
    await soon(() => app.service.running === 0, 'it is ended')
    await soon(() => app.app.socketStats().open === 0, 'it is closed')
    let status = ''
    while (status !== 'cancelled') {
      status = (await app.request('GET', `/v1/responses/${response.id}`)).json.status
      await delay(2)
    }
    assert.ok(app.log.some((line) => line.includes('WEBSOCKET') && line.includes('"cancelled"')))
  })

  it('whose client reads nothing is given no more, and is cut', async () => {
    const words = Array.from({ length: 3000 }, (_, i) => `${i}`.padEnd(50, 'x')).join(' ')
    await using app = await openTestApp({
      ...{ maxBodyBytes: 2 ** 20, sockets: { ...SOCKETS, stallMs: 300 } },
      echo: { script: () => undefined },
    })
    const socket = await connect(app)
    socket.socket.pause()
    // Each response tells the text of all of them: far more than the buffers of both sides.
    for (let i = 0; i < 8; i++) socket.send({ input: words, store: false, top_logprobs: 5 })
    await soon(() => app.app.socketStats().open === 0, 'it is cut')
    assert.ok(app.service.generated < 8 * 3000, `${app.service.generated} words`)
    socket.socket.terminate()
  })

  it('that is half open is noticed by pings', async () => {
    await using app = await openTestApp({ sockets: { ...SOCKETS, pingMs: 20, stallMs: 100 } })
    const alive = await connect(app)
    const dead = await ResponseSocket.open(await urlOf(app), app.checker, { autoPong: false })
    await dead.closed
    assert.equal(alive.socket.readyState, alive.socket.OPEN)
    await alive[Symbol.asyncDispose]()
  })

  it('that asks for nothing is closed', async () => {
    await using app = await openTestApp({ sockets: { ...SOCKETS, pingMs: 10, idleMs: 100 } })
    const socket = await connect(app)
    assert.equal((await socket.ask({ input: 'x' })).type, 'response.completed')
    assert.deepEqual(await socket.closed, { code: 1000, reason: 'idle for 0 seconds' })
  })

  it('is not idle while it waits for its answer', async () => {
    const held = Promise.withResolvers<void>()
    await using app = await openTestApp({
      ...{ sockets: { ...SOCKETS, pingMs: 10, idleMs: 50 } },
      echo: { hold: held.promise },
    })
    await using socket = await connect(app)
    socket.send({ input: 'one two' })
    await delay(200)
    held.resolve()
    assert.equal((await socket.response()).at(-1)!.type, 'response.completed')
  })

  it('has an age, told behind what is being generated', async () => {
    const held = Promise.withResolvers<void>()
    await using app = await openTestApp({
      ...{ sockets: { ...SOCKETS, maxAgeMs: 200 } },
      echo: { hold: held.promise },
    })
    const socket = await connect(app)
    socket.send({ input: 'one two' })
    await delay(300)
    held.resolve()
    assert.equal((await socket.response()).at(-1)!.type, 'response.completed')
    const error = await socket.next()
    assert.deepEqual(
      [error['error'].code, error['status']],
      ['websocket_connection_limit_reached', 400],
    )
    assert.equal((await socket.closed).code, 1000)
  })

  it('ends with the server: what is generated is finished, what comes later is refused', async () => {
    const held = Promise.withResolvers<void>()
    await using app = await openTestApp({ echo: { hold: held.promise } })
    const idle = await connect(app)
    const busy = await connect(app)
    busy.send({ input: 'one two' })
    await soon(() => app.service.generated > 0, 'a first word')
    const drained = app.app.drain()
    assert.equal((await idle.closed).code, 1001)
    assert.deepEqual(idle.events, [])
    busy.send({ input: 'too late' })
    await delay(20)
    held.resolve()
    assert.equal((await busy.response()).at(-1)!.type, 'response.completed')
    assert.equal((await busy.next())['error'].code, 'shutting_down')
    assert.equal((await busy.closed).code, 1001)
    await drained
    assert.equal((await refusedHandshake(await urlOf(app))).status, 503)
  })

  it('is cut where the server does not wait', async () => {
    const app = await openTestApp({ echo: SLOW })
    const socket = await connect(app)
    socket.send({ input: LONG })
    await soon(() => app.service.generated > 0, 'a first word')
    await app[Symbol.asyncDispose]()
    await socket.closed
    assert.equal(app.service.running, 0)
    assert.ok(app.service.generated < 3000)
  })
})

describe('a handshake', () => {
  const KEY = `${'A'.repeat(22)}==`

  it('is refused with the envelope and the status of any request', async () => {
    await using app = await openTestApp({
      apiKeys: {
        nameOf: (text) => (text === 'Bearer ward-key' ? 'ward' : undefined),
        names: () => ['ward'],
        read: async () => () => {},
      },
    })
    const { status, headers, body } = await refusedHandshake(await urlOf(app))
    assert.deepEqual([status, headers['www-authenticate']], [401, 'Bearer'])
    assert.match(String(headers['x-request-id']), /^req_/)
    assert.equal(JSON.parse(body).error.code, 'invalid_api_key')
    // The connection is not kept: nobody reads from it any more.
    const connections = promisify(app.app.server.getConnections.bind(app.app.server))
    while ((await connections()) > 0) await delay(2)
  })

  it('from a page of elsewhere is refused, from a page of this server it is not', async () => {
    await using app = await openTestApp()
    const url = await urlOf(app)
    for (const origin of ['http://evil.example', 'null', `${url}1`]) {
      const { status, body } = await refusedHandshake(url, { origin })
      assert.deepEqual([status, JSON.parse(body).error.param], [403, 'origin'], origin)
    }
    await using socket = await ResponseSocket.open(url, app.checker, { origin: url })
    assert.equal((await socket.ask({ input: 'x' })).type, 'response.completed')
  })

  it('is one of so many', async () => {
    await using app = await openTestApp({ sockets: { ...SOCKETS, maxSockets: 1 } })
    const url = await urlOf(app)
    const first = await connect(app)
    const { status, headers } = await refusedHandshake(url)
    assert.deepEqual([status, headers['retry-after']], [429, '5'])
    assert.equal(await sample(app, 'aerie_websockets_refused_total'), '1')
    await first[Symbol.asyncDispose]()
    await soon(() => app.app.socketStats().open === 0, 'the first is gone')
    await using second = await connect(app)
    assert.equal((await second.ask({ input: 'x' })).type, 'response.completed')
  })

  it('is one of so many of its key, whatever others have', async () => {
    const sockets = { ...SOCKETS, maxSockets: 4, maxSocketsPerKey: 2 }
    await using app = await openTestApp({ sockets, apiKeys: KEYS })
    const url = await urlOf(app)
    const [mine, yours] = ['a', 'b'].map((key) => ({ authorization: `Bearer ${key}` }))
    const first = await connect(app, mine)
    await using second = await connect(app, mine)
    const { status, headers, body } = await refusedHandshake(url, { headers: mine! })
    assert.deepEqual([status, headers['retry-after']], [429, '5'])
    const { message, ...error } = JSON.parse(body).error
    assert.deepEqual(error, { type: 'rate_limit_error', param: null, code: 'queue_full' })
    assert.match(message, /^2 WebSockets of mine are open \(maxWebSocketsPerKey\)/)
    await using other = await connect(app, yours)
    assert.equal((await other.ask({ input: 'x' })).type, 'response.completed')
    const { mostOfKey, maxOfKey, refused } = app.app.socketStats()
    assert.deepEqual([mostOfKey, maxOfKey, refused], [2, 2, 1])
    await first[Symbol.asyncDispose]()
    await soon(() => app.app.socketStats().mostOfKey === 1, 'the first is gone')
    await using third = await connect(app, mine)
    for (const socket of [second, third])
      assert.equal((await socket.ask({ input: 'x' })).type, 'response.completed')
  })

  it('is one of so many also where handshakes come at once, and gives its place back when it fails', async () => {
    await using app = await openTestApp({ sockets: { ...SOCKETS, maxSockets: 3 } })
    const url = await urlOf(app)
    const asked = await Promise.allSettled(Array.from({ length: 12 }, () => connect(app)))
    const opened = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    assert.equal(opened.length, 3)
    for (const socket of opened) await socket[Symbol.asyncDispose]()
    await soon(() => app.app.socketStats().mostOfKey === 0, 'all places are free')
    for (let i = 0; i < 5; i++) await leaveBeforeUpgrade(url)
    await soon(() => app.app.socketStats().mostOfKey === 0, 'all places are free again')
    await using last = await connect(app)
    assert.equal((await last.ask({ input: 'x' })).type, 'response.completed')
  })

  it('is refused by name where there are to be none', async () => {
    await using app = await openTestApp({ sockets: { ...SOCKETS, maxSockets: 0 } })
    const { status, body } = await refusedHandshake(await urlOf(app))
    assert.deepEqual([status, JSON.parse(body).error.code], [400, 'unsupported_parameter'])
  })

  it('that is none is told so', async () => {
    await using app = await openTestApp()
    const plain = await app.request('GET', '/v1/responses')
    assert.deepEqual(
      [plain.status, plain.json.error.code, plain.headers['upgrade']],
      [426, 'upgrade_required', 'websocket'],
    )
    const url = await urlOf(app)
    for (const [name, value] of [
      ['sec-websocket-key', 'short'],
      ['sec-websocket-version', '7'],
    ] as const) {
      const { status, param } = await rawHandshake(url, {
        ...{ 'sec-websocket-key': KEY, 'sec-websocket-version': '13', [name]: value },
      })
      assert.deepEqual([status, param], [400, name])
    }
  })

  it('is no matter of other upgrades: a request that offers HTTP/2 is answered as it is', async () => {
    await using app = await openTestApp()
    const body = JSON.stringify({ model: 'echo', input: 'one two' })
    const answer = await new Promise<string>((resolve, reject) => {
      const headers = {
        ...{ connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABk' },
        ...{ 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      }
      urlOf(app).then((url) => {
        const asked = request(`${url}/v1/responses`, { method: 'POST', headers }, async (got) => {
          resolve((await got.toArray()).join(''))
        })
        asked.once('error', reject).end(body)
      }, reject)
    })
    assert.equal(saidBy(JSON.parse(answer)), 'one two')
  })

  it('has an id that its responses are logged with', async () => {
    await using app = await openTestApp()
    const url = await urlOf(app)
    const opened = new WebSocket(`${url.replace('http', 'ws')}/v1/responses`, {
      headers: { 'x-request-id': 'mine' },
    })
    const [{ headers }] = await once(opened, 'upgrade')
    assert.equal(headers['x-request-id'], 'mine')
    opened.terminate()
  })

  it('has a key that is looked at again with every message', async () => {
    let isValid = true
    await using app = await openTestApp({
      apiKeys: {
        nameOf: () => (isValid ? 'ward' : undefined),
        names: () => ['ward'],
        read: async () => () => {},
      },
    })
    const socket = await connect(app, { authorization: 'Bearer ward-key' })
    assert.equal((await socket.ask({ input: 'x' })).type, 'response.completed')
    isValid = false
    const error = await socket.ask({ input: 'x' })
    assert.deepEqual([error['error'].code, error['status']], ['invalid_api_key', 401])
    assert.equal((await socket.closed).code, 1008)
  })
})

describe('a trace', () => {
  it('has a span for each message, in the trace that the handshake names', async () => {
    const spans: { name: string; parent: string | undefined; set: object[]; error?: string }[] = []
    const tracing: Tracing = {
      request(name, { traceparent: parent }) {
        const span = { name, parent, set: [] as object[] }
        spans.push(span)
        return {
          ...NO_SPAN,
          ...{ isRecording: true, traceparent: `of-${name}`, traceId: 'the-trace' },
          set: (attributes) => void span.set.push(attributes),
          end: (outcome) => void Object.assign(span, outcome),
        }
      },
      line: () => assert.fail('no line of a batch'),
      batch: () => {},
      stats: () => ({ sent: 0, failed: 0, dropped: 0, waiting: 0, maxWaiting: 1 }),
      dispose: async () => {},
    }
    await using app = await openTestApp({ tracing })
    const socket = await connect(app, { traceparent: 'from-afar' })
    await socket.ask({ input: 'one', store: false })
    await socket.ask({ input: 'one', model: 'nobody' })
    await socket[Symbol.asyncDispose]()
    await soon(() => app.log.some((line) => line.includes('"status":101')), 'the end is logged')
    const of = (wanted: string) => spans.filter(({ name }) => name === wanted)
    assert.deepEqual(
      of('WEBSOCKET /v1/responses').map(({ parent, error }) => [parent, error]),
      [
        ['from-afar', undefined],
        ['from-afar', 'model_not_found'],
      ],
    )
    const [handshake] = of('GET /v1/responses')
    assert.deepEqual(handshake!.set.at(-1), {
      'http.response.status_code': 101,
      'aerie.tenant': 'anonymous',
    })
    assert.ok(app.log.some((line) => line.includes('WEBSOCKET') && line.includes('the-trace')))
  })
})

/** What is sent by hand, as no library would. */
const NAMES: Readonly<Record<string, string>> = { 'Bearer a': 'mine', 'Bearer b': 'yours' }
const KEYS = {
  nameOf: (authorization: string | undefined) => NAMES[authorization ?? ''],
  names: () => Object.values(NAMES),
  read: async () => () => {},
}

/** A client that is gone before it could have read the answer to its handshake. */
async function leaveBeforeUpgrade(url: string): Promise<void> {
  const { hostname, port, host } = new URL(url)
  const socket = connectTcp(Number(port), hostname)
  await once(socket, 'connect')
  const lines = ['GET /v1/responses HTTP/1.1', `host: ${host}`, 'connection: upgrade']
  const upgrade = ['upgrade: websocket', 'sec-websocket-version: 13']
  const key = `sec-websocket-key: ${Buffer.alloc(16).toString('base64')}`
  socket.write(`${[...lines, ...upgrade, key].join('\r\n')}\r\n\r\n`)
  socket.resetAndDestroy()
  await once(socket, 'close')
}

async function rawHandshake(url: string, headers: Record<string, string>) {
  const asked = request(`${url}/v1/responses`, {
    headers: { connection: 'upgrade', upgrade: 'websocket', ...headers },
  })
  asked.end()
  const [response] = await once(asked, 'response')
  const { error } = JSON.parse((await response.toArray()).join(''))
  return { status: response.statusCode, param: error.param }
}
