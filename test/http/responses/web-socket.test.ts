/** Responses over a WebSocket: what is asked and told, and what a connection remembers. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import OpenAI from 'openai'
import { ResponsesWS } from 'openai/resources/responses/ws'
import { AerieError } from '../../../src/errors.ts'
import { openTestApp } from '../../support/http-app.ts'
import {
  connect,
  LONG,
  SLOW,
  SOCKETS,
  saidBy,
  sample,
  soon,
  urlOf,
} from '../../support/response-socket.ts'

describe('a response over a WebSocket', () => {
  it('has the events of a stream, and is stored', async () => {
    await using app = await openTestApp()
    await using socket = await connect(app)
    socket.send({ input: 'one two' })
    const events = await socket.response()
    const streamed = await app.request('POST', '/v1/responses', {
      payload: { model: 'echo', input: 'one two', stream: true },
    })
    const types = [...streamed.body.matchAll(/^event: (.*)$/gm)].map(([, type]) => type)
    assert.deepEqual(
      events.map(({ type }) => type),
      types,
    )
    assert.deepEqual(
      events.map(({ sequence_number }) => sequence_number),
      events.map((_, i) => i),
    )
    const { response } = events.at(-1)!
    const stored = await app.request('GET', `/v1/responses/${response.id}`)
    assert.deepEqual(stored.json, response)
    assert.equal(saidBy(response), 'one two')
  })

  it('is one of many on a connection, in the order in which they were asked for', async () => {
    await using app = await openTestApp({ echo: { tokenDelayMs: 2 } })
    await using socket = await connect(app)
    const texts = ['a b c', 'd', 'e f', 'g h i j']
    for (const input of texts) socket.send({ input, store: false })
    for (const text of texts) {
      assert.equal(saidBy((await socket.response()).at(-1)!['response']), text)
    }
    assert.equal(app.service.running, 0)
  })

  it('is what the official client reads', async () => {
    await using app = await openTestApp()
    const client = new OpenAI({ baseURL: `${await urlOf(app)}/v1`, apiKey: 'any' })
    const socket = new ResponsesWS(client)
    const told: string[] = []
    socket.on('response.output_text.delta', ({ delta }) => void told.push(delta))
    const ask = async (event: object) => {
      const ended = new Promise<OpenAI.Responses.Response>((resolve) => {
        socket.once('response.completed', ({ response }) => resolve(response))
      })
      socket.send({ type: 'response.create', model: 'echo', ...event })
      return await ended
    }
    const first = await ask({ input: 'one two', store: false })
    const second = await ask({ input: 'three', previous_response_id: first.id, store: false })
    assert.equal(told.join(''), 'one twothree')
    assert.equal(second.previous_response_id, first.id)
    assert.equal(app.service.requests.at(-1)!.messages.length, 3)
    const failed = new Promise<Error>((resolve) => {
      socket.once('error', resolve)
    })
    socket.send({ type: 'response.create', model: 'nobody', input: 'x' })
    assert.match((await failed).message, /nobody/)
    const closed = new Promise<void>((resolve) => {
      socket.once('close', () => resolve())
    })
    socket.close()
    await closed
  })

  it('is counted, logged and limited as one of a POST', async () => {
    await using app = await openTestApp({
      apiKeys: {
        nameOf: (text) => (text === 'Bearer ward-key' ? 'ward' : undefined),
        names: () => ['ward'],
        read: async () => () => {},
      },
    })
    await using socket = await connect(app, { authorization: 'Bearer ward-key' })
    const { response } = await socket.ask({ input: 'one two', safety_identifier: 'someone' })
    await socket.ask({ input: 'x', model: 'nobody' })
    await soon(() => app.log.filter((line) => line.includes('WEBSOCKET')).length === 2, 'log')
    const [first, second] = app.log
      .filter((line) => line.includes('WEBSOCKET'))
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      [first.route, first.status, first.code, first.tenant, first.response, first.completionTokens],
      ['/v1/responses', 200, 'ok', 'ward', response.id, 2],
    )
    assert.match(first.endUser, /^[0-9a-f]{16}$/)
    assert.deepEqual(
      [second.status, second.code, second.connection],
      [404, 'model_not_found', first.connection],
    )
    assert.equal(first.connection === first.requestId, false)
    const metrics = await app.request('GET', '/metrics', {
      headers: { authorization: 'Bearer ward-key' },
    })
    assert.match(
      metrics.body,
      /aerie_requests_total\{route="\/v1\/responses",status="200",code="ok"\} 1/,
    )
    assert.match(metrics.body, /aerie_websockets 1\n/)
  })
})

describe('a message', () => {
  const faults: readonly (readonly [
    what: string,
    message: string | Buffer,
    code: string,
    param: string | null,
  ])[] = [
    ['that is no JSON', '{"type":', 'invalid_json', null],
    ['that is no object', '[1]', 'invalid_request', null],
    ['that is binary', Buffer.from('{"type":"response.create"}'), 'invalid_request', null],
    ['of another type', '{"type":"response.steer"}', 'invalid_request', 'type'],
    ['without a type', '{"model":"echo","input":"x"}', 'invalid_request', 'type'],
    ['without a model', '{"type":"response.create","input":"x"}', 'invalid_request', 'model'],
    [
      'with an unknown field',
      '{"type":"response.create","model":"echo","input":"x","y":1}',
      'unknown_parameter',
      'y',
    ],
    [
      'with a lane',
      '{"type":"response.create","model":"echo","input":"x","stream_id":"a"}',
      'unsupported_parameter',
      'stream_id',
    ],
    [
      'that only prepares',
      '{"type":"response.create","model":"echo","input":"x","generate":false}',
      'unsupported_parameter',
      'generate',
    ],
    [
      'for the background',
      '{"type":"response.create","model":"echo","input":"x","background":true}',
      'invalid_request',
      'background',
    ],
    [
      'without a stream',
      '{"type":"response.create","model":"echo","input":"x","stream":false}',
      'invalid_request',
      'stream',
    ],
  ]
  for (const [what, message, code, param] of faults) {
    it(`${what} is an error event, and the connection goes on`, async () => {
      await using app = await openTestApp()
      await using socket = await connect(app)
      socket.socket.send(message)
      const error = await socket.next()
      assert.deepEqual(
        [error.type, error['error'].code, error['error'].param],
        ['error', code, param],
      )
      assert.equal(error['status'], 400)
      assert.equal((await socket.ask({ input: 'on' })).type, 'response.completed')
    })
  }

  it('may say what is so anyway', async () => {
    await using app = await openTestApp()
    await using socket = await connect(app)
    const last = await socket.ask({ input: 'x', stream: true, generate: true, background: false })
    assert.equal(last.type, 'response.completed')
  })

  it('in many fragments is one message', async () => {
    await using app = await openTestApp()
    await using socket = await connect(app)
    const text = JSON.stringify({ type: 'response.create', model: 'echo', input: 'é'.repeat(50) })
    const bytes = Buffer.from(text)
    for (const [i, byte] of bytes.entries()) {
      socket.socket.send(Buffer.of(byte), { binary: false, fin: i === bytes.length - 1 })
    }
    const { response } = (await socket.response()).at(-1)!
    assert.equal(saidBy(response), 'é'.repeat(50))
  })

  it('that is larger than a body may be ends the connection, and nothing else', async () => {
    await using app = await openTestApp({ maxBodyBytes: 1000 })
    await using other = await connect(app)
    const socket = await connect(app)
    socket.send({ input: 'x'.repeat(2000) })
    assert.equal((await socket.closed).code, 1009)
    assert.equal((await other.ask({ input: 'on' })).type, 'response.completed')
    await soon(() => app.log.some((line) => line.includes('"status":101')), 'the line in the log')
    const line = JSON.parse(app.log.find((one) => one.includes('"status":101'))!)
    assert.equal(line.code, 'request_too_large')
  })

  it('that is no UTF-8 ends the connection', async () => {
    await using app = await openTestApp()
    const socket = await connect(app)
    socket.socket.send(Buffer.of(0xff, 0xfe), { binary: false })
    assert.equal((await socket.closed).code, 1007)
  })

  it('is refused with all behind it when too many wait, and what runs is cancelled', async () => {
    await using app = await openTestApp({ echo: SLOW })
    const socket = await connect(app)
    socket.send({ input: LONG, store: false })
    await soon(() => app.service.generated > 0, 'a first word')
    for (let i = 0; i < 20; i++) socket.send({ input: 'next', store: false })
    const { code } = await socket.closed
    const error = socket.events.at(-1)!
    assert.deepEqual([code, error['error'].code, error['status']], [1008, 'queue_full', 429])
    assert.equal(error['error'].headers['retry-after'], '1')
    assert.deepEqual([app.service.requests.length, app.service.running], [1, 0])
  })
})

describe('previous_response_id on a connection', () => {
  it('goes on from what is stored nowhere, with everything before it', async () => {
    await using app = await openTestApp()
    await using socket = await connect(app)
    const one = await socket.ask({ input: 'one', store: false })
    const two = await socket.ask({
      ...{ input: 'two', store: false, previous_response_id: one['response'].id },
    })
    await socket.ask({ input: 'three', store: false, previous_response_id: two['response'].id })
    const { messages } = app.service.requests.at(-1)!
    assert.deepEqual(
      messages.map(({ role, content }) => [
        role,
        content.map((part) => part.type === 'text' && part.text).join(),
        content[0]!.param,
      ]),
      [
        ['user', 'one', 'previous_response_id[0].input[0].content[0].text'],
        ['assistant', 'one', 'previous_response_id[0].output[0].content[0].text'],
        ['user', 'two', 'previous_response_id[1].input[0].content[0].text'],
        ['assistant', 'two', 'previous_response_id[1].output[0].content[0].text'],
        ['user', 'three', 'input'],
      ],
    )
    assert.equal((await app.request('GET', `/v1/responses/${two['response'].id}`)).status, 404)
  })

  it('remembers the last response only', async () => {
    await using app = await openTestApp()
    await using socket = await connect(app)
    const one = await socket.ask({ input: 'one', store: false })
    await socket.ask({ input: 'two', store: false })
    const error = await socket.ask({
      ...{ input: 'x', store: false, previous_response_id: one['response'].id },
    })
    assert.deepEqual(
      [error['error'].code, error['status'], error['error'].param],
      ['previous_response_not_found', 400, 'previous_response_id'],
    )
  })

  it('finds what is stored, and what another connection has not stored is not there', async () => {
    await using app = await openTestApp()
    await using first = await connect(app)
    const stored = await first.ask({ input: 'kept' })
    const unstored = await first.ask({ input: 'one', store: false })
    await using second = await connect(app)
    const next = await second.ask({ input: 'on', previous_response_id: stored['response'].id })
    assert.equal(next.type, 'response.completed')
    const error = await second.ask({ input: 'x', previous_response_id: unstored['response'].id })
    assert.equal(error['error'].code, 'previous_response_not_found')
  })

  it('is forgotten when going on from it has failed', async () => {
    await using app = await openTestApp()
    await using socket = await connect(app)
    const { response } = await socket.ask({ input: 'one', store: false })
    const again = { store: false, previous_response_id: response.id }
    const output = { type: 'function_call_output', call_id: 'call_none', output: 'x' }
    assert.equal((await socket.ask({ ...again, input: [output] })).type, 'error')
    const error = await socket.ask({ ...again, input: 'x' })
    assert.equal(error['error'].code, 'previous_response_not_found')
  })

  it('may be of what is stored nowhere where the next one is stored: the whole conversation is, then', async () => {
    await using app = await openTestApp()
    await using socket = await connect(app)
    const one = await socket.ask({ input: 'one', store: false })
    const two = await socket.ask({ input: 'two', previous_response_id: one['response'].id })
    await using later = await connect(app)
    await later.ask({ input: 'three', previous_response_id: two['response'].id })
    assert.deepEqual(
      app.service.requests
        .at(-1)!
        .messages.map(({ content }) => content[0]?.type === 'text' && content[0].text),
      ['one', 'one', 'two', 'two', 'three'],
    )
  })

  it('is of a bounded memory: the oldest conversations of all connections are dropped', async () => {
    await using app = await openTestApp({ sockets: { ...SOCKETS, maxMemoryBytes: 15_000 } })
    await using first = await connect(app)
    await using second = await connect(app)
    const input = 'x'.repeat(4000)
    const old = await first.ask({ input, store: false })
    const young = await second.ask({ input, store: false })
    const error = await first.ask({ input: 'on', previous_response_id: old['response'].id })
    assert.equal(error['error'].code, 'previous_response_not_found')
    const next = await second.ask({ input: 'on', previous_response_id: young['response'].id })
    assert.equal(next.type, 'response.completed')
    assert.equal(await sample(app, 'aerie_websocket_memory_dropped_total'), '1')
  })
})

describe('a failure', () => {
  it('after the first event is response.failed, and the last event of it', async () => {
    const error = new AerieError('backend_failure', 'it broke')
    await using app = await openTestApp({ echo: { failure: { afterTokens: 1, error } } })
    await using socket = await connect(app)
    socket.send({ input: 'one two three' })
    const events = await socket.response()
    const { type, response } = events.at(-1)!
    assert.deepEqual([type, response.error.code], ['response.failed', 'backend_failure'])
    assert.deepEqual(
      events.map(({ sequence_number }) => sequence_number),
      events.map((_, i) => i),
    )
    assert.equal((await app.request('GET', `/v1/responses/${response.id}`)).json.status, 'failed')
  })

  it('of a defect says an id that the log has', async () => {
    await using app = await openTestApp({
      echo: { failure: { afterTokens: 0, error: new Error('secret') } },
    })
    await using socket = await connect(app)
    const { response } = await socket.ask({ input: 'x', store: false })
    assert.equal(response.error.code, 'internal_error')
    assert.doesNotMatch(JSON.stringify(response), /secret/)
    const id = /under (req_\w+)/.exec(response.error.message)![1]!
    assert.ok(app.log.some((line) => line.includes(id) && line.includes('secret')))
  })

  it('by deleting the response ends it', async () => {
    const held = Promise.withResolvers<void>()
    await using app = await openTestApp({ echo: { hold: held.promise } })
    await using socket = await connect(app)
    socket.send({ input: 'one two' })
    const { response } = await socket.next()
    await soon(() => socket.events.some(({ type }) => type.endsWith('delta')), 'the first word')
    await app.request('DELETE', `/v1/responses/${response.id}`)
    held.resolve()
    const error = (await socket.response()).at(-1)!
    assert.deepEqual([error.type, error['error'].code], ['error', 'cancelled'])
    assert.equal((await socket.ask({ input: 'on' })).type, 'response.completed')
  })
})
