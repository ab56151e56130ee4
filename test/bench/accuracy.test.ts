/** The accuracy part of the benchmark of engines, whole, of a tiny GGUF file. */
import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { it } from 'node:test'
import { measureAccuracy } from '../../src/bench/engine/accuracy.ts'
import { scratchFolder } from '../support/checkpoint-folder.ts'
import { convertCheckpoint } from '../support/gguf-conversion.ts'
import { writeGguf } from '../support/gguf-file.ts'

const CHECKPOINT = resolve(import.meta.dirname, '../fixtures/decoders/qwen2/checkpoint')

it('every form is measured against float32 on the shipped text, and what was written for it is gone', async (t) => {
  const scratch = scratchFolder()
  t.after(() => rmSync(scratch, { recursive: true }))
  const gguf = join(scratch, 'tiny.gguf')
  writeGguf(gguf, convertCheckpoint(CHECKPOINT, 'qwen2'))
  const said: string[] = []
  const report = await measureAccuracy(gguf, {
    backend: 'onnx',
    threads: 1,
    python: undefined,
    cache: join(scratch, 'cache'),
    limitMs: 60_000,
    say: (line) => said.push(line),
  })
  assert.ok(report.positions >= 2000 && report.positions % report.window === 0)
  const [exact, same, int8, ...int4] = report.rows
  assert.deepEqual(
    [exact!.name, exact!.divergenceLargest, exact!.likeliestEqual],
    ['float32', 0, 1],
  )
  // The file holds floats, and every position is read from the cache as it is all at once.
  assert.ok(same!.divergenceMean < 1e-6 && same!.likeliestEqual > 0.999, JSON.stringify(same))
  assert.ok(Math.abs(same!.perplexity / exact!.perplexity - 1) < 1e-4)
  assert.ok(int8!.divergenceMean > same!.divergenceMean)
  assert.ok(int8!.bitsPerWeight < 10)
  assert.deepEqual(
    int4.map(({ name }) => name.replace('Aerie, ', '')),
    ['int4-32', 'int4-32-gptq', 'int4-128-gptq'].concat([
      'int4-pure-32',
      'int4-pure-32-gptq',
      'int4-pure-128',
      'int4-pure-128-gptq',
    ]),
  )
  assert.ok(said.filter((line) => line.includes('perplexity')).length === report.rows.length)
  assert.deepEqual(
    readdirSync(join(scratch, 'cache'), { recursive: true }).filter((name) =>
      String(name).endsWith('.f32'),
    ),
    [],
  )
})
