/** The engine over a decoder of attention and selective scans: what it says is what each request is told alone, bit for bit. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { kvGeometry } from '../../models/graph/graph.ts'
import type { BackendOptions, DecoderSession } from '../../src/engine/backend.ts'
import { nativeDecoder } from '../../src/engine/backends/native.ts'
import { kvPositionBytes } from '../../src/engine/backends/native-kv.ts'
import { referenceDecoder } from '../../src/engine/backends/reference.ts'
import type { GenerateRequest, GenerationEvent } from '../../src/engine/types.ts'
import { skipOf } from '../support/backends.ts'
import { EngineDriver, GREEDY, tokens } from '../support/engine-driver.ts'
import { HYBRID_VOCAB, hybridFiles, hybridGraph } from '../support/hybrid-decoder.ts'
import { seededRandom } from '../support/seeded-random.ts'

const BLOCK_SIZE = 4
/** Positions between two states that are kept. */
const KEPT_EVERY = 16 * BLOCK_SIZE
const MAX_RUNNING = 4
const STATE_BYTES = 4 * 2 * (3 + 5) * 70

let files: Awaited<ReturnType<typeof hybridFiles>>
before(async () => {
  files = await hybridFiles()
})
after(async () => {
  await files.checkpoint.close()
  rmSync(files.folder, { recursive: true })
})

/** Token ids of a length, which begin with the `shared` first ones of all. */
function prompt(seed: number, length: number, shared: number) {
  const ids = (from: number, count: number) => {
    const random = seededRandom(from)
    return Array.from({ length: count }, () => Math.floor(random() * HYBRID_VOCAB))
  }
  return [tokens(...ids(1, shared), ...ids(100 + seed, length - shared))]
}

const SAMPLED = { ...GREEDY, temperature: 1, topLogprobs: 4 }

/** Long ones and short ones, some with one beginning, some several times, more than there is room for. */
const ASKS: readonly Partial<GenerateRequest>[] = [
  ...[0, 1, 2, 3].map((seed) => ({
    ...{ prompt: prompt(seed, 90 + 17 * seed, 70), maxTokens: 30 },
    sampling: { ...SAMPLED, seed },
  })),
  { prompt: prompt(5, 140, 0), maxTokens: 60, sampling: { ...SAMPLED, seed: 5 }, n: 3 },
  { prompt: prompt(6, 3, 0), maxTokens: 70, sampling: { ...SAMPLED, seed: 6 } },
  { prompt: prompt(7, 129, 128), maxTokens: 4, sampling: { ...SAMPLED, seed: 7 }, n: 2 },
  { prompt: prompt(8, 64, 64), maxTokens: 8, sampling: { ...SAMPLED, seed: 8 }, priority: 'batch' },
]

/** What a request was told, but for how it came about: choice by choice, tokens with their log probabilities. */
function told(events: readonly GenerationEvent[]) {
  const said: { choice: number; id?: number; what: object }[] = []
  for (const event of events) {
    if (event.type === 'token') said.push({ choice: event.choice, id: event.id, what: event })
    else if (event.type === 'finish')
      said.push({ choice: event.choice, what: { reason: event.reason } })
    else if (event.type === 'error') said.push({ choice: -1, what: event })
  }
  return said.toSorted((a, b) => a.choice - b.choice)
}

async function alone(session: DecoderSession, ask: Partial<GenerateRequest>) {
  const engine = new EngineDriver(session, { stepTokenBudget: 1000 })
  const id = engine.submit(ask)
  await engine.finish()
  return told(engine.events.get(id)!)
}

const BUSY = { maxRunning: MAX_RUNNING, stepTokenBudget: 40, prefixCacheBlocks: 100 }

for (const kvCacheType of ['f32', 'int8'] as const) {
  describe(`a recurrent decoder on native, ${kvCacheType} keys and values`, {
    skip: skipOf('native'),
  }, () => {
    const options: BackendOptions = { threads: 2, kvCacheBytes: 0, kvBlockSize: BLOCK_SIZE }
    /** With so many blocks, and the slots that they and the sequences that run at once have. */
    const open = async (blocks: number) => {
      const blockBytes = BLOCK_SIZE * kvPositionBytes(kvGeometry(hybridGraph()), kvCacheType)
      const kvCacheBytes =
        blocks * blockBytes + (2 * MAX_RUNNING + Math.floor(blocks / 32)) * STATE_BYTES
      return await nativeDecoder(files, {
        ...{ ...options, kvCacheBytes, kvCacheType },
        maxRunning: MAX_RUNNING,
      })
    }

    const expected = new Map<Partial<GenerateRequest>, ReturnType<typeof told>>()
    let roomy: DecoderSession
    before(async () => {
      roomy = await open(1000)
    })
    after(() => roomy.dispose())

    for (const [how, blocks] of [
      ['where everything has room', 1000],
      ['where blocks and states are short', 96],
    ] as const) {
      it(`says to each what it is told alone, ${how}`, async () => {
        const session = await open(blocks)
        const engine = new EngineDriver(session, { ...BUSY, prefixCacheBlocks: blocks })
        const ids: number[] = []
        for (const round of [0, 1])
          for (const ask of ASKS) {
            ids.push(engine.submit(ask))
            await engine.step(1 + round)
          }
        await engine.finish()
        for (const [i, id] of ids.entries()) {
          const ask = ASKS[i % ASKS.length]!
          const own = expected.get(ask) ?? (await alone(roomy, ask))
          expected.set(ask, own)
          assert.deepEqual(told(engine.events.get(id)!), own, `request ${i}`)
        }
        assert.deepEqual(engine.failures, [])
        const { preemptions, prefixHits, prefixEvictions, ...stats } = engine.core.takeStats()
        assert.ok(prefixHits > 0)
        assert.equal(preemptions > 0, blocks === 96, `${preemptions} preemptions`)
        assert.equal(prefixEvictions > 0, blocks === 96, `${prefixEvictions} evictions`)
        assert.deepEqual([stats.running, stats.waiting, stats.stateSlotsUsed], [0, 0, 0])
        engine.core.clearPrefixCache()
        assert.deepEqual([session.kv.blocksUsed, session.states!.slotsUsed], [0, 0])
        await session.dispose()
      })
    }

    it('reads a beginning that it knows from the last state before the difference', async () => {
      const session = await open(200)
      const engine = new EngineDriver(session, BUSY)
      await engine.answer({ prompt: prompt(1, 150, 140), maxTokens: 2 })
      const ask = { prompt: prompt(2, 150, 140), maxTokens: 12, sampling: { ...SAMPLED, seed: 3 } }
      const id = engine.submit(ask)
      await engine.finish()
      assert.equal(engine.cachedTokens(id), 2 * KEPT_EVERY)
      assert.deepEqual(told(engine.events.get(id)!), await alone(roomy, ask))
      await session.dispose()
    })
  })
}

describe('a recurrent decoder on the reference backend', () => {
  it('says the same in a batch, from the cache and alone', async () => {
    const session = await referenceDecoder(files, {
      ...{ threads: 1, kvCacheBytes: 2 << 20, kvBlockSize: BLOCK_SIZE, maxRunning: 3 },
    })
    const ids = (events: ReturnType<typeof told>) => events.map(({ choice, id }) => [choice, id])
    const asks = [
      { prompt: prompt(1, 80, 70), maxTokens: 6, sampling: { ...SAMPLED, seed: 1 }, n: 2 },
      { prompt: prompt(2, 75, 70), maxTokens: 6, sampling: { ...SAMPLED, seed: 2 } },
      { prompt: prompt(3, 9, 0), maxTokens: 6, sampling: { ...SAMPLED, seed: 3 } },
    ]
    const expected = []
    for (const ask of asks) expected.push(ids(await alone(session, ask)))
    const engine = new EngineDriver(session, { ...BUSY, maxRunning: 3 })
    const submitted = asks.map((ask) => engine.submit(ask))
    await engine.finish()
    assert.deepEqual(
      submitted.map((id) => ids(told(engine.events.get(id)!))),
      expected,
    )
    assert.equal(engine.cachedTokens(submitted[1]!), KEPT_EVERY)
    engine.core.clearPrefixCache()
    assert.deepEqual([session.kv.blocksUsed, session.states!.slotsUsed], [0, 0])
    await session.dispose()
  })
})
