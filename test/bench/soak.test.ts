/** The soak's mix: what is sent, what counts as the answer it has to be, and what memory is held to. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, it, type TestContext } from 'node:test'
import { startServerProcess } from '../../src/bench/server-process.ts'
import { memoryLimit } from '../../src/bench/soak/memory-limit.ts'
import { outcome } from '../../src/bench/soak/outcome.ts'
import { mixedTraffic } from '../../src/bench/soak/phases.ts'
import { asText } from '../../src/bench/soak/report.ts'
import { isGood, type SoakResult, soakServer } from '../../src/bench/soak/run.ts'
import { Mix, type ServedFacts, type TrafficRequest } from '../../src/bench/soak/traffic.ts'
import { readConfig } from '../../src/config.ts'

const SERVED: ServedFacts = { model: 'm', seesPictures: true, maxContext: 2048, phraseTokens: 4 }
const URI = `data:image/png;base64,${'A'.repeat(80_000)}`
const PICTURES = { photo: () => URI, small: () => URI, large: () => URI }

describe('the mix', () => {
  const count = (mix: Mix, numbers: number) => {
    const counts = new Map<string, number>()
    for (let n = 0; n < numbers; n++) {
      const { kind } = mix.of(n)
      counts.set(kind, (counts.get(kind) ?? 0) + 1)
    }
    return counts
  }

  it('has every kind among a few hundred requests, by its share', () => {
    const mix = new Mix(SERVED, PICTURES)
    const counts = count(mix, 500)
    assert.deepEqual([...counts.keys()].sort(), [...mix.kinds].sort())
    // Twenty of a hundred.
    assert.ok(Math.abs(counts.get('picture, streamed')! - 100) <= 3)
  })

  it('has no pictures for a model that sees none', () => {
    const mix = new Mix({ ...SERVED, seesPictures: false }, PICTURES)
    for (let n = 0; n < 300; n++) assert.doesNotMatch(mix.of(n).request.body, /image_url/)
    assert.ok(mix.kinds.includes('several choices'))
  })

  it('sends the same for the same number, and another for another', () => {
    const [one, other] = [new Mix(SERVED, PICTURES), new Mix(SERVED, PICTURES)]
    for (let n = 0; n < 100; n++) assert.deepEqual(one.of(n), other.of(n))
    const bodies = new Set(Array.from({ length: 300 }, (_, n) => one.of(n).request.body))
    // Texts and pictures that a cache is to know come again.
    assert.ok(bodies.size > 240)
  })

  it('has requests that must be refused, and clients that leave', () => {
    const mix = new Mix(SERVED, PICTURES)
    const requests = Array.from({ length: 300 }, (_, n) => mix.of(n).request)
    assert.ok(requests.some(({ status }) => status === 400))
    assert.ok(requests.some(({ leaves }) => leaves === 'first-text'))
    assert.ok(requests.some(({ leaves }) => typeof leaves === 'number'))
    assert.throws(() => JSON.parse(requests.find(({ body }) => !body.endsWith('}'))!.body))
  })
})

describe('a request of the mix', () => {
  const serve = async (
    t: TestContext,
    answer: (response: ServerResponse, request: IncomingMessage) => void,
    limit: { answerMs?: number } = {},
  ) => {
    const server = createServer((request, response) => {
      void text(request).then(() => answer(response, request))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const agent = new Agent({ keepAlive: true })
    t.after(() => {
      agent.destroy()
      server.closeAllConnections()
      server.close()
    })
    const address = server.address()
    assert.ok(typeof address === 'object' && address)
    const connection = {
      url: `http://127.0.0.1:${address.port}`,
      apiKey: 'secret',
      agent,
      ...limit,
    }
    return (request: Partial<TrafficRequest>) =>
      outcome({ path: '/v1/chat/completions', body: '{}', status: 200, ...request }, connection)
  }

  it('has to have its status, its choices and a whole stream', async (t) => {
    let body = ''
    let status = 200
    const send = await serve(t, (response, request) => {
      assert.equal(request.headers.authorization, 'Bearer secret')
      response.writeHead(status)
      response.end(body)
    })
    body = JSON.stringify({ choices: [{}, {}] })
    assert.equal(await send({ choices: 2 }), undefined)
    assert.match((await send({ choices: 3 }))!, /2 choices, expected 3/)
    assert.match((await send({ status: 400 }))!, /^status 200, expected 400/)
    body = 'data: {"choices":[]}\n\ndata: [DONE]\n\n'
    assert.equal(await send({}), undefined)
    body = 'data: {"choices":[]}\n\n'
    assert.match((await send({}))!, /without \[DONE\]/)
    body = 'data: {"error":{"message":"no"}}\n\ndata: [DONE]\n\n'
    assert.match((await send({}))!, /an error in a stream/)
    status = 400
    body = JSON.stringify({ error: { message: 'no' } })
    assert.equal(await send({ status: 400 }), undefined)
    body = '{}'
    assert.match((await send({ status: 400 }))!, /without an error/)
    body = 'Bad Request'
    assert.match((await send({ status: 400 }))!, /JSON/)
  })

  it('is left by its client when it is to be, which is no failure', async (t) => {
    const closed = Promise.withResolvers<void>()
    const send = await serve(t, (response) => {
      response.on('close', closed.resolve)
      response.write('data: {"choices":[{"delta":{"content":""}}]}\n\n')
      response.write('data: {"choices":[{"delta":{"content":"one"}}]}\n\n')
    })
    assert.equal(await send({ leaves: 'first-text' }), undefined)
    await closed.promise
    assert.equal(await send({ leaves: 5 }), undefined)
  })

  it('that is never answered to its end is a failure', { timeout: 120_000 }, async (t) => {
    const limit = { answerMs: 50 }
    const silent = await serve(t, () => {}, limit)
    assert.match((await silent({}))!, /no whole answer within 0.05 s/)
    const half = await serve(t, (response) => response.write('data: {"choices":[]}\n\n'), limit)
    assert.match((await half({}))!, /no whole answer within 0.05 s/)
  })

  it('that cannot be sent is a failure', async () => {
    const request = { path: '/', body: '{}', status: 200 }
    const nobody = { url: 'http://127.0.0.1:1', apiKey: undefined, agent: new Agent() }
    assert.match((await outcome(request, nobody))!, /ECONNREFUSED/)
  })
})

it('the mix is answered and refused by a real server as it has to be', async (t) => {
  const server = await startServerProcess([])
  t.after(() => server.stop())
  const asked = { apiKey: undefined, model: 'starter', question: '', maxTokens: 1, seed: 1 }
  // Of ten parts, one.
  const traffic = await mixedTraffic({ server, ...asked }, 4, 50_000)
  t.after(() => traffic.stop())
  const kinds = await traffic.send(0)
  assert.ok(kinds.reduce((sum, { requests }) => sum + requests, 0) >= 4)
  assert.deepEqual(
    kinds.filter(({ failed }) => failed > 0),
    [],
  )
})

describe('the limit of memory', () => {
  it('is the files of the weights, what the caches may take, and 200 MB', async () => {
    const { size } = await stat(new URL('../../models/starter/model.safetensors', import.meta.url))
    const limit = await memoryLimit(
      await readConfig({ kvCacheBytes: '8MiB', encoderCacheBytes: '2MiB' }),
    )
    assert.deepEqual(limit, {
      weights: size,
      kv: 8 * 2 ** 20,
      features: 2 * 2 ** 20,
      rest: 200e6,
      total: size + 10 * 2 ** 20 + 200e6,
    })
  })

  const part = { own: 300e6, descendants: 100e6, ownPeak: 320e6, isWarm: false }
  const good: SoakResult = {
    minutes: 1,
    kinds: [{ kind: 'short text', requests: 5, failed: 0, firstError: null }],
    parts: [part, part],
    growth: 0.1,
    growthFrom: 1,
    limit: { weights: 1e6, kv: 100e6, features: 9e6, rest: 200e6, total: 310e6 },
    ownPeak: 320e6,
    leftOver: { aerie_sequences_running: 0 },
  }

  it('holds between requests; growth, failures and what is left over are bad as well', () => {
    assert.ok(isGood(good))
    const kinds = [{ kind: 'x', requests: 5, failed: 1, firstError: 'it fell over' }]
    for (const bad of [
      { limit: { ...good.limit!, total: 299e6 } },
      { growth: 0.11 },
      { growth: null },
      { kinds },
      { leftOver: { aerie_sequences_running: 1 } },
    ])
      assert.ok(!isGood({ ...good, ...bad }), JSON.stringify(bad))
  })

  /** Reads a server whose cache is filled by as much after each part as `cached` says. */
  const soakOf = async (t: TestContext, cached: readonly number[], readings: readonly number[]) => {
    let part = 0
    const server = createServer((_, response) => {
      const blocks = cached[Math.min(part++, cached.length - 1)]
      response.end(`aerie_kv_blocks_cached ${blocks}\naerie_kv_blocks_cached_max 100\n`)
    }).listen(0, '127.0.0.1')
    t.after(() => server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const last = readings.length - 1
    const memory = () => ({ own: readings[Math.min(part, last)]! * 1e6, descendants: 0 })
    const bench = { url: `http://127.0.0.1:${port}`, readyMs: 0, memory, stop: async () => {} }
    const target = { apiKey: undefined, model: 'm', question: '', maxTokens: 1, seed: 1 }
    const traffic = { send: async () => good.kinds, stop: () => undefined }
    return await soakServer({ ...target, server: bench }, traffic, undefined, () => {})
  }

  // A part takes a second at rest, and nobody waits for another's.
  describe('is compared', { concurrency: true }, () => {
    it('from the part on whose end found the caches full', async (t) => {
      const result = await soakOf(t, [50, 95, 100], [100, 200, 210])
      assert.equal(result.growthFrom, 1)
      assert.equal(result.kinds[0]!.requests, 50)
      assert.ok(Math.abs(result.growth!) < 0.06)
      assert.match(asText(result), /after 2 of 10 tenths, when the caches were full/)
    })

    it('not at all where they were full only in the last half', async (t) => {
      const fullAfter = (parts: number) => [...new Array(parts - 1).fill(50), 95]
      const [late, tooLate] = await Promise.all([
        soakOf(t, fullAfter(5), [100]),
        soakOf(t, fullAfter(6), [100]),
      ])
      assert.deepEqual([late.growthFrom, late.growth], [4, 0])
      assert.doesNotMatch(asText(late), /NOT JUDGED/)
      assert.deepEqual([tooLate.growthFrom, tooLate.growth], [5, null])
      assert.match(asText(tooLate), /growth NOT JUDGED: the caches were full too late/)
    })
  })

  it('is reported part by part', () => {
    assert.match(asText(good), /limit 296 MiB = weights 1 MiB \+ kvCacheBytes 95 MiB .*: kept/)
    const over = { ...good, limit: { ...good.limit!, total: 299e6 } }
    assert.match(asText(over), /: EXCEEDED$/m)
    assert.match(asText({ ...good, leftOver: { a: 2 } }), /left over: a 2/)
  })
})
