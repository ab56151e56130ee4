/** The load generator against a small server of the test's own that speaks the same stream. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import sharp from 'sharp'
import type { LoadPlan } from '../../src/bench/load.ts'
import { basePictures, numberedUris } from '../../src/bench/pictures.ts'
import { runLoad } from '../../src/bench/run-load.ts'

interface Body {
  readonly messages: [{ readonly content: [{ readonly image_url: { readonly url: string } }] }]
  readonly max_tokens: number
  readonly min_tokens?: number
}

type Handler = (body: Body, response: ServerResponse, request: IncomingMessage) => Promise<void>

async function serve(t: TestContext, handler: Handler): Promise<LoadPlan> {
  const server = createServer(async (request, response) => {
    await handler((await json(request)) as Body, response, request)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const address = server.address()
  assert.ok(typeof address === 'object' && address)
  return {
    url: `http://127.0.0.1:${address.port}`,
    apiKey: 'secret',
    model: 'm',
    question: 'q',
    maxTokens: 5,
    answers: 'natural',
    clients: 2,
    requests: 6,
    pictures: 'distinct',
    seed: 1,
    firstPicture: 0,
  }
}

const event = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`
const delta = (content: string) => event({ choices: [{ delta: { content } }], usage: null })

/** Two pieces of text 20 ms apart, with the second event split over two packets. */
const answer: Handler = async (_body, response) => {
  response.write(event({ choices: [{ delta: { role: 'assistant', content: '' } }] }))
  response.write(delta('one '))
  await delay(20)
  const second = delta('two')
  response.write(second.slice(0, 9))
  await delay(5)
  response.write(second.slice(9))
  const usage = { prompt_tokens: 100, completion_tokens: 3 }
  response.end(`${event({ choices: [], usage })}data: [DONE]\n\n`)
}

describe('a load', () => {
  it('sends what was planned, times each answer, and reads its usage', async (t) => {
    let most = 0
    let open = 0
    let seen = 0
    const plan = await serve(t, async (body, response, request) => {
      assert.equal(request.headers.authorization, 'Bearer secret')
      assert.deepEqual([body.min_tokens, body.max_tokens], [undefined, 5])
      seen += 1
      open += 1
      most = Math.max(most, open)
      await answer(body, response, request)
      open -= 1
    })
    const { records, durationMs } = await runLoad(plan)
    assert.equal(records.length, 6)
    assert.equal(seen, 6 + 2, 'one more for each client to warm up')
    assert.equal(most, 2)
    for (const record of records) {
      assert.equal(record.error, undefined)
      assert.deepEqual([record.promptTokens, record.completionTokens], [100, 3])
      assert.equal(record.gapsMs.length, 1)
      assert.ok(record.gapsMs[0]! > 0)
      assert.ok(record.ttftMs! + record.gapsMs[0]! <= record.totalMs)
      assert.ok(record.totalMs <= durationMs)
    }
  })

  it('sends no two pictures alike, or the same each time when caches are measured', async (t) => {
    const pictures: string[] = []
    const plan = await serve(t, async (body, response, request) => {
      pictures.push(body.messages[0].content[0].image_url.url)
      await answer(body, response, request)
    })
    await runLoad(plan)
    assert.equal(new Set(pictures).size, 8)
    await runLoad({ ...plan, firstPicture: 100 })
    assert.equal(new Set(pictures).size, 16, 'other numbers, other files')
    pictures.length = 0
    await runLoad({ ...plan, pictures: 'cached' })
    assert.equal(new Set(pictures).size, 1)
  })

  it('tells failures of every kind in the records', async (t) => {
    const failures: Handler[] = [
      async (_body, response) => {
        response.writeHead(429).end('busy')
      },
      async (_body, response) => {
        response.end(event({ error: { message: 'backend failure' } }))
      },
      async (_body, response) => {
        response.end(delta('half'))
      },
      async (_body, response) => {
        response.destroy()
      },
    ]
    const plan = await serve(t, async (body, response, request) => {
      await failures[started++ % failures.length]!(body, response, request)
    })
    let started = 0
    const { records } = await runLoad({ ...plan, clients: 1, requests: 4 })
    const errors = records.map(({ error }) => error).sort()
    assert.equal(errors.length, 4)
    assert.ok(errors.includes('status 429: busy'))
    assert.ok(errors.includes('backend failure'))
    assert.ok(errors.includes('the stream ended without [DONE]'))
    assert.ok(errors.some((error) => /socket hang up|ECONNRESET/.test(error!)))
  })
})

describe('pictures of a load', () => {
  it('are of photo sizes, and decode to the same pixels whatever their number', async () => {
    for (const base of await basePictures(1)) {
      const uri = numberedUris(base)
      const bytesOf = (number: number) => {
        const [scheme, data] = uri(number).toString().split(',')
        assert.equal(scheme, `data:${base.mediaType};base64`)
        const bytes = Buffer.from(data!, 'base64')
        assert.equal(bytes.toString('base64'), data)
        return bytes
      }
      const [one, two] = [bytesOf(1), bytesOf(1_234_567)]
      assert.notDeepEqual(one, two)
      const pixels = (bytes: Buffer) => sharp(bytes, { failOn: 'warning' }).raw().toBuffer()
      const shrunk = await pixels(base.bytes)
      for (const bytes of [one, two]) assert.ok(shrunk.equals(await pixels(bytes)))
      assert.ok(shrunk.length >= 3 * 480 * 400)
    }
  })
})
