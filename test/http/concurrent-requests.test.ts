/** Requests of a key at one time: how many, until when each counts, and that no place is ever lost. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { balance, OTHER, openLimited, until, WARD } from '../support/limited-app.ts'
import { rawChatRequest, rawConnection } from '../support/raw-client.ts'
import { connect } from '../support/response-socket.ts'

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
