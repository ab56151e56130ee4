/** Importing with `quantise`: what the package holds and says, what is refused, and what an interruption leaves. */
import assert from 'node:assert/strict'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createBackend } from '../../src/engine/backends/create.ts'
import { openModelFiles } from '../../src/engine/backends/model-files.ts'
import { importCheckpoint } from '../../src/import/import-checkpoint.ts'
import { inspectModel } from '../../src/inspect/inspect.ts'
import { inspectionText } from '../../src/inspect/report.ts'
import { quantizationLines } from '../../src/package/describe-quantization.ts'
import { readManifest } from '../../src/package/manifest.ts'
import { PACKED_FILE } from '../../src/package/store.ts'
import { verifyPackage } from '../../src/package/verify.ts'
import {
  copyCheckpoint,
  editWeights,
  readTree,
  scratchFolder,
  shardedCheckpoint,
} from '../support/checkpoint-folder.ts'

const INT8 = { method: 'int8', group: 32 } as const
const INT4 = { method: 'int4', group: 32 } as const
/** Random weights say nothing about how much is lost. */
const LAX = { klMean: 10, top1: 0, cosineMean: 0, cosineLeast: -1 }

describe('importing a folder quantised', () => {
  let scratch: string
  let folder: string
  let modelsDir: string
  beforeEach(() => {
    scratch = scratchFolder()
    folder = join(scratch, 'tiny')
    modelsDir = join(scratch, 'models')
  })
  afterEach(() => rmSync(scratch, { recursive: true }))

  const run = (options: object = {}) =>
    importCheckpoint(folder, { modelsDir, quantise: INT8, thresholds: LAX, ...options })

  it('makes a smaller package of the same layout that says what was measured', async () => {
    shardedCheckpoint(folder)
    const { directory, manifest } = await run()
    assert.equal(manifest.quantize, 'int8')
    const { quantization } = manifest
    assert.deepEqual(
      { ...quantization, parts: undefined, measured: undefined },
      {
        method: 'round-to-nearest',
        bits: 8,
        group: 32,
        bitsPerWeight: quantization!.bitsPerWeight,
        thresholds: LAX,
        parts: undefined,
        measured: undefined,
      },
    )
    const { decoder, towers } = quantization!.measured
    assert.ok(decoder!.klMean > 0 && decoder!.klMean <= decoder!.klLargest)
    assert.ok(decoder!.prompts >= 5 && decoder!.positions > 100 && decoder!.top1 <= 1)
    assert.deepEqual(towers, [])
    assert.equal(quantization!.parts[0]!.name, 'decoder')
    assert.ok(quantization!.parts[0]!.tensors > 10)
    const [part] = manifest.parts
    assert.ok((part!.dtypes['INT8'] ?? 0) > 10, JSON.stringify(part))
    assert.ok(
      manifest.tensors.some(({ name }) => name === 'model.layers.0.mlp.up_proj.weight.int8'),
    )
    const index = JSON.parse(readFileSync(join(directory, 'model.safetensors.index.json'), 'utf8'))
    assert.deepEqual(
      Object.keys(index.weight_map).sort(),
      manifest.tensors.map(({ name }) => name).sort(),
    )
    const sizeOf = (files: Iterable<readonly [string, Buffer]>) =>
      [...files]
        .filter(([path]) => path.endsWith('.safetensors') && path !== PACKED_FILE)
        .reduce((sum, [, bytes]) => sum + bytes.length, 0)
    assert.ok(sizeOf(readTree(directory)) < 0.6 * sizeOf(readTree(folder)))
    assert.deepEqual(await readManifest(directory), manifest)
    assert.ok((await verifyPackage(directory, manifest)).hashedBytes > 0)
    assert.match(
      inspectionText(await inspectModel(directory, { verify: true })),
      /Quantised +int8\n.*decoder int8.*\n.* bits a weight .*\n.*KL mean [\d.e-]+, largest/,
    )
    for (const name of ['onnx', 'reference']) {
      const backend = await createBackend(name)
      const session = await backend.loadDecoder(directory, {
        threads: 1,
        kvCacheBytes: 1 << 20,
        kvBlockSize: 16,
      })
      await session.dispose()
    }
  })

  it('in its pure form reads less than 5 bits a weight, and loses less rounded together: a real model', async () => {
    cpSync(resolve(import.meta.dirname, '../../models/starter'), folder, { recursive: true })
    const made = async (rounding: 'nearest' | 'gptq') => {
      const quantise = { method: 'int4-pure', group: 32, rounding } as const
      return (await run({ quantise })).manifest
    }
    const [nearest, together] = [await made('nearest'), await made('gptq')]
    assert.deepEqual(
      [nearest, together].map(({ quantize, quantization: q }) => [quantize, q!.method, q!.bits]),
      [
        ['int4-pure', 'round-to-nearest', 4],
        ['int4-pure', 'gptq', 4],
      ],
    )
    const { bitsPerWeight, measured } = together.quantization!
    assert.ok(bitsPerWeight! > 4.25 && bitsPerWeight! < 5, String(bitsPerWeight))
    assert.equal(bitsPerWeight, nearest.quantization!.bitsPerWeight)
    const lines = quantizationLines(together.quantization!)
    assert.ok(lines.some((line) => line.startsWith(`${bitsPerWeight!.toFixed(2)} bits a weight`)))
    const [before, after] = [nearest.quantization!.measured, measured].map((m) => m.decoder!.klMean)
    assert.ok(after! < 0.95 * before!, `KL ${before} to the nearest, ${after} together`)
    assert.deepEqual((await made('gptq')).files, together.files, 'the same files again')
  })

  it('measures a tower that is published alone in everything that it says', async () => {
    copyCheckpoint('radio/radio-v25-norm-adaptors', folder)
    const { directory, manifest } = await run()
    const { parts, measured } = manifest.quantization!
    assert.deepEqual(
      parts.map(({ name, form }) => [name, form]),
      [
        ['radio', 'rows'],
        ['projector', 'rows'],
      ],
    )
    assert.equal(measured.decoder, undefined)
    const said = ['summary', 'radio', 'clip.summary', 'clip.features', 'sam.summary']
    const names = measured.towers.map(({ name }) => name)
    assert.deepEqual(
      said.filter((name) => !names.includes(name)),
      [],
    )
    for (const { name, vectors, cosineMean } of measured.towers) {
      assert.ok(vectors > 0 && cosineMean > 0.98 && cosineMean < 1, `${name}: ${cosineMean}`)
    }
    assert.equal((await readManifest(directory))?.digest, manifest.digest)

    // What it may not lose at all, it does not: every part stays.
    rmSync(modelsDir, { recursive: true })
    const strict = await run({ thresholds: { ...LAX, cosineMean: 1 } })
    assert.deepEqual(
      strict.manifest.quantization!.parts.map(({ form }) => form),
      ['none', 'none'],
    )
  })

  it('takes sub-folders, and towers in their own form', async () => {
    copyCheckpoint('vila/vila15', folder)
    const { directory, manifest } = await run({ quantise: INT4 })
    const forms = Object.fromEntries(
      manifest.quantization!.parts.map(({ name, form }) => [name, form]),
    )
    assert.equal(forms['siglip'], 'rows')
    assert.deepEqual(
      manifest.quantization!.measured.towers.map(({ name }) => name),
      ['siglip', 'features'],
    )
    const files = await openModelFiles(directory)
    const stored = [...files.tensors.values()].filter(({ quantisation }) => quantisation)
    assert.ok(stored.length > 10)
    await files.checkpoint.close()
    // The tensors that nobody reads are there as they were.
    assert.ok(manifest.parts.some(({ name }) => name === 'unused'))
  })

  it('leaves a tower as it was that changes too much, and says why', async () => {
    copyCheckpoint('vila/vila15', folder)
    const { directory, manifest } = await run({ thresholds: { ...LAX, cosineMean: 1.1 } })
    for (const { name, form, reason } of manifest.quantization!.parts) {
      if (name === 'decoder') continue
      assert.equal(form, 'none', name)
      assert.match(reason!, /cosines with int8: siglip [01]\.\d+ \(least [01]\.\d+\), features/)
    }
    const tower = manifest.files.find(({ path }) => path.startsWith('vision_tower/model'))!
    const files = await openModelFiles(directory)
    const ofTower = [...files.tensors.values()].filter(({ path }) => path.includes(tower.path))
    assert.ok(ofTower.length > 0 && ofTower.every(({ quantisation }) => !quantisation))
    await files.checkpoint.close()
    // What is measured is the package: its towers are those of the checkpoint.
    for (const { cosineLeast } of manifest.quantization!.measured.towers)
      assert.ok(cosineLeast > 0.99999)
  })

  it('refuses what is too far from the checkpoint, with the numbers, unless it is forced', async () => {
    copyCheckpoint('decoders/qwen2', folder)
    const thresholds = { ...LAX, klMean: 0 }
    await assert.rejects(run({ thresholds }), {
      code: 'invalid_package',
      message:
        /too far from what it was: logits: KL [\d.e-]+ nats a position, at most 0\. .*--force/,
    })
    assert.deepEqual(
      readdirSync(modelsDir).filter((name) => !name.endsWith('.partial')),
      [],
    )
    const { manifest } = await run({ thresholds, force: true })
    assert.match(manifest.quantization!.forced![0]!, /^logits: KL/)
  })

  it('goes on behind the last finished file after an interruption', async () => {
    shardedCheckpoint(folder)
    const stop = new AbortController()
    const onProgress = ({ file }: { file: string }) => {
      if (file.startsWith('model-00002')) stop.abort()
    }
    await assert.rejects(run({ onProgress, signal: stop.signal }), { name: 'AbortError' })
    const [partial] = readdirSync(modelsDir) as [string]
    const first = join(modelsDir, partial, 'package/model-00001-of-00002.safetensors')
    assert.ok(existsSync(first))
    const { ino } = statSync(first)
    const { directory, manifest } = await run()
    assert.equal(statSync(join(directory, basename(first))).ino, ino)
    await verifyPackage(directory, manifest)
    const again = await importCheckpoint(folder, {
      modelsDir: join(scratch, 'again'),
      quantise: INT8,
      thresholds: LAX,
    })
    assert.deepEqual(again.manifest.files, manifest.files, 'the same files as without one')
  })

  it('names the value that is no number', async () => {
    copyCheckpoint('decoders/qwen2', folder)
    editWeights(join(folder, 'model.safetensors'), (header, data) => {
      const [start] = header['model.layers.0.mlp.up_proj.weight']!.data_offsets
      assert.equal(header['model.layers.0.mlp.up_proj.weight']!.dtype, 'F32')
      data.writeFloatLE(Number.POSITIVE_INFINITY, start + 4 * 3)
    })
    await assert.rejects(run(), {
      code: 'invalid_package',
      message: /tensor model\.layers\.0\.mlp\.up_proj\.weight: element 3 is NaN or infinite/,
    })
  })

  it('refuses a quantised weight whose parts do not fit', async () => {
    copyCheckpoint('decoders/qwen2', folder)
    const { directory } = await run({ out: join(scratch, 'out') })
    const path = join(directory, 'model.safetensors')
    const { chmodSync } = await import('node:fs')
    chmodSync(path, 0o644)
    const name = 'model.layers.0.mlp.up_proj.weight'
    editWeights(path, (header) => {
      header['aside'] = header[`${name}.scales`]!
      delete header[`${name}.scales`]
    })
    await assert.rejects(openModelFiles(directory), {
      code: 'invalid_package',
      message:
        /quantised weight model\.layers\.0\.mlp\.up_proj\.weight has scales none, expected F16/,
    })
  })
})
