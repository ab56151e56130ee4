/** What a model's document says of how its weights are computed with, and whether what was measured holds for that. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { KvCacheType } from '../src/engine/backend.ts'
import { chooseKvCacheType } from '../src/engine/backends/choose.ts'
import { locateModel } from '../src/import/locate-model.ts'
import { computedForm, type FoundModel, factsOf } from '../src/model-facts.ts'
import { openModelSource } from '../src/weights/model-source.ts'
import { copyCheckpoint, scratchFolder } from './support/checkpoint-folder.ts'
import { convertCheckpoint, eightBits } from './support/gguf-conversion.ts'
import { writeGguf } from './support/gguf-file.ts'
import { quantiseFolder } from './support/quantise-folder.ts'

describe('facts of a model that is served as it lies', () => {
  let scratch: string
  const models = new Map<string, FoundModel>()
  before(async () => {
    scratch = scratchFolder()
    const plain = copyCheckpoint('decoders/qwen2', join(scratch, 'plain'))
    const quantised = copyCheckpoint('decoders/qwen2', join(scratch, 'quantised'))
    await quantiseFolder(quantised, { method: 'int8', group: 32 })
    const gguf = join(scratch, 'tiny.gguf')
    // Its rows are whole blocks.
    const checkpoint = join(import.meta.dirname, 'fixtures/decoders/qwen3/checkpoint')
    const { metadata, tensors } = convertCheckpoint(checkpoint, 'qwen2')
    const down = 'blk.0.ffn_down.weight'
    const { shape, data } = tensors[down]!
    const blocks = { shape, type: 8, data: eightBits(data as Float32Array) }
    writeGguf(gguf, { metadata, tensors: { ...tensors, [down]: blocks } })
    for (const [name, model] of Object.entries({ plain, quantised, gguf })) {
      const options = { modelsDir: scratch, hub: {}, offline: true, verify: false }
      const located = await locateModel({ model }, options)
      models.set(name, { ...located, ...(await openModelSource(located.directory)) })
    }
  })
  after(() => rmSync(scratch, { recursive: true }))

  it('name what its linear layers multiply, and `auto` keeps keys and values accordingly', async () => {
    for (const [name, backend, form, kvCacheType] of [
      ['plain', 'native', 'float32', 'f32'],
      ['plain', 'onnx', 'float32', 'f32'],
      ['quantised', 'native', 'int8', 'f16'],
      ['quantised', 'onnx', 'int8', 'f32'],
      ['quantised', 'reference', 'float32', 'f32'],
      ['gguf', 'native', 'int8', 'f16'],
      ['gguf', 'onnx', 'float32', 'f32'],
    ] as const) {
      const found = models.get(name)!
      const { weights } = await factsOf(found, backend)
      assert.equal(weights.computedAs, form, `${name} on ${backend}`)
      assert.equal(await computedForm(found, backend), form)
      assert.equal(chooseKvCacheType('auto', backend, form), kvCacheType)
    }
  })

  it('have what was measured beside the published code only where all of it is float32', async () => {
    const isMeasured = async (name: string, backend: string, type?: KvCacheType) =>
      (await factsOf(models.get(name)!, backend, type)).parity !== undefined
    for (const backend of ['native', 'onnx']) {
      assert.equal(await isMeasured('plain', backend), true, backend)
      assert.equal(await isMeasured('quantised', backend), false, backend)
    }
    assert.equal(await isMeasured('plain', 'native', 'f16'), false)
    assert.equal(await isMeasured('plain', 'native', 'int8'), false)
    assert.equal(await isMeasured('gguf', 'native'), false)
    assert.equal(await isMeasured('gguf', 'onnx'), true)
    assert.equal(await isMeasured('quantised', 'reference'), false)
  })
})
