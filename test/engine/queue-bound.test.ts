import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { QueueBound } from '../../src/engine/queue-bound.ts'
import { AerieError } from '../../src/errors.ts'

/** Seconds that a refused request is told to wait. */
function retryAfter(bound: QueueBound, count = 1): number {
  try {
    bound.enter(count)
  } catch (error) {
    assert.ok(error instanceof AerieError && error.code === 'queue_full')
    return error.retryAfterSeconds!
  }
  return assert.fail('entered a full queue')
}

describe('the bound of a queue', () => {
  it('takes all places of a request or none', () => {
    const bound = new QueueBound(2, 2, () => 0)
    bound.enter(3)
    retryAfter(bound, 2)
    assert.equal(bound.inFlight, 3)
    bound.enter(1)
    bound.leave(4)
    assert.equal(bound.inFlight, 0)
  })

  it('refuses no live request for the places of batch ones, and batch requests for those of all', () => {
    const bound = new QueueBound(2, 2, () => 0)
    bound.enter(4, 'batch')
    assert.throws(() => bound.enter(1, 'batch'), { code: 'queue_full' })
    bound.enter(4, 'live')
    retryAfter(bound)
    bound.leave(4, 'batch')
    assert.throws(() => bound.enter(1, 'batch'), { code: 'queue_full' })
    bound.leave(1, 'live')
    bound.enter(1, 'batch')
    assert.equal(bound.inFlight, 4)
  })

  it('lets a request of any size enter when nothing else is there', () => {
    const bound = new QueueBound(2, 2, () => 0)
    bound.enter(9)
    retryAfter(bound)
  })

  it('says when those who wait will have started, at the rate of late', () => {
    let now = 0
    const bound = new QueueBound(2, 6, () => now)
    bound.enter(8)
    // One leaves every 3 s, and is followed by another.
    for (let i = 0; i < 40; i++) {
      now += 3000
      bound.leave(1)
      bound.enter(1)
    }
    // 6 wait, 3 s each; the window of 32 departures opens at the oldest of them.
    assert.equal(retryAfter(bound), Math.ceil((6 * 3 * 31) / 32))
    // A rate that has dried up counts too.
    now += 320_000
    assert.equal(retryAfter(bound), 60)
  })

  it('takes no idle time for work', () => {
    let now = 0
    const bound = new QueueBound(2, 6, () => now)
    for (let i = 0; i < 40; i++) {
      bound.enter(1)
      now += 2000
      bound.leave(1)
      now += 3_600_000
    }
    bound.enter(8)
    // 6 wait, two run at a time, 2 s each; again the window opens at the oldest departure.
    assert.equal(retryAfter(bound), Math.ceil((6 * 2 * 31) / 32 / 2))
  })

  it('guesses before anything has left, and stays between 1 s and 60 s', () => {
    let now = 0
    const bound = new QueueBound(1, 1, () => now)
    bound.enter(2)
    assert.equal(retryAfter(bound), 2)
    bound.leave(1)
    bound.enter(1)
    assert.equal(retryAfter(bound), 1)
    now = 1e9
    assert.equal(retryAfter(bound), 60)
  })
})
