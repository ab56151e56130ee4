/** Every element type against what the format's own library makes of the same bits; `test/fixtures/gguf` says how. */
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { readGguf } from '../../src/weights/gguf.ts'
import { BLOCKS } from '../../src/weights/gguf-blocks.ts'
import { GgufWeights } from '../../src/weights/gguf-weights.ts'
import { elementsOfBlock, storedBytes } from '../../src/weights/stored-type.ts'

const FILE = resolve(import.meta.dirname, '../fixtures/gguf/blocks.gguf')

describe('blocks', async () => {
  const file = await readGguf(FILE)
  const { tensors } = file
  const read = async (name: string) => {
    await using weights = await GgufWeights.open(tensors)
    return await weights.readFloats(weights.tensors.get(name)!)
  }

  for (const type of ['F16', 'BF16', ...Object.keys(BLOCKS)]) {
    it(`of ${type} are the library's floats, bit for bit`, async () => {
      const [ours, theirs] = [await read(type), await read(`${type}.floats`)]
      assert.equal(ours.length, 3 * 512)
      assert.deepEqual(new Uint32Array(ours.buffer), new Uint32Array(theirs.buffer))
    })
  }

  it('have the sizes that the library gives them', () => {
    for (const { name, dtype, byteLength } of tensors)
      assert.equal(byteLength, storedBytes(dtype, 3 * 512), name)
    assert.equal(elementsOfBlock('Q6_K'), 256)
    assert.equal(elementsOfBlock('F16'), 1)
  })
})
