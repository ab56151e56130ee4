import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatSeconds } from '../../src/cli/progress-bar.ts'
import { formatBytes, transferProgress } from '../../src/cli/transfer-progress.ts'

describe('the progress of a transfer', () => {
  const run = (isTTY: boolean, steps: readonly [ms: number, doneBytes: number][]) => {
    let written = ''
    let now = 0
    const output = { isTTY, write: (text: string) => (written += text) }
    const progress = transferProgress(output, () => now)
    for (const [ms, doneBytes] of steps) {
      now = ms
      progress.show({ what: 'importing', doneBytes, totalBytes: 10e9, file: 'a.safetensors' })
    }
    progress.end()
    return written
  }

  it('is a bar on a terminal, with share, rate and time left, and gone at the end', () => {
    const written = run(true, [
      [0, 0],
      [50, 1e8],
      [1000, 5e8],
      [2000, 10e8],
    ])
    const bars = written.split('\r').filter((bar) => bar.startsWith('importing'))
    assert.equal(bars.length, 3)
    assert.equal(
      bars[2],
      'importing [##                      ] 10 % of 10.0 GB (1.00 GB), 500 MB/s, 18 s left\x1b[K',
    )
    assert.ok(written.endsWith('\r\x1b[K'))
  })

  it('is a line every ten seconds elsewhere, and none for a short transfer', () => {
    assert.equal(
      run(false, [
        [0, 0],
        [9000, 10e9],
      ]),
      '',
    )
    const lines = run(false, [
      [0, 0],
      [5000, 1e9],
      [10_000, 5e9],
      [15_000, 6e9],
      [20_000, 10e9],
    ])
    assert.deepEqual(lines.trimEnd().split('\n'), [
      'aerie: importing a.safetensors: 50 % of 10.0 GB (5.00 GB), 500 MB/s, 10 s left',
      'aerie: importing a.safetensors: 100 % of 10.0 GB (10.0 GB), 500 MB/s, 0 s left',
    ])
  })

  it('writes sizes and times as people do', () => {
    const sizes = [0, 999, 1000, 99_949, 999_600, 1.5e9, 7e13].map(formatBytes)
    assert.deepEqual(sizes, ['0 B', '999 B', '1.00 kB', '99.9 kB', '1.00 MB', '1.50 GB', '70.0 TB'])
    assert.deepEqual([0.2, 99, 100, 6000, 90_000].map(formatSeconds), [
      '1 s',
      '99 s',
      '2 min',
      '2 h',
      '25 h',
    ])
  })
})
