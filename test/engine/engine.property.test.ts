/** The engine with its worker and its bounded queue, under random clients. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import type { Engine, GenerationEvent } from '../../src/engine/types.ts'
import { AerieError } from '../../src/errors.ts'
import { request, tokenRun } from '../support/engine-driver.ts'
import { propertyRuns } from '../support/property-runs.ts'
import { collect, startToyEngine, until } from '../support/toy-engine.ts'

const LIMITS = { maxRunning: 3, maxWaiting: 4 }
const PLACES = LIMITS.maxRunning + LIMITS.maxWaiting
const NEVER = new AbortController().signal

const clients = fc.array(
  fc.record({
    prompt: fc.integer({ min: 1, max: 20 }),
    maxTokens: fc.integer({ min: 1, max: 12 }),
    n: fc.constantFrom(1, 1, 2, 4),
    priority: fc.constantFrom('live' as const, 'batch' as const),
    deadlineMs: fc.constantFrom(1e9, 1e9, 3),
    /** Milliseconds after the client before, and after which it leaves if it has no answer. */
    comesAfter: fc.constantFrom(0, 0, 0, 1, 3),
    leavesAfter: fc.constantFrom(undefined, undefined, 0, 1, 4),
  }),
  { minLength: 1, maxLength: 16, size: 'medium' },
)

type Client = typeof clients extends fc.Arbitrary<(infer C)[]> ? C : never

describe('an engine among random clients', () => {
  let engine: Engine
  before(async () => {
    engine = await startToyEngine({ blocksTotal: 24 }, { ...LIMITS, prefixCacheBlocks: 8 })
  })
  after(() => engine.dispose())

  it('refuses or ends each of them once, and has every place and block back', async (test) => {
    const ends = { whole: 0, refused: 0, left: 0, overdue: 0 }
    await fc.assert(
      fc.asyncProperty(clients, async (script) => {
        const visits: Promise<keyof typeof ends>[] = []
        for (const client of script) {
          if (client.comesAfter > 0) await delay(client.comesAfter)
          visits.push(visit(engine, client))
        }
        for (const end of await Promise.all(visits)) ends[end]++
        await until(() => {
          const { running, waiting, kvBlocksUsed } = engine.stats()
          return running === 0 && waiting === 0 && kvBlocksUsed === 0
        })
        // All places are free: a first one enters in any case, and so do as many as fill the rest.
        const fill = [1, PLACES - 1].map((n) => collect(engine.generate(ask({ n }), NEVER)))
        assert.throws(() => engine.generate(ask({ n: 1 }), NEVER), { code: 'queue_full' })
        await Promise.all(fill)
      }),
      // Each case takes the time of its clients.
      propertyRuns(40, test, 1 / 20),
    )
    test.diagnostic(JSON.stringify(ends))
    assert.ok(ends.whole > 0 && ends.refused > 0 && ends.left > 0, JSON.stringify(ends))
  })
})

const ask = (changes: Parameters<typeof request>[0]) => request({ maxTokens: 2, ...changes })

/** How it ended for one client; asserts that it did so once, and in order. */
async function visit(
  engine: Engine,
  { prompt, leavesAfter, comesAfter: _, ...rest }: Client,
): Promise<'whole' | 'refused' | 'left' | 'overdue'> {
  const leave = new AbortController()
  let generation: ReturnType<Engine['generate']>
  try {
    generation = engine.generate(request({ ...rest, prompt: [tokenRun(prompt)] }), leave.signal)
  } catch (error) {
    assert.ok(error instanceof AerieError && error.code === 'queue_full', String(error))
    assert.ok(error.retryAfterSeconds! >= 1)
    return 'refused'
  }
  const timer = leavesAfter === undefined ? undefined : setTimeout(() => leave.abort(), leavesAfter)
  const events: GenerationEvent[] = []
  try {
    for await (const event of generation) events.push(event)
  } catch (error) {
    assert.ok(error instanceof AerieError && error.code === 'cancelled', String(error))
    assert.ok(leave.signal.aborted)
    return 'left'
  } finally {
    clearTimeout(timer)
  }
  const finishes = events.filter(({ type }) => type === 'finish')
  const errors = events.flatMap((event) => (event.type === 'error' ? [event.error.code] : []))
  if (errors.length === 0) {
    assert.equal(finishes.length, rest.n)
    assert.equal(new Set(finishes.map((event) => 'choice' in event && event.choice)).size, rest.n)
    return 'whole'
  }
  assert.deepEqual(errors, ['deadline_exceeded'])
  assert.equal(events.at(-1)!.type, 'error')
  return 'overdue'
}
