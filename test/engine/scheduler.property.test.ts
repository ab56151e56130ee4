import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import fc from 'fast-check'
import { EngineDriver, request, tokenRun } from '../support/engine-driver.ts'
import { PagedToyDecoder } from '../support/paged-toy-decoder.ts'
import { propertyRuns } from '../support/property-runs.ts'
import { RecurrentToyDecoder } from '../support/recurrent-toy-decoder.ts'
import {
  actions,
  asks,
  BLOCK_SIZE,
  MAX_POSITIONS,
  machines,
  NO_DEADLINE,
} from '../support/schedule-arbitrary.ts'
import { type Happened, NOTHING_HAPPENED, ScheduleRun } from '../support/schedule-run.ts'
import { ToyDecoder } from '../support/toy-decoder.ts'

/** What a sequence takes while it runs, up to more than there can be. */
const states = fc.record({
  slots: fc.integer({ min: 2, max: 24 }),
  blocksBetweenStates: fc.integer({ min: 1, max: 3 }),
})

/** What is tried too seldom is not tried; `never` is what must not happen. */
function assertHappened(test: TestContext, happened: Happened, never: (keyof Happened)[]): void {
  test.diagnostic(JSON.stringify(happened))
  for (const [what, times] of Object.entries(happened))
    assert.equal(times > 0, !never.includes(what as keyof Happened), `${times} ${what}`)
}

/** One that reads its own blocks and scrubs them when they are freed, and one over the KV cache of the backends. */
const decoders = fc.constantFrom(ToyDecoder, PagedToyDecoder)

describe('any schedule of submissions, aborts, stops and deadlines', () => {
  it('leaks no block, ends every request once, in turn, and never changes a text', async (test) => {
    const happened = { ...NOTHING_HAPPENED }
    await fc.assert(
      fc.asyncProperty(decoders, machines, actions, async (Decoder, machine, script) => {
        const { blocksTotal } = machine
        const maxContext = MAX_POSITIONS
        const decoder = new Decoder({ blockSize: BLOCK_SIZE, blocksTotal, maxContext })
        const run = new ScheduleRun(decoder, machine, happened)
        await run.play(script)
        await run.finish()
      }),
      propertyRuns(500, test),
    )
    assertHappened(test, happened, ['fullSlots', 'waitsForSlots'])
  })

  it('leaks no state of a recurrent decoder, and never changes a text either', async (test) => {
    const happened = { ...NOTHING_HAPPENED }
    await fc.assert(
      fc.asyncProperty(states, machines, actions, async (slots, machine, script) => {
        const { blocksTotal } = machine
        const decoder = new RecurrentToyDecoder({
          ...{ blockSize: BLOCK_SIZE, blocksTotal, maxContext: MAX_POSITIONS },
          ...slots,
        })
        const run = new ScheduleRun(decoder, machine, happened)
        await run.play(script)
        await run.finish()
        assert.deepEqual(run.engine.failures, [])
      }),
      propertyRuns(300, test),
    )
    assertHappened(test, happened, ['drafted', 'accepted'])
  })
})

/** Read by some requests, whose step the backend then fails. */
const BAD_TOKEN = 63

describe('any requests on a backend that fails now and then', () => {
  it('each end once, and leave no block and no state', async (test) => {
    const ends = { whole: 0, failed: 0 }
    await fc.assert(
      fc.asyncProperty(states, machines, fc.array(asks), async (slots, machine, all) => {
        const decoder = new RecurrentToyDecoder({
          ...{ blockSize: BLOCK_SIZE, blocksTotal: machine.blocksTotal },
          ...{ maxContext: MAX_POSITIONS, failOn: BAD_TOKEN, ...slots },
        })
        const engine = new EngineDriver(decoder, machine)
        const ids: number[] = []
        for (const ask of all) {
          ids.push(engine.submit({ ...ask, deadlineMs: NO_DEADLINE }))
          await engine.step()
          decoder.assertConsistent()
        }
        await engine.finish()
        for (const [i, id] of ids.entries()) {
          const endings = engine.endings(id)
          const hasFailed = endings.at(-1) === 'backend_failure'
          assert.equal(endings.filter((how) => how === 'backend_failure').length, hasFailed ? 1 : 0)
          if (!hasFailed) assert.equal(endings.length, all[i]!.n)
          ends[hasFailed ? 'failed' : 'whole']++
        }
        for (const { message } of engine.failures) assert.match(message, /told to fail/)
        engine.core.clearPrefixCache()
        assert.deepEqual([decoder.kv.blocksUsed, decoder.states!.slotsUsed], [0, 0])
      }),
      propertyRuns(100, test),
    )
    test.diagnostic(JSON.stringify(ends))
    assert.ok(ends.whole > 0 && ends.failed > 0)
  })
})

describe('a batch request among live ones that never cease', () => {
  it('has its turn when its patience is over and those before it are done', async (test) => {
    const streams = fc.array(asks, { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(machines, streams, fc.nat(6), async (machine, live, start) => {
        const patience = Math.min(machine.batchPatienceMs, 60)
        const decoder = new ToyDecoder({
          blockSize: BLOCK_SIZE,
          blocksTotal: machine.blocksTotal,
          maxContext: MAX_POSITIONS,
        })
        const run = new ScheduleRun(
          decoder,
          { ...machine, batchPatienceMs: patience },
          { ...NOTHING_HAPPENED },
        )
        let batch: number | undefined
        // Everybody before it alone on the machine, a position a step, is the longest that it can take.
        const longest = (start + patience + 2) * MAX_POSITIONS * 5 + MAX_POSITIONS
        for (let steps = 0; batch === undefined || !run.hasEnded(batch); steps++) {
          assert.ok(steps < longest, 'it starves')
          run.submit({ ...live[steps % live.length]!, priority: 'live' })
          if (steps === start) {
            batch = run.submit(request({ prompt: [tokenRun(9)], maxTokens: 6, priority: 'batch' }))
          }
          await run.step()
        }
      }),
      propertyRuns(20, test, 1 / 100),
    )
  })
})
