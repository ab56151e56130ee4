import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { freeMemory } from '../src/free-memory.ts'

describe('memory given back by hand', () => {
  it('is gone at once, and every view of it is empty', () => {
    const before = process.memoryUsage().arrayBuffers
    const buffer = new ArrayBuffer(64 * 1024 ** 2)
    const [bytes, floats] = [new Uint8Array(buffer), new Float32Array(buffer, 1024)]
    freeMemory(buffer)
    assert.ok(process.memoryUsage().arrayBuffers - before < 32 * 1024 ** 2)
    assert.deepEqual([bytes.length, floats.length], [0, 0])
  })

  it('may be given back twice', () => {
    const buffer = new ArrayBuffer(8)
    freeMemory(buffer)
    freeMemory(buffer)
  })

  it('stays where other threads may see it', () => {
    const buffer = new SharedArrayBuffer(8)
    freeMemory(buffer)
    assert.equal(buffer.byteLength, 8)
  })
})
