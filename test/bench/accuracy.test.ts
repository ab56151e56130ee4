/** The accuracy part of the benchmark of engines, whole, of a tiny GGUF file. */
import assert from 'node:assert/strict'
import { readdirSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { it } from 'node:test'
import { measureAccuracy } from '../../src/bench/engine/accuracy.ts'
import { scratchFolder } from '../support/checkpoint-folder.ts'
import { convertCheckpoint } from '../support/gguf-conversion.ts'
import { writeGguf } from '../support/gguf-file.ts'

const CHECKPOINT = resolve(import.meta.dirname, '../fixtures/decoders/qwen2/checkpoint')

/** When the weights of each form in a cache were written. */
function formTimes(cache: string): Map<string, number> {
  const forms = readdirSync(join(cache, 'tiny.gguf')).filter((name) => name.startsWith('aerie-'))
  return new Map(
    forms
      .sort()
      .map((form) => [
        form.replace('aerie-', ''),
        statSync(join(cache, 'tiny.gguf', form, 'model.safetensors')).mtimeMs,
      ]),
  )
}

it('every form is measured against float32 on the shipped text, and what was written for it is gone; it goes on where it was interrupted', async (t) => {
  const scratch = scratchFolder()
  t.after(() => rmSync(scratch, { recursive: true }))
  const gguf = join(scratch, 'tiny.gguf')
  writeGguf(gguf, convertCheckpoint(CHECKPOINT, 'qwen2'))
  const said: string[] = []
  const measure = (say: (line: string) => void) =>
    measureAccuracy(gguf, {
      ...{ backend: 'onnx', threads: 1, python: undefined, limitMs: 60_000, say },
      cache: join(scratch, 'cache'),
    })
  const stopsAt = (line: string) => (text: string) => {
    if (text.includes(line)) throw new Error(`stopped at ${line}`)
  }
  await assert.rejects(measure(stopsAt('Aerie, int4-128-gptq')), /stopped at/)
  const madeBefore = formTimes(join(scratch, 'cache'))
  assert.deepEqual([...madeBefore.keys()], ['int4-128-gptq', 'int4-32', 'int4-32-gptq', 'int8-32'])
  const report = await measure((line) => said.push(line))
  // What was made before it was interrupted was not made again.
  const madeAfter = formTimes(join(scratch, 'cache'))
  for (const [name, time] of madeBefore) assert.equal(madeAfter.get(name), time, name)
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
