/** Figures of all models together. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { LoadedModel } from '../../src/serving/contract.ts'
import { ModelTotals } from '../../src/serving/model-totals.ts'

/** The part of an engine's and an encoder's figures that stands for the rest. */
const model = (engine: object, encoder?: object) =>
  ({ stats: () => ({ engine, encoder, speech: undefined }) }) as unknown as Pick<
    LoadedModel,
    'stats'
  >

it('counters go on when a model goes, and what is of the moment goes with it', () => {
  const totals = new ModelTotals()
  const a = model({ running: 2, steps: 10, kvCacheType: 'f16', batchSizes: [1, 2] })
  const b = model({ running: 1, steps: 5, kvCacheType: 'f32', batchSizes: [3] })
  const both = totals.of([a, b]).engine as unknown as Record<string, unknown>
  assert.deepEqual([both['running'], both['steps'], both['batchSizes']], [3, 15, [1, 2, 3]])
  totals.retire(a)
  const one = totals.of([b]).engine as unknown as Record<string, unknown>
  assert.deepEqual([one['running'], one['steps'], one['batchSizes']], [1, 15, [1, 2, 3]])
  // A list is of what happened since the last look.
  const none = totals.of([]).engine as unknown as Record<string, unknown>
  assert.deepEqual([none['running'], none['steps'], none['batchSizes']], [0, 10, []])
})

it('the folder of features is one, whichever model looks at it', () => {
  const totals = new ModelTotals()
  const disk = (hits: number, bytes: number) => ({ disk: { hits, bytes, maxBytes: 100 } })
  const found = totals.of([model({}, disk(1, 60)), model({}, disk(2, 50))]).encoder
  assert.deepEqual(found?.disk, { hits: 3, bytes: 60, maxBytes: 100 })
})

it('a part that no model has is not there', () => {
  assert.equal(new ModelTotals().of([model({ steps: 1 })]).encoder, undefined)
})
