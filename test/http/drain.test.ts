import assert from 'node:assert/strict'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { openTestApp } from '../support/http-app.ts'
import { rawChatRequest, rawConnection } from '../support/raw-client.ts'

/** A drain that never ends is the failure to be found here. */
const LIMIT = { timeout: 60_000 }

test('while draining, running answers are finished and new requests get 503', LIMIT, async () => {
  const hold = Promise.withResolvers<void>()
  await using app = await openTestApp({ echo: { hold: hold.promise } })
  const socket = await rawConnection(await app.listen())
  let received = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text
  })
  const content = 'one two three four five'
  socket.write(rawChatRequest({ messages: [{ role: 'user', content }], stream: true }))
  await once(socket, 'data')

  let drained = false
  const drain = app.app.drain().then(() => {
    drained = true
  })
  const refused = await app.chat({})
  assert.deepEqual([refused.status, refused.json.error.code], [503, 'shutting_down'])
  assert.equal(refused.headers['connection'], 'close')
  assert.ok(Number(refused.headers['retry-after']) >= 1)

  const ready = await app.request('GET', '/readyz')
  assert.deepEqual([ready.status, ready.json.reasons], [503, ['the server is draining']])
  assert.equal((await app.request('GET', '/livez')).status, 200)
  assert.equal((await app.request('GET', '/metrics')).status, 200)
  assert.equal(drained, false)

  hold.resolve()
  await drain
  while (!received.includes('[DONE]')) await once(socket, 'data')
  assert.match(received, /" five"/)
  assert.equal(app.service.aborted, 0)
  socket.destroy()
})

test('a large upload that is refused while draining is not cut off', LIMIT, async () => {
  const hold = Promise.withResolvers<void>()
  await using app = await openTestApp({ echo: { hold: hold.promise } })
  const url = await app.listen()
  const streaming = await rawConnection(url)
  streaming.write(rawChatRequest({ stream: true }))
  await once(streaming, 'data')
  const drain = app.app.drain()

  const socket = await rawConnection(url)
  const size = 4 * 2 ** 20
  const head = 'POST /v1/tokenize HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n'
  socket.write(`${head}content-length: ${size}\r\n\r\n`)
  const [answer] = await once(socket, 'data')
  assert.match(String(answer), /^HTTP\/1\.1 503 .*"shutting_down"/s)
  socket.write(' '.repeat(size))
  socket.write(rawChatRequest({}))
  assert.match(await text(socket), /^HTTP\/1\.1 503 .*^connection: close\r$/ims)

  hold.resolve()
  streaming.resume()
  await drain
  streaming.destroy()
})

test('a client that leaves while draining does not hold the end up', LIMIT, async () => {
  await using app = await openTestApp({ echo: { startDelayMs: 60_000 } })
  const socket = await rawConnection(await app.listen())
  socket.write(rawChatRequest({}))
  while (app.service.running === 0) await new Promise(setImmediate)
  const drain = app.app.drain()
  socket.destroy()
  await drain
})

test(
  'draining with nothing to do is done at once, however often it is asked for',
  LIMIT,
  async () => {
    await using app = await openTestApp()
    await app.chat({})
    await Promise.all([app.app.drain(), app.app.drain()])
  },
)

test('a connection that never sent anything does not hold up closing', LIMIT, async () => {
  const app = await openTestApp({})
  const silent = await rawConnection(await app.listen())
  const began = performance.now()
  await app.app.close()
  assert.ok(performance.now() - began < 10_000)
  silent.destroy()
})
