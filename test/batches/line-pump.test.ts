/** Which of the lines that a server has taken it runs, and when. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BatchRecord, TakenLine } from '../../src/batches/batch-records.ts'
import { LinePump, type LinePumpOptions } from '../../src/batches/line-pump.ts'
import { newBatch } from '../support/batch-model.ts'

const BATCH: BatchRecord = { ...newBatch(1, 0), read: { bytes: 0, lines: 0 }, planned: undefined }

function taken(line: number, more: Partial<TakenLine> = {}): TakenLine {
  const place = { offset: 0, length: 10, media: 0, crashes: 0 }
  return { batchId: BATCH.id, line, customId: `${line}`, ...place, ...more }
}

/** A pump whose lines run until the test says that they are done. */
function pumpOf(options: Partial<LinePumpOptions> = {}) {
  const running = new Map<number, (isDone: boolean) => void>()
  const aborted: number[] = []
  const returned: number[] = []
  const pump = new LinePump({
    ...{ concurrency: 3, maxMedia: 4, maxBytes: 100 },
    run({ line }, _batch, signal) {
      const { promise, resolve } = Promise.withResolvers<boolean>()
      running.set(line, resolve)
      signal.addEventListener('abort', () => {
        aborted.push(line)
        resolve(false)
      })
      return promise.finally(() => running.delete(line))
    },
    giveBack: (lines) => returned.push(...lines.map(({ line }) => line)),
    onRoom() {},
    ...options,
  })
  const end = async (line: number) => {
    running.get(line)!(true)
    for (let i = 0; i < 5; i++) await undefined
  }
  return { pump, returned, aborted, end, running: () => [...running.keys()] }
}

const lines = (...numbers: number[]) => numbers.map((number) => taken(number))

describe('the lines that a server runs', () => {
  it('are as many as it may, in order, and the next when one is done', async () => {
    const { pump, running, end } = pumpOf()
    pump.add(BATCH, lines(1, 2, 3, 4, 5))
    assert.deepEqual(running(), [1, 2, 3])
    await end(2)
    assert.deepEqual(running(), [1, 3, 4])
    assert.deepEqual([pump.running, pump.ready], [3, 1])
  })

  it('name no more media together, and have no more bytes, than there may be; a large one runs alone', async () => {
    const { pump, running, end } = pumpOf()
    const [large, next] = [taken(1, { media: 9 }), taken(2, { media: 1 })]
    pump.add(BATCH, [large, next, taken(3, { length: 500 })])
    assert.deepEqual(running(), [1])
    await end(1)
    assert.deepEqual(running(), [2])
    await end(2)
    assert.deepEqual(running(), [3])
  })

  it('are half as many when a route has too much to do, and more again by and by', async () => {
    const { pump, running, end } = pumpOf({ concurrency: 8, maxMedia: 99, maxBytes: 999 })
    pump.slowDown()
    pump.slowDown()
    assert.equal(pump.limit, 2)
    pump.add(BATCH, lines(1, 2, 3, 4, 5, 6, 7))
    assert.deepEqual(running(), [1, 2])
    for (const line of [1, 2, 3]) await end(line)
    assert.equal(pump.limit, 3)
    for (let i = 0; i < 9; i++) pump.slowDown()
    assert.equal(pump.limit, 1)
  })

  it('are one at a time of those that ran when a server died, with any others beside it', async () => {
    const { pump, running, end } = pumpOf()
    pump.add(BATCH, [taken(1, { crashes: 1 }), taken(2, { crashes: 1 }), ...lines(3, 4)])
    assert.deepEqual(running(), [1, 3, 4])
    await end(3)
    assert.deepEqual(running(), [1, 4])
    await end(1)
    assert.deepEqual(running(), [4, 2])
  })

  it('of a batch that is stopped are broken off, and given back with those that were ready', async () => {
    const { pump, returned, aborted } = pumpOf()
    pump.add(BATCH, lines(1, 2, 3, 4))
    pump.stop(BATCH.id)
    for (let i = 0; i < 5; i++) await undefined
    assert.deepEqual(aborted, [1, 2, 3])
    assert.deepEqual(returned.toSorted(), [1, 2, 3, 4])
  })

  it('all end when the server does, and none begins', async () => {
    const { pump, running } = pumpOf()
    pump.add(BATCH, lines(1, 2))
    await pump.dispose()
    pump.add(BATCH, lines(3))
    assert.deepEqual([running(), pump.room], [[], 0])
  })
})
