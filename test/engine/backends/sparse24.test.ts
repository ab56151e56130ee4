/** A checkpoint that a mask made 2:4: found by its content, packed so, and the same model on every backend. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createBackend } from '../../../src/engine/backends/create.ts'
import { requireNativeAddon } from '../../../src/engine/backends/native-session.ts'
import { packWeight } from '../../../src/engine/backends/native-weights.ts'
import { importCheckpoint } from '../../../src/import/import-checkpoint.ts'
import { inspectModel } from '../../../src/inspect/inspect.ts'
import { inspectionText } from '../../../src/inspect/report.ts'
import { modelPath, packedPath } from '../../../src/package/store.ts'
import { Checkpoint } from '../../../src/weights/checkpoint.ts'
import { readQuantised } from '../../../src/weights/quantised.ts'
import { BACKENDS_HERE, skipOf } from '../../support/backends.ts'
import { copyCheckpoint, scratchFolder } from '../../support/checkpoint-folder.ts'
import { sameBits } from '../../support/native-programs.ts'
import { pruneFolder } from '../../support/prune-folder.ts'
import { quantiseFolder } from '../../support/quantise-folder.ts'
import { relativeError } from '../../support/relative-error.ts'
import { writeRandomCheckpoint } from '../../support/starter-checkpoint.ts'

const OPTIONS = { threads: 2, kvCacheBytes: 4 << 20, kvBlockSize: 16 }
/** What MaskLLM prunes: the layers' linears, not the head. */
const LINEARS = /^model\.layers\.\d+\..*_proj\.weight$/

async function logits(
  backend: (typeof BACKENDS_HERE)[number],
  folder: string,
  packedWeights?: string,
): Promise<Float32Array> {
  const session = await (await createBackend(backend)).loadDecoder(folder, {
    ...OPTIONS,
    packedWeights,
  })
  const ids = Int32Array.of(1, 5, 9, 13, 2, 8, 40)
  const [row] = await session.step([
    { sequence: 1, input: [{ kind: 'tokens', ids }], want: 'logits' },
  ])
  const values = row!.values!.slice()
  await session.dispose()
  return values
}

describe('a 2:4 checkpoint', { skip: skipOf('native') }, () => {
  let scratch: string
  let folder: string
  let pruned: readonly string[]
  before(() => {
    scratch = scratchFolder()
    folder = copyCheckpoint('decoders/qwen2', join(scratch, 'masked-qwen'))
    pruned = pruneFolder(folder, LINEARS)
  })
  after(() => rmSync(scratch, { recursive: true }))

  it('is the same model on every backend', async () => {
    const reference = await logits('reference', folder)
    for (const backend of BACKENDS_HERE) {
      const error = relativeError(await logits(backend, folder), reference)
      assert.ok(error < 1e-4, `${backend}: ${error}`)
    }
  })

  it('is packed as what it is, and says so', async () => {
    assert.equal(pruned.length, 7 * 3)
    const modelsDir = join(scratch, 'models')
    const found = await importCheckpoint(folder, { modelsDir, packed: true })
    assert.equal(found.manifest.packed!.sparse24, pruned.length)
    const dense = await importCheckpoint(copyCheckpoint('decoders/qwen2', join(scratch, 'dense')), {
      modelsDir,
      packed: true,
    })
    assert.equal(dense.manifest.packed!.sparse24, undefined)
    assert.ok(found.manifest.packed!.bytes < 0.8 * dense.manifest.packed!.bytes)
    const text = inspectionText(await inspectModel(found.directory, { verify: true }))
    assert.match(text, /Packed +22 weights \(21 of them 2:4\)/)
    const mapped = await logits('native', modelPath(found), packedPath(found))
    assert.ok(sameBits(mapped, await logits('native', folder)))
  })

  it('that is not packed is packed so at the start, with the bits of the dense form', async () => {
    const addon = requireNativeAddon()
    const pool = addon.createPool(1)
    await using checkpoint = await Checkpoint.open(folder)
    const x = Float32Array.from({ length: 3 * 40 }, (_, i) => Math.sin(i))
    let found = 0
    for (const [name, tensor] of checkpoint.tensors) {
      if (tensor.shape.length !== 2 || tensor.shape[1] !== 40) continue
      const values = await checkpoint.readBytes(tensor)
      const spec = { type: 'f32', shape: tensor.shape as [number, number], values } as const
      const { block, isSparse24 } = packWeight({ addon, pool }, spec)
      assert.equal(isSparse24, LINEARS.test(name), name)
      if (isSparse24) found++
      const product = addon.linear(pool, block, x, 3)
      assert.ok(sameBits(product, addon.linear(pool, addon.packLinear(pool, spec), x, 3)), name)
    }
    assert.ok(found > 0)
  })

  it('stays dense in half precision, which is faster so', () => {
    const addon = requireNativeAddon()
    const pool = addon.createPool(1)
    const spec = { type: 'f16', shape: [16, 64], values: new Uint8Array(16 * 64 * 2) } as const
    assert.ok(addon.isSparse24(pool, spec))
    assert.ok(!packWeight({ addon, pool }, spec).isSparse24)
  })

  it('stays one when it is rounded to int4, and the same model', async (t) => {
    const starter = writeRandomCheckpoint({ seed: 5, dtype: 'BF16' })
    t.after(() => rmSync(starter, { recursive: true }))
    const names = pruneFolder(starter, LINEARS)
    await quantiseFolder(starter, { method: 'int4', group: 32 })
    const addon = requireNativeAddon()
    const pool = addon.createPool(1)
    const checkpoint = await Checkpoint.open(starter)
    const bits = new Set<number>()
    for (const name of names) {
      const { quantisation, ...tensor } = checkpoint.tensors.get(name)!
      const spec = await readQuantised({ ...tensor, quantisation: quantisation! }, (part) =>
        checkpoint.readBytes(part),
      )
      bits.add(spec.bits)
      assert.ok(packWeight({ addon, pool }, spec).isSparse24, name)
    }
    await checkpoint.close()
    assert.deepEqual(bits, new Set([4, 8]))
    const error = relativeError(await logits('native', starter), await logits('reference', starter))
    assert.ok(error < 0.05, `${error}`)
  })
})
