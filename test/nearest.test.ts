import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { editDistance, nearest } from '../src/nearest.ts'

describe('edit distance', () => {
  it('counts insertions, deletions, substitutions and swapped neighbours', () => {
    assert.equal(editDistance('port', 'port'), 0)
    assert.equal(editDistance('prot', 'port'), 1)
    assert.equal(editDistance('por', 'port'), 1)
    assert.equal(editDistance('pork', 'port'), 1)
    assert.equal(editDistance('', 'port'), 4)
  })

  it('is symmetric, zero only for equal words, and never more than the longer word', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = editDistance(a, b)
        assert.equal(distance, editDistance(b, a))
        assert.equal(distance === 0, a === b)
        assert.ok(distance <= Math.max(a.length, b.length))
      }),
    )
  })
})

describe('the nearest word', () => {
  it('is the one a slip of the finger away', () => {
    assert.equal(nearest('sevre', ['serve', 'ask', 'doctor']), 'serve')
    assert.equal(nearest('MaxRunning', ['maxRunning', 'maxWaiting']), 'maxRunning')
  })

  it('is none when nothing is close', () => {
    assert.equal(nearest('banana', ['serve', 'ask', 'doctor']), undefined)
    assert.equal(nearest('x', ['n', 'top_k']), undefined)
    assert.equal(nearest('', ['n']), undefined)
  })
})
