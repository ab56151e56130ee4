import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { request, tokenRun } from '../support/engine-driver.ts'
import { PagedToyDecoder } from '../support/paged-toy-decoder.ts'
import { propertyRuns } from '../support/property-runs.ts'
import {
  actions,
  asks,
  BLOCK_SIZE,
  MAX_POSITIONS,
  machines,
} from '../support/schedule-arbitrary.ts'
import { NOTHING_HAPPENED, ScheduleRun } from '../support/schedule-run.ts'
import { ToyDecoder } from '../support/toy-decoder.ts'

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
    test.diagnostic(JSON.stringify(happened))
    for (const [what, times] of Object.entries(happened)) assert.ok(times > 0, `no ${what}`)
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
