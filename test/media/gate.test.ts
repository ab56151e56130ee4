import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { ByteBudget } from '../../src/media/byte-budget.ts'
import { Gate, type Pass } from '../../src/media/gate.ts'
import { NEVER } from './pictures.ts'

function gate({ slots = 2, maxWaiting = 10, max = 100 } = {}) {
  const budget = new ByteBudget(max)
  return { budget, gate: new Gate({ slots, maxWaiting, budget }) }
}

const entry = (bytes: number, mayExceed = false, signal = NEVER) => ({ bytes, mayExceed, signal })

function end(pass: Pass): void {
  pass.claim.release()
  pass.leave()
}

/** What has been let in so far, in order. */
function watch(entries: readonly Promise<Pass>[]): { inside: number[]; passes: Pass[] } {
  const seen: { inside: number[]; passes: Pass[] } = { inside: [], passes: [] }
  entries.forEach((promise, i) => {
    promise.then(
      (pass) => {
        seen.inside.push(i)
        seen.passes.push(pass)
      },
      () => seen.inside.push(-1 - i),
    )
  })
  return seen
}

describe('a gate', () => {
  it('lets in as many as it has slots, then one for each that leaves, in order', async () => {
    const { gate: door } = gate()
    const seen = watch([1, 1, 1, 1].map((bytes) => door.enter(entry(bytes))))
    await turn()
    assert.deepEqual(seen.inside, [0, 1])
    assert.deepEqual([door.inside, door.waiting], [2, 2])
    end(seen.passes[1]!)
    await turn()
    assert.deepEqual(seen.inside, [0, 1, 2])
    end(seen.passes[1]!)
    await turn()
    assert.deepEqual(seen.inside, [0, 1, 2], 'leaving twice is leaving once')
  })

  it('refuses with queue_full and a time when too many wait', async () => {
    const { gate: door } = gate({ slots: 1, maxWaiting: 1 })
    const first = await door.enter(entry(1))
    const second = door.enter(entry(1))
    await assert.rejects(door.enter(entry(1)), (error: Error & { retryAfterSeconds?: number }) => {
      assert.equal('code' in error && error.code, 'queue_full')
      assert.ok(Number.isInteger(error.retryAfterSeconds) && error.retryAfterSeconds! >= 1)
      return true
    })
    end(first)
    end(await second)
  })

  it('lets nobody wait when it may not', async () => {
    const { gate: door } = gate({ slots: 1, maxWaiting: 0 })
    const pass = await door.enter(entry(1))
    await assert.rejects(door.enter(entry(1)), { code: 'queue_full' })
    end(pass)
    end(await door.enter(entry(1)))
  })

  it('makes bytes wait while others will give some back, and keeps the order', async () => {
    const { gate: door } = gate({ slots: 5 })
    const seen = watch([60, 60, 10].map((bytes) => door.enter(entry(bytes))))
    await turn()
    assert.deepEqual(seen.inside, [0], 'the small one must not overtake for ever')
    end(seen.passes[0]!)
    await turn()
    assert.deepEqual(seen.inside, [0, 1, 2])
  })

  it('refuses bytes that do not fit when nobody will give any back', async () => {
    const { gate: door, budget } = gate()
    const held = await door.enter(entry(90))
    held.claim.hold(90)
    held.leave()
    await assert.rejects(door.enter(entry(20)), {
      code: 'queue_full',
      message: /mediaMaxBytesInUse/,
    })
    held.claim.release()
    assert.equal(budget.inUse, 0)
    end(await door.enter(entry(20)))
  })

  it('lets in alone what would never fit, and whatever must go on', async () => {
    const { gate: door } = gate()
    end(await door.enter(entry(1000)))
    const held = await door.enter(entry(90))
    held.claim.hold(90)
    held.leave()
    end(await door.enter(entry(50, true)))
  })

  it('refuses a waiting one whose bytes can no longer come', async () => {
    const { gate: door } = gate()
    const first = await door.enter(entry(90))
    const seen = watch([door.enter(entry(20))])
    await turn()
    assert.deepEqual(seen.inside, [])
    first.claim.hold(85)
    await turn()
    assert.deepEqual(seen.inside, [-1])
  })

  it('forgets who goes away while waiting', async () => {
    const { gate: door } = gate({ slots: 1 })
    const first = await door.enter(entry(1))
    const abort = new AbortController()
    const second = door.enter(entry(1, false, abort.signal))
    const third = door.enter(entry(1))
    abort.abort()
    await assert.rejects(second, { code: 'cancelled' })
    assert.equal(door.waiting, 1)
    end(first)
    end(await third)
    await assert.rejects(door.enter(entry(1, false, abort.signal)), { code: 'cancelled' })
  })

  it('refuses everyone once it is closed', async () => {
    const { gate: door } = gate({ slots: 1 })
    await door.enter(entry(1))
    const second = door.enter(entry(1))
    door.close()
    await assert.rejects(second, { code: 'shutting_down' })
    await assert.rejects(door.enter(entry(1)), { code: 'shutting_down' })
  })
})

describe('a byte budget', () => {
  it('counts claims as they grow, settle and end', () => {
    const budget = new ByteBudget(100)
    const claim = budget.claim(40)
    assert.equal(claim.grow(60), true)
    assert.equal(claim.grow(1), false)
    assert.deepEqual([budget.inUse, budget.isWorking], [100, true])
    claim.hold(30)
    assert.deepEqual([budget.inUse, budget.isWorking, claim.isHeld], [30, false, true])
    claim.release()
    claim.release()
    assert.deepEqual([budget.inUse, budget.isWorking], [0, false])
  })
})
