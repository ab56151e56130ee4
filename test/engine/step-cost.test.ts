import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StepCost } from '../../src/engine/step-cost.ts'
import { seededRandom } from '../support/seeded-random.ts'

/** Learns from steps of 1 to 8 positions that take `base + each · positions`, give or take a tenth. */
function learned(base: number, each: number): StepCost {
  const random = seededRandom(3)
  const cost = new StepCost()
  for (let i = 0; i < 300; i++) {
    const positions = 1 + Math.floor(random() * 8)
    cost.observe(positions, (base + each * positions) * (0.9 + 0.2 * random()))
  }
  return cost
}

const near = (got: number, expected: number, by: number) =>
  assert.ok(Math.abs(got - expected) < by, `${got}, expected ${expected} ± ${by}`)

describe('what another position of a step costs', () => {
  it('is learned from the time that steps take', () => {
    near(learned(9, 1).price(1), 0.1, 0.03)
    near(learned(5, 5).price(1), 0.5, 0.1)
  })

  it('is what the step’s own tokens could have been made in: more, the more rows there are', () => {
    const cost = learned(9, 1)
    // 8 rows take 17: eight seventeenths of a token in the time of one position.
    near(cost.price(8), 8 / 17, 0.1)
    assert.ok(cost.price(1) < cost.price(2) && cost.price(2) < cost.price(16))
    assert.ok(cost.price(1000) <= 1)
  })

  it('is never nothing, and never more than a whole step', () => {
    assert.ok(learned(10, 0).price(1) >= 0.02)
    assert.equal(learned(-5, 20).price(1), 1)
  })

  it('does not take a step that was held up for one that costs more', () => {
    const cost = learned(9, 1)
    const before = cost.price(1)
    cost.observe(8, 5000)
    near(cost.price(1), before, 0.08)
  })

  it('comes back to what it was before anything was known where nothing more is learned', () => {
    const first = new StepCost().price(1)
    const cost = learned(-5, 20)
    assert.equal(cost.price(1), 1)
    // A price of 1 stops all guessing, so every step has one position from here on.
    for (let i = 0; i < 400; i++) cost.observe(1, 15)
    const some = cost.price(1)
    assert.ok(some > first && some < 1, String(some))
    for (let i = 0; i < 1500; i++) cost.observe(1, 15)
    near(cost.price(1), first, 0.01)
  })

  it('stays what it was where steps are all alike, or no clock runs', () => {
    const cost = new StepCost()
    const first = cost.price(1)
    for (let i = 0; i < 100; i++) cost.observe(1, 10 + (i % 3))
    assert.equal(cost.price(1), first)
    for (let i = 0; i < 100; i++) cost.observe(1 + (i % 8), 0)
    assert.equal(cost.price(1), first)
  })
})
