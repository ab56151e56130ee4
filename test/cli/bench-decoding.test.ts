/** `aerie bench kv` and `aerie bench speculation` as a person starts them, on the starter. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import type { KvTypeRow } from '../../src/bench/kv-types.ts'
import type { SpeculationRow } from '../../src/bench/speculation.ts'
import { skipOf } from '../support/backends.ts'

const AERIE = resolve(import.meta.dirname, '../../bin/aerie.js')

async function rowsOf<Row>(...args: string[]): Promise<readonly Row[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    AERIE,
    'bench',
    ...args,
    '--json',
  ])
  return (JSON.parse(stdout) as { rows: readonly Row[] }).rows
}

describe('benchmarks of decoding', { skip: skipOf('native') }, () => {
  it('bench kv compares each type with f32', async () => {
    const args = ['--positions', '80', '--context', '40', '--rounds', '1']
    const [f32, f16, int8] = await rowsOf<KvTypeRow>('kv', ...args)
    assert.deepEqual([f32!.type, f16!.type, int8!.type], ['f32', 'f16', 'int8'])
    assert.equal(f32!.relativeError, 0)
    assert.equal(f32!.likeliestEqual, 1)
    assert.ok(f16!.relativeError > 0 && f16!.relativeError < 0.01, String(f16!.relativeError))
    assert.ok(int8!.relativeError > f16!.relativeError && int8!.relativeError < 0.3)
    assert.ok(f16!.divergenceMean < int8!.divergenceMean)
    assert.equal(f16!.bytesPerPosition * 2, f32!.bytesPerPosition)
    assert.ok(int8!.bytesPerPosition < f16!.bytesPerPosition)
    for (const { decodeMs } of [f32!, f16!, int8!]) assert.ok(decodeMs > 0)
  })

  it('bench speculation finds the same answers, and drafts where they repeat', async () => {
    const args = ['--tokens', '40', '--rounds', '1', '--batches', '1,2']
    const rows = await rowsOf<SpeculationRow>('speculation', ...args)
    assert.equal(rows.length, 6)
    for (const row of rows) {
      assert.ok(row.isSame, `${row.text} of ${row.batch} is another`)
      assert.ok(row.without > 0 && row.withDrafts > 0)
      assert.ok(row.accepted <= 1)
    }
    const copied = rows.find(({ text, batch }) => text === 'copies its prompt' && batch === 1)!
    assert.ok(copied.draftedPerToken > 0, 'nothing was drafted where the prompt is copied')
  })
})
