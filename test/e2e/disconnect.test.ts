import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunningServer } from '../../src/main.ts'
import { fastest } from '../support/fastest.ts'
import { metric, pictureUri, startTestServer } from '../support/server.ts'

const KILLS = 200

describe('clients that go away', () => {
  let server: RunningServer
  before(async () => {
    server = await startTestServer()
  })
  after(() => server.close())

  it(`leaves no sequence after ${KILLS} clients were killed at random moments`, async () => {
    const picture = await pictureUri('red-circle-blue-square.png')
    const body = JSON.stringify({
      model: 'starter',
      stream: true,
      // Long answers: without the end token an answer runs into its limit.
      logit_bias: { [await endToken(server.url)]: -100 },
      max_tokens: 500,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'describe the picture.' },
            { type: 'image_url', image_url: { url: picture } },
          ],
        },
      ],
    })
    let random = 12345
    const next = () => {
      random = (Math.imul(random, 1103515245) + 12345) >>> 0
      return random / 2 ** 32
    }
    let started = 0
    const worker = async () => {
      while (started < KILLS) {
        started++
        await killAfter(server.url, body, next() * 250)
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))

    const gone = async () =>
      (await metric(server.url, 'aerie_sequences_running')) === 0 &&
      (await metric(server.url, 'aerie_sequences_waiting')) === 0 &&
      (await metric(server.url, 'aerie_kv_blocks_used')) === 0
    // However busy the machine is: what is left, is left for good.
    const end = performance.now() + 60_000
    while (!(await gone())) {
      assert.ok(performance.now() < end, 'sequences or KV blocks are left')
      await delay(20)
    }
    const ready = await fetch(`${server.url}/readyz`)
    assert.equal(ready.status, 200)
  })

  it('frees the slot and the memory of a killed stream within 250 ms', async () => {
    const body = JSON.stringify({
      model: 'starter',
      stream: true,
      logit_bias: { [await endToken(server.url)]: -100 },
      messages: [{ role: 'user', content: 'hello' }],
    })
    const ms = await fastest(250, async () => {
      await killAfter(server.url, body, 200)
      const killedAt = performance.now()
      while ((await metric(server.url, 'aerie_kv_blocks_used')) !== 0) await delay(5)
      return performance.now() - killedAt
    })
    assert.ok(ms < 250, `held for ${ms} ms`)
  })
})

/** Sends the request over a bare socket and resets the connection after `ms`. */
async function killAfter(url: string, body: string, ms: number): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.resume()
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  await delay(ms)
  socket.resetAndDestroy()
}

async function endToken(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/tokenize`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'starter', prompt: '<|end|>', return_ids: true }),
  })
  const { ids } = (await response.json()) as { ids: number[] }
  return String(ids[0])
}
