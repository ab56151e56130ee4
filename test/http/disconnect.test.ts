/** Clients that leave, over real sockets. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { openTestApp, type TestApp } from '../support/http-app.ts'
import { rawChatRequest, rawConnection } from '../support/raw-client.ts'

/** Waits for a state that has to come within a moment; the limit allows for a machine that is busy with other things. */
async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 60_000
  while (!condition()) {
    assert.ok(performance.now() < end, `still not: ${what}`)
    await delay(2)
  }
}

const requestLine = (app: TestApp) =>
  app.log.map((line) => JSON.parse(line)).find(({ msg }) => msg === 'request')

const LONG = { messages: [{ role: 'user', content: 'word '.repeat(2000) }] }

test('a client that leaves in the middle of a stream ends the work', async () => {
  await using app = await openTestApp({ echo: { tokenDelayMs: 2 } })
  const socket = await rawConnection(await app.listen())
  socket.write(rawChatRequest({ ...LONG, stream: true }))
  await once(socket, 'data')
  await until(() => app.service.generated > 3, 'some tokens')
  socket.destroy()
  await until(() => app.service.aborted === 1, 'aborted')
  assert.equal(app.service.running, 0)
  assert.ok(app.service.generated < 1000)
  await until(() => requestLine(app) !== undefined, 'logged')
  assert.equal(requestLine(app).code, 'cancelled')
})

test('a client that leaves while it waits for JSON ends the work', async () => {
  await using app = await openTestApp({ echo: { tokenDelayMs: 2 } })
  const socket = await rawConnection(await app.listen())
  socket.write(rawChatRequest(LONG))
  await until(() => app.service.generated > 3, 'some tokens')
  socket.destroy()
  await until(() => app.service.aborted === 1, 'aborted')
  await until(() => requestLine(app) !== undefined, 'logged')
  assert.deepEqual([requestLine(app).status, requestLine(app).code], [499, 'cancelled'])
})

test('a client that leaves before the answer has begun ends the work', async () => {
  await using app = await openTestApp({ echo: { startDelayMs: 60_000 } })
  const url = await app.listen()
  for (const stream of [true, false]) {
    const socket = await rawConnection(url)
    socket.write(rawChatRequest({ stream }))
    await until(() => app.service.running === 1, 'running')
    socket.destroy()
    await until(() => app.service.running === 0, 'ended')
  }
  assert.equal(app.service.aborted, 2)
})

test('a client that leaves during the upload reaches nobody', async () => {
  await using app = await openTestApp()
  const socket = await rawConnection(await app.listen())
  socket.write(rawChatRequest(LONG).slice(0, 2000))
  await delay(20)
  socket.destroy()
  await until(() => requestLine(app) !== undefined, 'logged')
  assert.equal(requestLine(app).code, 'cancelled')
  assert.equal(app.service.requests.length, 0)
  assert.ok(app.log.every((line) => JSON.parse(line).level === 'info'))
})

test('closing only its own side counts as leaving: it cannot be told from the other', async () => {
  await using app = await openTestApp({ echo: { startDelayMs: 60_000 } })
  const socket = await rawConnection(await app.listen())
  socket.end(rawChatRequest({ stream: true }))
  await once(socket.resume(), 'close')
  await until(() => app.service.aborted === 1, 'aborted')
})

test('two hundred clients killed at random moments leave nothing behind', async () => {
  await using app = await openTestApp({ echo: { tokenDelayMs: 1 } })
  const url = await app.listen()
  const kill = async (i: number) => {
    const socket = await rawConnection(url)
    socket.on('error', () => undefined)
    const request = rawChatRequest({ ...LONG, stream: i % 3 !== 0 })
    socket.write(i % 10 === 9 ? request.slice(0, 500) : request)
    await delay(i % 23)
    if (i % 2) socket.resetAndDestroy()
    else socket.destroy()
  }
  for (let batch = 0; batch < 10; batch++) {
    await Promise.all(Array.from({ length: 20 }, (_, i) => kill(batch * 20 + i)))
  }
  await until(() => app.service.running === 0, 'nothing runs')
  assert.equal(app.service.requests.length, app.service.aborted)
  assert.ok(app.log.every((line) => JSON.parse(line).level === 'info'))
})

test('a slow reader slows the answer down instead of filling memory', async () => {
  await using app = await openTestApp({ maxBodyBytes: 4 * 1024 * 1024 })
  const url = await app.listen()
  const accepted = once(app.app.server, 'connection')
  const socket = await rawConnection(url)
  const [served]: Socket[] = await accepted
  socket.pause()
  // 32 MB, several times what the buffers of a kernel take.
  const [n, words, wordBytes] = [16, 128, 16 * 1024]
  const content = `${'w'.repeat(wordBytes - 1)} `.repeat(words)
  socket.write(rawChatRequest({ messages: [{ role: 'user', content }], n, stream: true }))
  const isComplete = () => app.service.generated === n * words
  while (!served!.writableNeedDrain && !isComplete()) await new Promise(setImmediate)

  // Turns of the event loop instead of time: in one of them, the service would generate all that nothing holds back.
  const held = { generated: -1, turns: 0, mostQueued: 0 }
  while (held.turns < 200 && !isComplete()) {
    await new Promise(setImmediate)
    const isHeld = served!.writableNeedDrain && held.generated === app.service.generated
    held.turns = isHeld ? held.turns + 1 : 0
    held.generated = app.service.generated
    held.mostQueued = Math.max(held.mostQueued, served!.writableLength)
  }
  assert.ok(!isComplete(), `generated all ${n * words} for a client that reads nothing`)
  assert.ok(held.mostQueued <= served!.writableHighWaterMark + 2 * wordBytes, `${held.mostQueued}`)

  let tail = ''
  // However long it takes: how fast the machine is, is not the question.
  const complete = new Promise<void>((resolve) => {
    socket.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-100)
      if (tail.includes('[DONE]')) resolve()
    })
  })
  socket.resume()
  await complete
  assert.equal(app.service.generated, n * words)
  socket.destroy()
})
