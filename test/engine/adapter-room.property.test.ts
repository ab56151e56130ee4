/** Random requests for random adapters, of which few may be loaded: each gets the answer that it gets alone, and nothing is shared. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { AdapterRoom, type EngineAdapter } from '../../src/engine/adapter-room.ts'
import type { PreparedAdapter } from '../../src/engine/backend.ts'
import type { WantedAdapter } from '../../src/engine/prepare-adapter.ts'
import { AerieError } from '../../src/errors.ts'
import { AdaptedToyDecoder, toyAdapter } from '../support/adapted-toy-decoder.ts'
import { EngineDriver, tokenRun } from '../support/engine-driver.ts'
import { propertyRuns } from '../support/property-runs.ts'

/** Name → content and bytes; the last one cannot be loaded. */
const ADAPTERS: readonly (EngineAdapter & { readonly content: number })[] = [1, 2, 3, 4].map(
  (content) => ({
    ...{ name: `a${content}`, folder: '', digest: `${content}`.repeat(64), content },
    bytes: content * 10,
  }),
)
const BROKEN = 'a4'
/** The same content under another name would share blocks, and may. */
const MOST_BYTES = 50

const asks = fc.array(
  fc.record({
    adapter: fc.constantFrom(undefined, 'a1', 'a2', 'a2', 'a3', BROKEN),
    prompt: fc.integer({ min: 1, max: 14 }),
    maxTokens: fc.integer({ min: 1, max: 10 }),
    n: fc.constantFrom(1, 1, 1, 3),
    priority: fc.constantFrom('live' as const, 'batch' as const),
    /** Steps before it comes, and after which it is given up. */
    after: fc.integer({ min: 0, max: 6 }),
    abortedAfter: fc.constantFrom(undefined, undefined, undefined, 1, 5),
  }),
  { minLength: 1, maxLength: 12, size: 'medium' },
)
type Ask = typeof asks extends fc.Arbitrary<(infer A)[]> ? A : never

/** A batch that has no room held back what was loaded for the live requests, evicted it, and they loaded it again, for ever. */
const LIVE_BEHIND_A_BATCH: Ask[] = ([BROKEN, 'a3', 'a2', 'a3', undefined] as const).map(
  (adapter, i) => ({
    ...{ adapter, prompt: 1, maxTokens: 1, n: 1, abortedAfter: undefined },
    ...{ priority: i === 0 ? 'batch' : 'live', after: i === 2 ? 1 : 0 },
  }),
)

interface Pending {
  readonly source: WantedAdapter
  readonly settle: () => void
}

/** An engine whose loads end when the test says so. */
function engine(maxLoaded: number) {
  const session = new AdaptedToyDecoder({ blockSize: 4, blocksTotal: 24 })
  const pending: Pending[] = []
  let now = 0
  const room = new AdapterRoom({
    ...{ session: session.adapters, adapters: ADAPTERS, maxLoaded, maxBytes: MOST_BYTES },
    loader: {
      load: (source) => {
        const { promise, resolve, reject } = Promise.withResolvers<PreparedAdapter>()
        const { content } = ADAPTERS.find(({ name }) => name === source.name)!
        const fails = () => reject(new AerieError('invalid_package', `${source.name} is broken`))
        const settle = source.name === BROKEN ? fails : () => resolve(toyAdapter(content))
        pending.push({ source, settle })
        return promise
      },
      dispose: async () => {},
    },
    now: () => now++,
    onNews: () => {},
  })
  const driver = new EngineDriver(session, { adapters: room, prefixCacheBlocks: 12, maxRunning: 3 })
  return { session, room, driver, pending }
}

/** What a request is answered on an engine of its own. */
const alone = new Map<string, Promise<number[][]>>()
function answersAlone({ adapter, prompt, maxTokens, n }: Ask): Promise<number[][]> {
  const key = [adapter, prompt, maxTokens, n].join()
  const known = alone.get(key)
  if (known) return known
  const answers = (async () => {
    const { driver, pending } = engine(1)
    const id = driver.submit({ ...asked({ adapter, prompt, maxTokens, n }) })
    await driver.step()
    for (const { settle } of pending) settle()
    await turn()
    await driver.finish()
    return Array.from({ length: n }, (_, choice) => driver.ids(id, choice))
  })()
  alone.set(key, answers)
  return answers
}

const asked = ({
  adapter,
  prompt,
  maxTokens,
  n,
}: Pick<Ask, 'adapter' | 'prompt' | 'maxTokens' | 'n'>) => ({
  ...{ prompt: [tokenRun(prompt)], maxTokens, n },
  sampling: SAMPLED,
  ...(adapter !== undefined && { adapter }),
})

const SAMPLED = {
  ...{ temperature: 1, topP: 1, topK: 0, minP: 0, repetitionPenalty: 1, presencePenalty: 0 },
  ...{ frequencyPenalty: 0, logitBias: new Map(), seed: 5, topLogprobs: undefined },
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('an engine with more adapters than it may load', () => {
  it('answers each request as alone, never under another adapter or from its blocks', async (test) => {
    const happened = { evictions: 0, hits: 0, waits: 0, failures: 0, aborts: 0 }
    await fc.assert(
      fc.asyncProperty(
        asks,
        fc.constantFrom(1, 2),
        fc.nat(3),
        async (script, maxLoaded, slowness) => {
          const { session, room, driver, pending } = engine(maxLoaded)
          const submitted: { readonly id: number; readonly ask: Ask; at: number }[] = []
          const waiting = [...script]
          const aborted = new Set<number>()
          for (let step = 0; ; step++) {
            assert.ok(step < 5000, 'the engine does not come to an end')
            while (waiting[0] && waiting[0].after <= step) {
              const ask = waiting.shift()!
              const { priority } = ask
              submitted.push({ id: driver.submit({ ...asked(ask), priority }), ask, at: step })
            }
            for (const { id, ask, at } of submitted)
              if (
                ask.abortedAfter !== undefined &&
                step === at + ask.abortedAfter &&
                driver.endings(id).length === 0
              ) {
                driver.core.send({ type: 'abort', id })
                aborted.add(id)
              }
            if (pending.length > 0 && step % (slowness + 1) === 0) {
              pending.shift()!.settle()
              await turn()
            }
            if (driver.core.hasWork) await driver.step()
            else if (waiting.length === 0 && pending.length === 0) break
            const { loaded, loading, bytes, waiting: parked } = room.stats()
            assert.ok(loaded.length + loading <= maxLoaded && bytes <= MOST_BYTES)
            assert.equal(session.loaded.size, loaded.length)
            happened.waits += parked
            session.assertConsistent()
          }
          const { evictions, failures, waiting: left } = room.stats()
          assert.equal(left, 0, 'somebody waits for ever')
          for (const { id, ask } of submitted) {
            if (aborted.has(id)) continue
            if (ask.adapter === BROKEN) {
              assert.deepEqual(driver.endings(id), ['invalid_package'])
              continue
            }
            const answers = Array.from({ length: ask.n }, (_, choice) => driver.ids(id, choice))
            assert.deepEqual(answers, await answersAlone(ask), JSON.stringify(ask))
            if (driver.cachedTokens(id)! > 0) happened.hits++
          }
          assert.deepEqual(driver.failures, [])
          happened.evictions += evictions
          happened.failures += failures
          happened.aborts += aborted.size
        },
      ),
      // A case runs a dozen requests.
      { ...propertyRuns(100, test, 1 / 20), examples: [[LIVE_BEHIND_A_BATCH, 2, 1]] },
    )
    test.diagnostic(JSON.stringify(happened))
    for (const [what, count] of Object.entries(happened)) assert.ok(count > 0, `no ${what}`)
  })

  it('takes nothing of another adapter from the prefix cache, and all of its own', async () => {
    const { driver, pending } = engine(2)
    const ask = async (adapter: Ask['adapter']) => {
      const id = driver.submit(asked({ adapter, prompt: 13, maxTokens: 1, n: 1 }))
      await driver.step()
      for (const { settle } of pending.splice(0)) settle()
      await turn()
      await driver.finish()
      return driver.cachedTokens(id)
    }
    assert.deepEqual(
      [await ask(undefined), await ask('a1'), await ask('a2'), await ask('a3')],
      [0, 0, 0, 0],
    )
    // a1 was evicted meanwhile, and is the same adapter when it comes back.
    assert.deepEqual([await ask(undefined), await ask('a1'), await ask('a3')], [12, 12, 12])
  })
})
