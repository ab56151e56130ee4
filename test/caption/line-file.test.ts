import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { openLineFile } from '../../src/caption/line-file.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

describe('a file of lines', () => {
  it('loses what a killed process left behind the last line, and nothing else, wherever it was killed', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'lines.jsonl')
    const lines = [{ a: 1 }, { text: 'ü\u2028\n→' }, { a: 'x'.repeat(100_000) }].map(
      (line) => `${JSON.stringify(line)}\n`,
    )
    const whole = Buffer.from(lines.join(''))
    const ends = lines.map((_, i) => Buffer.byteLength(lines.slice(0, i + 1).join('')))
    for (const end of [
      0,
      1,
      ends[0]! - 1,
      ends[0]!,
      ends[0]! + 1,
      ends[1]! - 2,
      ends[1]!,
      ends[1]! + 70_000,
      whole.length - 1,
      whole.length,
    ]) {
      await writeFile(path, whole.subarray(0, end))
      const file = await openLineFile(path)
      await file.append({ new: true })
      await file.close()
      const kept = whole.subarray(0, ends.findLast((at) => at <= end) ?? 0)
      assert.equal(await readFile(path, 'utf8'), `${kept}{"new":true}\n`, `cut at ${end}`)
    }
  })

  it('has each of a thousand lines that come at once, whole', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'lines.jsonl')
    const file = await openLineFile(path)
    await Promise.all(Array.from({ length: 1000 }, (_, i) => file.append({ i })))
    await file.close()
    const read = (await readFile(path, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { i: number }).i)
    assert.deepEqual(
      read,
      Array.from({ length: 1000 }, (_, i) => i),
    )
  })

  it('says so when a line cannot be written', async (t) => {
    const full = await openLineFile('/dev/full').catch((error: NodeJS.ErrnoException) => error)
    if (full instanceof Error) return t.skip(`no /dev/full: ${full.code}`)
    await assert.rejects(full.append({ a: 1 }), { code: 'ENOSPC' })
    await assert.rejects(full.append({ a: 2 }), { code: 'ENOSPC' })
    await assert.rejects(full.close(), { code: 'ENOSPC' })
  })
})
