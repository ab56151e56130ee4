import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { broadcast, productOf, resolveDim, resolveShape } from '../../../models/graph/shape.ts'

describe('shapes', () => {
  it('have products in one normal form', () => {
    assert.equal(productOf([2, 3, 4]), 24)
    assert.equal(productOf([]), 1)
    assert.equal(productOf(['steps', 'batch']), 'batch*steps')
    assert.equal(productOf([4, 'tiles', 2]), '8*tiles')
    assert.equal(productOf(['2*tiles', 'batch*steps', 3]), '6*batch*steps*tiles')
    assert.equal(productOf([0, 'tiles']), 0)
  })

  it('get numbers from the names that a run binds', () => {
    const bindings = new Map([
      ['batch', 2],
      ['steps', 5],
    ])
    assert.deepEqual(resolveShape(['batch', 7, '3*batch*steps'], bindings), [2, 7, 30])
    assert.throws(() => resolveDim('tiles', bindings), {
      message: 'dimension "tiles" has no value',
    })
  })

  it('broadcast as in NumPy', () => {
    assert.deepEqual(broadcast(['tiles', 4, 5], [5]), ['tiles', 4, 5])
    assert.deepEqual(broadcast([3, 1, 5], [4, 1]), [3, 4, 5])
    assert.deepEqual(broadcast([1], ['batch', 2]), ['batch', 2])
    assert.equal(broadcast(['tiles', 4], ['batch', 4]), undefined)
    assert.equal(broadcast([2, 3], [2]), undefined)
  })
})
