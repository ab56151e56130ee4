import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KvPool } from '../../../src/engine/backends/kv-pool.ts'

describe('the KV pool', () => {
  it('hands out every block once', () => {
    const pool = new KvPool(5)
    assert.deepEqual(
      new Set(Array.from({ length: 5 }, () => pool.allocate())),
      new Set([0, 1, 2, 3, 4]),
    )
    assert.deepEqual([pool.free, pool.used], [0, 5])
    assert.throws(() => pool.allocate(), /all 5 blocks/)
  })

  it('frees a block when its last owner lets go', () => {
    const pool = new KvPool(2)
    const block = pool.allocate()
    assert.ok(!pool.isShared(block))
    pool.retain(block)
    assert.ok(pool.isShared(block))
    pool.release(block)
    assert.deepEqual([pool.isShared(block), pool.free], [false, 1])
    pool.release(block)
    assert.equal(pool.free, 2)
  })

  it('knows a block that nobody owns', () => {
    const pool = new KvPool(2)
    assert.throws(() => pool.retain(0), /no owner/)
    assert.throws(() => pool.release(0), /no owner/)
    assert.throws(() => pool.isShared(7), /no owner/)
  })
})
