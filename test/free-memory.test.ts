import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { freeMemory, sharedMemoryPassed } from '../src/free-memory.ts'

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

describe('shared memory', () => {
  it('has garbage collected each time 16 MiB of it have come by, where that can be asked for', () => {
    const { gc } = globalThis
    let collections = 0
    globalThis.gc = (async () => {
      collections++
    }) as unknown as typeof gc
    try {
      for (let i = 0; i < 40; i++) sharedMemoryPassed(1024 ** 2)
      assert.equal(collections, 2)
      sharedMemoryPassed(1024 ** 3)
      assert.equal(collections, 3)
    } finally {
      globalThis.gc = gc
    }
    sharedMemoryPassed(1024 ** 3)
  })
})
