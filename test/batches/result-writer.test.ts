/** Which results go into one commit. The records are the test's: they say when the disk is done. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LineResult } from '../../src/batches/batch-records.ts'
import { ResultWriter } from '../../src/batches/result-writer.ts'

const usage = { inputTokens: 1, cachedTokens: 0, outputTokens: 1 }
const result = (line: number): LineResult => ({
  ...{ batchId: 'batch_1', line, ok: true, text: Buffer.from(`${line}`), usage },
})

function writer() {
  const commits: number[][] = []
  const disk: (() => void)[] = []
  const made = new ResultWriter({
    records: {
      async storeResults(_server, results) {
        commits.push(results.map(({ line }) => line))
        await new Promise<void>((resolve) => disk.push(resolve))
        return results.length
      },
    },
    ...{ server: 's', retryMs: 1, now: () => 1, room: () => 2 ** 20, onTrouble() {} },
  })
  const done = async () => {
    while (disk.length === 0) await nextTurn()
    disk.shift()!()
  }
  return { writer: made, commits, done }
}

describe('results on their way into the records', () => {
  it('that come in neighbouring turns of the event loop go into one commit', async () => {
    const { writer: one, commits, done } = writer()
    const kept: Promise<void>[] = []
    // The next is called for first: what the writer does at the end of a turn comes behind what the turn brings.
    const keepFrom = (line: number): void => {
      if (line < 3) setImmediate(() => keepFrom(line + 1))
      kept.push(one.keep(result(line)))
    }
    keepFrom(1)
    await done()
    await Promise.all(kept)
    assert.deepEqual(commits, [[1, 2, 3]])
  })

  it('are kept when their commit is, and what comes meanwhile goes into the next', async () => {
    const { writer: one, commits, done } = writer()
    const settled: number[] = []
    const keep = (line: number) => one.keep(result(line)).then(() => settled.push(line))
    const first = keep(1)
    while (commits.length === 0) await nextTurn()
    const rest = Promise.all([keep(2), keep(3)])
    for (let turn = 0; turn < 5; turn++) await nextTurn()
    assert.deepEqual([commits, settled], [[[1]], []])
    await done()
    await first
    assert.deepEqual(settled, [1])
    await done()
    await rest
    assert.deepEqual(commits, [[1], [2, 3]])
  })

  it('are not left lying when they come just as the writer ends', { timeout: 60_000 }, async () => {
    // However many promises lie between the end of a commit and the next result.
    for (let depth = 0; depth < 20; depth++) {
      const { writer: one, commits, done } = writer()
      const first = one.keep(result(1))
      await done()
      for (let i = 0; i < depth; i++) await undefined
      const second = one.keep(result(2))
      await done()
      await Promise.all([first, second])
      assert.deepEqual(commits, [[1], [2]])
    }
  })
})
