import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type CacheDemand, divideCache } from '../../../src/engine/backends/cache-division.ts'

const MiB = 2 ** 20
/** About Hymba-1.5B: states of 7.8 MB, and blocks of sixteen positions. */
const HYBRID: CacheDemand = {
  ...{ bytes: 1024 * MiB, maxRunning: 16 },
  ...{ blockBytes: 320 << 10, stateBytes: 32 * 3200 * (3 + 16) * 4 },
}

describe('the memory of a cache', () => {
  it('is for blocks alone where there are no states', () => {
    assert.deepEqual(divideCache({ ...HYBRID, stateBytes: 0 }), {
      kvBytes: 1024 * MiB,
      slots: 0,
    })
  })

  it('has two states for each sequence that runs, and one for every 32 blocks besides', () => {
    for (const maxRunning of [1, 4, 16]) {
      const { kvBytes, slots } = divideCache({ ...HYBRID, maxRunning })
      assert.equal(kvBytes + slots * HYBRID.stateBytes, HYBRID.bytes)
      const blocks = Math.floor(kvBytes / HYBRID.blockBytes)
      const kept = slots - 2 * maxRunning
      const missing = blocks / 32 - kept
      assert.ok(missing >= 0 && missing < 2, `${kept} kept states, ${blocks} blocks`)
    }
  })

  it('of 1 GiB is 77 states and 1 448 blocks for sixteen sequences of that size', () => {
    const { kvBytes, slots } = divideCache(HYBRID)
    assert.deepEqual([slots, Math.floor(kvBytes / HYBRID.blockBytes)], [77, 1448])
  })

  it('is not for more than half for sequences that run: fewer run then', () => {
    const { kvBytes, slots } = divideCache({ ...HYBRID, bytes: 128 * MiB })
    // Eight are in half of it; the prefixes in the other half have three.
    assert.equal(slots, 11)
    assert.ok(kvBytes > 40 * MiB)
  })

  it('is refused where half does not hold the states of one sequence', () => {
    const least = 4 * HYBRID.stateBytes
    assert.ok(divideCache({ ...HYBRID, bytes: least }).slots >= 2)
    assert.throws(() => divideCache({ ...HYBRID, bytes: least - 1 }), {
      code: 'invalid_config',
      message: /^kvCacheBytes \d+: half of it does not hold the two recurrent states, of 7782400 b/,
    })
  })
})
