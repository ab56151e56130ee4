import assert from 'node:assert/strict'
import { appendFile, open } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ClipFailure } from '../../src/caption/job.ts'
import { type CaptionLine, Ledger } from '../../src/caption/ledger.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const line = (id: string, segment = 0, segments = 1): CaptionLine => ({
  id,
  source: `/clips/${id}`,
  segment,
  segments,
  start: segment,
  end: segment + 1,
  caption: `caption ${segment}`,
  frames: [segment],
  clip: { bytes: 1234, modified: 1_700_000_000_000, sha256: 'a'.repeat(64) },
})

describe('a ledger', () => {
  it('knows after a restart what it was told: captions, parts with their words, failures', async () => {
    await using folder = await temporaryFolder()
    const files = { captions: join(folder.path, 'c'), failures: join(folder.path, 'f') }
    {
      const ledger = await Ledger.open(files, false)
      await ledger.captioned(line('whole', 0, 2))
      await ledger.captioned(line('whole', 1, 2))
      await ledger.captioned(line('part', 1, 3))
      await ledger.failed(
        { id: 'part' },
        new ClipFailure('x', 'y'),
        { segment: 2, segments: 3 },
        {},
      )
      await ledger.failed({ id: 'broken' }, new ClipFailure('x', 'y'), {}, {})
      await ledger.failed({ id: 'line 1' }, new ClipFailure('invalid_line', 'y'), {}, {})
      await ledger.close()
    }
    const ledger = await Ledger.open(files, false)
    const known = ['whole', 'part', 'broken', 'line 1', 'other'].map((id) => ledger.find(id).is)
    assert.deepEqual(known, ['captioned', 'begun', 'failed', 'new', 'new'])
    const part = ledger.find('part')
    assert.ok(part.is === 'begun')
    assert.deepEqual([...part.part.captioned], [[1, { start: 1, end: 2, text: 'caption 1' }]])
    assert.deepEqual([...part.part.failed], [2])
    const { clips, failedClips, segments, frames, failures } = ledger.tally
    assert.deepEqual([clips, failedClips, segments, frames], [1, 1, 3, 3])
    assert.deepEqual(
      [...failures],
      [
        ['x', { count: 2, example: 'part: y' }],
        ['invalid_line', { count: 1, example: 'line 1: y' }],
      ],
    )
    await ledger.captioned(line('part', 0, 3))
    assert.equal(ledger.find('part').is, 'failed')
    await ledger.close()
    const forgiving = await Ledger.open(files, true)
    assert.deepEqual(
      ['part', 'broken'].map((id) => forgiving.find(id).is),
      ['begun', 'new'],
    )
    await forgiving.close()
  })

  it('counts a segment once that stands in the file twice', async () => {
    await using folder = await temporaryFolder()
    const files = { captions: join(folder.path, 'c'), failures: join(folder.path, 'f') }
    await appendFile(files.captions, `${JSON.stringify(line('a', 0, 2))}\n`.repeat(3))
    const ledger = await Ledger.open(files, false)
    assert.deepEqual([ledger.find('a').is, ledger.tally.segments], ['begun', 1])
    await ledger.close()
  })

  it('takes less than 300 bytes of memory for a clip that is finished', async (t) => {
    await using folder = await temporaryFolder()
    const files = { captions: join(folder.path, 'c'), failures: join(folder.path, 'f') }
    const count = 20_000
    {
      await using file = await open(files.captions, 'w')
      for (let n = 0; n < count; n += 1000) {
        const lines = Array.from(
          { length: 1000 },
          (_, i) => `${JSON.stringify(line(`some/folder/of/clips/clip-${n + i}.mp4`))}\n`,
        )
        await file.appendFile(lines.join(''))
      }
    }
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    collect()
    const before = process.memoryUsage().heapUsed
    const ledger = await Ledger.open(files, false)
    collect()
    const bytes = (process.memoryUsage().heapUsed - before) / count
    t.diagnostic(`${bytes.toFixed(0)} bytes a clip`)
    assert.equal(ledger.tally.clips, count)
    assert.ok(bytes < 300, `${bytes} bytes a clip`)
    await ledger.close()
  })
})
