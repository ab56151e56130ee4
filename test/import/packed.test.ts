/** Packed weights in packages: when they are written, what they hold, what a kill leaves, and what is made of them. */
import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { FamilyGraphs } from '../../models/family.ts'
import type { Row } from '../../src/engine/backend.ts'
import { createBackend } from '../../src/engine/backends/create.ts'
import { FASTER_ON_ONNX } from '../../src/engine/backends/native-addon.ts'
import { requireNativeAddon } from '../../src/engine/backends/native-session.ts'
import { importCheckpoint } from '../../src/import/import-checkpoint.ts'
import { locateModel } from '../../src/import/locate-model.ts'
import { choosePacking, mostPackedBytes } from '../../src/import/packed-file.ts'
import { inspectModel } from '../../src/inspect/inspect.ts'
import { inspectionText } from '../../src/inspect/report.ts'
import { modelPath, PACKED_FILE, packedPath, type StoredPackage } from '../../src/package/store.ts'
import { verifyPackage } from '../../src/package/verify.ts'
import { BLOCKS } from '../../src/weights/gguf-blocks.ts'
import { openModelSource } from '../../src/weights/model-source.ts'
import { skipOf } from '../support/backends.ts'
import {
  copyCheckpoint,
  readTree,
  readWeights,
  scratchFolder,
} from '../support/checkpoint-folder.ts'
import { convertCheckpoint } from '../support/gguf-conversion.ts'
import { writeGguf } from '../support/gguf-file.ts'
import { randomBlocksModel } from '../support/gguf-random.ts'
import { sameBits } from '../support/native-programs.ts'
import { FIXTURES } from '../support/recorded-cases.ts'

const INT4 = { method: 'int4', group: 32 } as const
/** Random weights say nothing about how much is lost. */
const LAX = { klMean: 10, top1: 0, cosineMean: 0, cosineLeast: -1 }
const OPTIONS = { threads: 2, kvCacheBytes: 4 << 20, kvBlockSize: 16 }

/** Logits of a prompt and a token behind it, and what was said while loading. */
async function logits(found: StoredPackage, { isMapped = true } = {}) {
  const packedWeights = isMapped ? packedPath(found) : undefined
  const remarks: string[] = []
  const remark = (text: string) => remarks.push(text)
  const backend = await createBackend('native')
  const options = { ...OPTIONS, packedWeights, remark }
  const session = await backend.loadDecoder(modelPath(found), options)
  const row = (ids: number[]): Row => ({
    sequence: 1,
    input: [{ kind: 'tokens', ids: Int32Array.from(ids) }],
    want: 'logits',
  })
  const values: Float32Array[] = []
  for (const ids of [[1, 5, 9, 13, 2, 8, 40], [3]])
    values.push((await session.step([row(ids)]))[0]!.values!.slice())
  await session.dispose()
  return { values, remarks }
}

function assertSame(a: readonly Float32Array[], b: readonly Float32Array[]): void {
  assert.ok(a.length === b.length && a.every((values, i) => sameBits(values, b[i]!)))
}

describe('packed weights', { skip: skipOf('native') }, () => {
  let scratch: string
  let folder: string
  let modelsDir: string
  beforeEach(() => {
    scratch = scratchFolder()
    folder = copyCheckpoint('decoders/qwen2', join(scratch, 'tiny-qwen'))
    modelsDir = join(scratch, 'models')
  })
  afterEach(() => rmSync(scratch, { recursive: true }))

  const run = (options: object = {}) =>
    importCheckpoint(folder, { modelsDir, thresholds: LAX, packed: true, ...options })

  it('come with a package that is quantised, and with others when asked for', async () => {
    for (const [options, isPacked] of [
      [{ quantise: INT4, packed: undefined }, true],
      [{ quantise: INT4, packed: false }, false],
      [{ packed: undefined }, false],
      [{}, true],
    ] as const) {
      const { directory, manifest, remarks } = await run(options)
      assert.equal(manifest.packed !== undefined, isPacked, JSON.stringify(options))
      assert.equal(existsSync(join(directory, PACKED_FILE)), isPacked)
      assert.deepEqual(remarks, [])
      await verifyPackage(directory, manifest)
    }
  })

  it('are a block for every matrix, under the digest of the package', async () => {
    const { directory, manifest } = await run()
    const path = join(directory, PACKED_FILE)
    const { header } = readWeights(path)
    const bytes = readFileSync(path)
    const dataStart = 8 + Number(bytes.readBigUInt64LE())
    // Seven to a layer, and the head.
    assert.equal(Object.keys(header).length, 7 * 3 + 1)
    assert.ok(header['model.layers.0.mlp.up_proj.weight 72×40 floats'])
    for (const { dtype, data_offsets } of Object.values(header)) {
      const start = dataStart + data_offsets[0]
      assert.equal(dtype, 'U8')
      assert.equal(start % 64, 0)
      assert.equal(bytes.toString('latin1', start, start + 8), 'AERIELIN')
    }
    const { version, ...sizes } = manifest.packed!
    assert.deepEqual(sizes, { blocks: 22, bytes: bytes.length - dataStart })
    assert.ok(version >= 1)
    assert.ok(manifest.files.some(({ path }) => path === PACKED_FILE))
    assert.equal(statSync(path).mode & 0o222, 0)
    assert.match(
      inspectionText(await inspectModel(directory, { verify: true })),
      /Packed +22 weights, .* version \d+/,
    )
    const without = await run({ packed: false })
    assert.equal(manifest.parent.digest, without.manifest.parent.digest)
    assert.notEqual(manifest.digest, without.manifest.digest)
  })

  it('compute what weights do that are packed at the start, to the last bit', async () => {
    const found = await run()
    const mapped = await logits(found)
    assert.match(
      mapped.remarks.join(),
      /^decoder: 22 packed weights .* are mapped from .*safetensors$/,
    )
    const without = await logits(found, { isMapped: false })
    assert.deepEqual(without.remarks, [])
    assertSame(mapped.values, without.values)
  })

  it('are those of towers too, quantised in their own form', async () => {
    copyCheckpoint('vila/vila15', folder)
    const found = await run({ quantise: INT4 })
    const { header } = readWeights(join(found.directory, PACKED_FILE))
    const tower = 'vision_tower.vision_model.encoder.layers'
    for (const name of [`${tower}.0.mlp.fc1.weight 60×32 rows`, 'lm_head.weight 420×48 16'])
      assert.ok(header[name], Object.keys(header).join('\n'))
    assertSame((await logits(found)).values, (await logits(found, { isMapped: false })).values)
  })

  it('of a tower are mapped once for pictures of all sizes, and told of once', async (t) => {
    const [isa] = requireNativeAddon().isas()
    if (FASTER_ON_ONNX.has(isa!)) return t.skip(`towers run on ONNX Runtime with ${isa}`)
    const radio = copyCheckpoint('radio/radio-v25-norm-adaptors', join(scratch, 'radio'))
    const found = await importCheckpoint(radio, { modelsDir, packed: true })
    const path = packedPath(found)!
    const remarks: string[] = []
    const options = {
      ...OPTIONS,
      packedWeights: path,
      remark: (text: string) => remarks.push(text),
    }
    const tower = await (await createBackend('native')).loadTower(modelPath(found), options, 4)
    // Whoever opens it anew for another size fails.
    renameSync(path, `${path}.aside`)
    const see = async (height: number, width: number) =>
      await tower.see(new Float32Array(3 * height * width).fill(0.5), 1, {
        ...{ height, width, output: 'summary' },
      })
    const { model } = await openModelSource(modelPath(found))
    const { step, preferred } = model.embeddingTower!
    await see(preferred.height, preferred.width + step)
    await see(preferred.height + step, preferred.width)
    assert.equal(tower.sessions.loads, 3)
    await tower.dispose()
    assert.equal(remarks.length, 1, remarks.join('\n'))
    assert.match(remarks[0]!, /packed weights .* mapped from/)
  })

  it('leave the rows of the embedding where they were when the package was checked', async () => {
    const found = await run()
    const expected = (await logits(found)).values
    const options = { ...OPTIONS, packedWeights: packedPath(found) }
    const session = await (await createBackend('native')).loadDecoder(modelPath(found), options)
    for (const name of readdirSync(found.directory))
      if (name.startsWith('model')) rmSync(join(found.directory, name))
    const ids = Int32Array.from([1, 5, 9, 13, 2, 8, 40])
    const [result] = await session.step([
      { sequence: 1, input: [{ kind: 'tokens', ids }], want: 'logits' },
    ])
    assert.ok(sameBits(result!.values!, expected[0]!))
    await session.dispose()
  })

  it('are left out, with the reason, of a model that the native runtime cannot run', async () => {
    const { model } = await openModelSource(join(FIXTURES, 'eagle/x5-vicuna-s160/checkpoint'))
    const { encoder } = model.graphs
    const form = { config: async () => ({ ...model, graphs: { encoder } as FamilyGraphs }) }
    const { isWanted, remarks } = await choosePacking(form, { quantise: INT4 })
    assert.equal(isWanted, false)
    assert.match(
      remarks.join(),
      /^the package has no packed weights: the native runtime cannot run it: relativeAttention/,
    )
    assert.deepEqual((await choosePacking(form, {})).remarks, [])
    await assert.rejects(choosePacking(form, { packed: true }), {
      code: 'invalid_config',
      message: /^--packed: the native runtime cannot run it: relativeAttention/,
    })
  })

  it('come with a GGUF file when asked for', async () => {
    const file = join(scratch, 'tiny.gguf')
    writeGguf(file, convertCheckpoint(folder, 'qwen2'))
    const without = await importCheckpoint(file, { modelsDir })
    assert.equal(without.manifest.packed, undefined)
    const found = await importCheckpoint(file, { modelsDir, packed: true })
    assert.ok(found.manifest.packed!.blocks > 0)
    const mapped = await logits(found)
    assert.match(mapped.remarks.join(), /mapped from .*safetensors$/)
    assertSame(mapped.values, (await logits(without)).values)
  })

  for (const type of ['Q4_K', 'Q5_1', 'Q6_K', 'Q8_0'] as const)
    it(`are a GGUF file's own ${type} blocks, counted at their packed size and mapped`, async () => {
      const file = join(scratch, 'blocks.gguf')
      const llama = convertCheckpoint(join(FIXTURES, 'decoders/llama-minitron-width/checkpoint'))
      const { metadata, tensors } = randomBlocksModel(llama, 'llama', type)
      const template = convertCheckpoint(folder, 'qwen2').metadata['tokenizer.chat_template']!
      writeGguf(file, { metadata: { ...metadata, 'tokenizer.chat_template': template }, tensors })
      const found = await importCheckpoint(file, { modelsDir, packed: true })
      const { header } = readWeights(join(found.directory, PACKED_FILE))
      assert.ok(
        header[`model.layers.1.mlp.down_proj.weight 256×512 ${BLOCKS[type].group}`],
        Object.keys(header).join('\n'),
      )
      const { model } = await openModelSource(file)
      const most = await mostPackedBytes(file, model, undefined)
      const { bytes } = found.manifest.packed!
      assert.ok(bytes <= most && most < 1.35 * bytes, `${bytes} of at most ${most}`)
      const mapped = await logits(found)
      // Seven of each of the two layers, and the head: none is packed at the start.
      assert.match(mapped.remarks.join(), /^decoder: 15 packed weights .*safetensors$/)
      assertSame(mapped.values, (await logits(found, { isMapped: false })).values)
    })

  it('are counted when the disk is asked for room, and never take more', async () => {
    const { model } = await openModelSource(folder)
    for (const quantise of [undefined, INT4, { method: 'int8', group: 128 } as const]) {
      const most = await mostPackedBytes(folder, model, quantise)
      const { manifest } = await run({ quantise })
      const { bytes } = manifest.packed!
      assert.ok(bytes <= most && most < 1.5 * bytes, `${bytes} of at most ${most}`)
      rmSync(modelsDir, { recursive: true })
    }
    const most = await mostPackedBytes(folder, model, undefined)
    const files = [...readTree(folder).values()].reduce((sum, { length }) => sum + length, 0)
    const room = 64 * 2 ** 20 + files
    const freeBytes = async () => room + most - 1
    await assert.rejects(run({ freeBytes }), { code: 'insufficient_storage' })
    await run({ freeBytes, packed: false })
    await run({ freeBytes: async () => room + most })
  })

  it('are found damaged before they are used', async () => {
    const { directory } = await run()
    const path = join(directory, PACKED_FILE)
    const bytes = readFileSync(path)
    chmodSync(path, 0o644)
    bytes[bytes.length - 100]! ^= 1
    writeFileSync(path, bytes)
    const options = { modelsDir, hub: {}, offline: true, verify: false }
    await assert.rejects(locateModel({ model: directory }, options), {
      code: 'invalid_package',
      message: new RegExp(`${PACKED_FILE} was changed: its SHA-256 is`),
    })
  })

  it('are named to the server by the package that has them', async () => {
    const options = { modelsDir, hub: {}, offline: true, verify: false }
    const { directory } = await run()
    const { packedWeights } = await locateModel({ model: directory }, options)
    assert.equal(packedWeights, join(directory, PACKED_FILE))
    const without = await run({ packed: false, out: join(scratch, 'without') })
    // Nobody listed it, so it is nobody's.
    assert.equal(
      (await locateModel({ model: without.directory }, options)).packedWeights,
      undefined,
    )
  })

  describe('that a runtime cannot take', () => {
    let found: StoredPackage
    let expected: readonly Float32Array[]
    beforeEach(async () => {
      found = await run()
      expected = (await logits(found)).values
      chmodSync(join(found.directory, PACKED_FILE), 0o644)
    })
    const edit = (change: (header: string) => string) => {
      const path = join(found.directory, PACKED_FILE)
      const bytes = readFileSync(path)
      const length = Number(bytes.readBigUInt64LE())
      const text = change(bytes.toString('utf8', 8, 8 + length))
      bytes.fill(' ', 8, 8 + length).write(text, 8)
      writeFileSync(path, bytes)
    }

    it('of another version are packed as ever, and the log says how to have them again', async () => {
      edit((header) => header.replace(/"packed_version":"\d+"/, '"packed_version":"0"'))
      const { values, remarks } = await logits(found)
      assertSame(values, expected)
      assert.match(
        remarks.join(),
        /packed weights of version 0, this runtime reads \d+: they are packed at each start; the same `aerie import …` with --force/,
      )
    })

    it('and one that is missing, alone', async () => {
      edit((header) => header.replace('q_proj.weight', 'x_proj.weight'))
      const { values, remarks } = await logits(found)
      assertSame(values, expected)
      assert.match(remarks.join(), /^decoder: 21 packed weights .*; 1 are not in it \(.*q_proj/)
    })

    it('since they are none: an error that names the file', async () => {
      const refuses = (message: RegExp) =>
        assert.rejects(logits(found), { code: 'invalid_package', message })
      edit((header) => header.replace('"U8"', '"I8"'))
      await refuses(/packed\.safetensors: .* is I8 at byte \d+, expected U8 at a multiple of 64/)
      edit(() => '{')
      await refuses(/packed\.safetensors: safetensors: the header is not valid JSON/)
      writeFileSync(join(found.directory, PACKED_FILE), 'x')
      await refuses(/packed\.safetensors: safetensors: the file has 1 bytes/)
      rmSync(join(found.directory, PACKED_FILE))
      await refuses(/packed\.safetensors: ENOENT/)
    })

    it('as a block is damaged: an error, and no answer', async () => {
      const path = join(found.directory, PACKED_FILE)
      const bytes = readFileSync(path)
      const dataStart = 8 + Number(bytes.readBigUInt64LE())
      bytes[dataStart + 20]! ^= 64
      writeFileSync(path, bytes)
      await assert.rejects(logits(found), {
        code: 'backend_failure',
        message: /packed linear: its sections are not where its shape puts them/,
      })
    })
  })

  it('go on where they were after a cut, and start anew when they are not wanted any more', async () => {
    const whole = (await run()).manifest
    rmSync(modelsDir, { recursive: true })
    const cut = async (at: string) => {
      const interrupt = new AbortController()
      await assert.rejects(
        run({
          signal: interrupt.signal,
          onProgress: ({ file, doneBytes }: { file: string; doneBytes: number }) =>
            file === at && doneBytes > 4 && interrupt.abort(),
        }),
        { name: 'AbortError' },
      )
    }
    await cut('packing the weights')
    const again = new Set<string>()
    const { manifest } = await run({ onProgress: ({ file }: { file: string }) => again.add(file) })
    assert.equal(manifest.digest, whole.digest)
    assert.ok(
      again.has('packing the weights') && !again.has('model.safetensors'),
      [...again].join(),
    )
    rmSync(modelsDir, { recursive: true })

    await cut('packing the weights')
    const [place] = readdirSync(modelsDir)
    assert.ok(existsSync(join(modelsDir, place!, 'package', PACKED_FILE)))
    const without = await run({ packed: false })
    assert.ok(!existsSync(join(without.directory, PACKED_FILE)))
    await verifyPackage(without.directory, without.manifest)
    assert.deepEqual(readdirSync(modelsDir), [basename(without.directory)])
  })
})
