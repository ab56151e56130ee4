import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { hasUnicodeLineEnd, oneLine } from '../../src/json/one-line.ts'

const ends = ['\u0085', '\u2028', '\u2029']

describe('JSON on one line', () => {
  it('is one line to Node, and the same value', async () => {
    const value = { text: `a${ends.join('b')}c`, [ends[1]!]: 'é 猫' }
    const lines: string[] = []
    for await (const line of createInterface(Readable.from([oneLine(JSON.stringify(value))])))
      lines.push(line)
    assert.equal(lines.length, 1)
    assert.deepEqual(JSON.parse(lines[0]!), value)
  })

  it('is known by its bytes', () => {
    for (const end of ends) assert.ok(hasUnicodeLineEnd(Buffer.from(`"x${end}"`)))
    assert.ok(!hasUnicodeLineEnd(Buffer.from('"é 猫 \u2027\u202a\u00c5"')))
  })
})
