import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Cut, cutByCount, cutBySum } from '../../src/engine/selection.ts'

/** What a cut keeps, by its definition. */
function kept(values: readonly number[], { threshold, ties }: Cut): number[] {
  let left = ties
  return values.filter((value) => value > threshold || (value === threshold && left-- > 0))
}

// Few distinct values, so that ties are common.
const values = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 60 })

describe('quickselect cuts', () => {
  it('by count keep the largest, exactly so many', () => {
    fc.assert(
      fc.property(values, fc.nat(), (xs, n) => {
        const count = 1 + (n % xs.length)
        const cut = cutByCount(Float64Array.from(xs), xs.length, count)
        const expected = [...xs].sort((a, b) => b - a).slice(0, count)
        assert.deepEqual(
          kept(xs, cut).sort((a, b) => b - a),
          expected,
        )
      }),
      { numRuns: 500 },
    )
  })

  it('by sum keep the fewest largest that reach it', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 0, max: 1000 }), (xs, permille) => {
        const total = xs.reduce((a, b) => a + b, 0)
        const target = (total * permille) / 1000
        const cut = cutBySum(Float64Array.from(xs), xs.length, target)
        const sorted = [...xs].sort((a, b) => b - a)
        let sum = 0
        const expected: number[] = []
        do {
          sum += sorted[expected.length]!
          expected.push(sorted[expected.length]!)
        } while (sum < target)
        assert.deepEqual(
          kept(xs, cut).sort((a, b) => b - a),
          expected,
        )
      }),
      { numRuns: 500 },
    )
  })

  it('looks only at the first n values', () => {
    assert.deepEqual(cutByCount(Float64Array.of(1, 2, 99), 2, 1), { threshold: 2, ties: 1 })
  })

  it('keep everything when rounding leaves the whole short of the sum', () => {
    const { threshold } = cutBySum(Float64Array.of(0.1, 0.2), 2, 0.3 + 1e-9)
    assert.ok(threshold < 0.1)
  })

  it('stay linear on sorted and constant input', () => {
    const n = 200_000
    const sorted = Float64Array.from({ length: n }, (_, i) => i)
    assert.deepEqual(cutByCount(sorted, n, 10), { threshold: n - 10, ties: 1 })
    const same = new Float64Array(n).fill(0.5)
    assert.deepEqual(cutBySum(same, n, 1000), { threshold: 0.5, ties: 2000 })
  })
})
