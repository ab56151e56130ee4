import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { philox4x32, TokenRandom } from '../../src/engine/random.ts'

describe('random numbers', () => {
  it('are Philox 4x32-10: known answers of the Random123 distribution', () => {
    assert.deepEqual(
      philox4x32([0, 0, 0, 0], [0, 0]),
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    )
    const ones = 0xffffffff
    assert.deepEqual(
      philox4x32([ones, ones, ones, ones], [ones, ones]),
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    )
    assert.deepEqual(
      philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    )
  })

  it('depend on seed and position and on nothing else', () => {
    const once = new TokenRandom(7n, 0)
    const again = new TokenRandom(7n, 0)
    again.uniform(3)
    assert.equal(once.uniform(0), again.uniform(0))
    assert.notEqual(once.uniform(0), once.uniform(1))
    assert.notEqual(once.uniform(0), new TokenRandom(8n, 0).uniform(0))
  })

  it('give choice i of seed s the draws of choice 0 of seed s + i', () => {
    assert.equal(new TokenRandom(7n, 3).uniform(5), new TokenRandom(10n, 0).uniform(5))
    assert.equal(new TokenRandom(-1n, 1).uniform(5), new TokenRandom(0n, 0).uniform(5))
  })

  it('are uniform in [0, 1)', () => {
    const random = new TokenRandom(1n, 0)
    const buckets = new Array<number>(10).fill(0)
    for (let i = 0; i < 10_000; i++) {
      const u = random.uniform(i)
      assert.ok(u >= 0 && u < 1)
      buckets[Math.floor(u * 10)]!++
    }
    // 1000 each; five standard deviations are 150.
    for (const count of buckets) assert.ok(Math.abs(count - 1000) < 150, `${buckets}`)
  })
})
