/** RADIO: a tower for pictures of any size, published alone. Its numbers are checked in `test/parity/`. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { type RadioConfig, readRadioConfig } from '../../models/blocks/radio-config.ts'
import { ConfigReader } from '../../models/config-reader.ts'
import { loadModelConfig } from '../../models/load-config.ts'
import { family, nearestSupported, radioEncoder } from '../../models/radio.ts'
import { readConfig } from '../../src/config.ts'
import { createBackend } from '../../src/engine/backends/create.ts'
import { runItemStages } from '../../src/engine/backends/graph-stages.ts'
import { openModelFiles } from '../../src/engine/backends/model-files.ts'
import { importCheckpoint } from '../../src/import/import-checkpoint.ts'
import { locateModel } from '../../src/import/locate-model.ts'
import { inspectModel } from '../../src/inspect/inspect.ts'
import { inspectionText } from '../../src/inspect/report.ts'
import { openModel } from '../../src/main.ts'
import { Checkpoint } from '../../src/weights/checkpoint.ts'
import { writeSafetensors } from '../../src/weights/safetensors-writer.ts'
import { BACKENDS_HERE } from '../support/backends.ts'
import { relativeError } from '../support/relative-error.ts'
import { seededRandom } from '../support/seeded-random.ts'

const CASE = resolve(import.meta.dirname, '../fixtures/radio/radio-v25-norm-adaptors')
const CHECKPOINT = join(CASE, 'checkpoint')
const SESSION = { threads: 1, kvCacheBytes: 1 << 20, kvBlockSize: 16 }
const BACKENDS = BACKENDS_HERE

type Json = Record<string, unknown> & { args: Record<string, unknown> }
const rawConfig = () => JSON.parse(readFileSync(join(CHECKPOINT, 'config.json'), 'utf8')) as Json
const withArgs = (args: object): Json => {
  const raw = rawConfig()
  return { ...raw, args: { ...raw.args, ...args } }
}
const read = (raw: unknown): RadioConfig => readRadioConfig(new ConfigReader(raw))

describe("RADIO's config", () => {
  it('is known by its class, because its model_type is empty', async () => {
    assert.equal(rawConfig()['model_type'], '')
    assert.equal((await loadModelConfig(CHECKPOINT)).family.modelType, 'radio')
  })

  it('takes sizes from model_kwargs before those of the name', () => {
    const { hiddenSize, layers, heads, intermediateSize } = read(rawConfig())
    assert.deepEqual([hiddenSize, layers, heads, intermediateSize], [40, 6, 5, 108])
    const named = read({ ...withArgs({ model_kwargs: {} }), adaptor_names: null })
    assert.deepEqual([named.hiddenSize, named.layers, named.heads], [1024, 24, 16])
  })

  it('counts registers: as many as are asked for, else up to a multiple, and a whole one where it is met', () => {
    const registers = (args: object) => read(withArgs(args)).registers
    assert.equal(registers({ cpe_num_registers: 4, register_multiple: 6 }), 4)
    assert.equal(registers({ cpe_num_registers: 0, register_multiple: 6 }), 2)
    assert.equal(registers({ register_multiple: 4 }), 4)
    assert.equal(registers({ register_multiple: null }), 0)
  })

  it('scales the layers of the v2 forms and puts a norm into the MLP of the mlpnorm form', () => {
    const of = (model: string) => read(withArgs({ model }))
    assert.equal(of('vit_base_patch16_v2_224').layerScale, 'grandma')
    assert.equal(of('vit_base_patch16_224').layerScale, undefined)
    assert.equal(of('vit_huge_patch16_224_mlpnorm').hasMlpNorm, true)
  })

  it('resizes a table before cropping it only where it is not of the size of the training', () => {
    assert.equal(read(rawConfig()).hasCroppedPositions, true)
    const same = withArgs({ model_kwargs: { ...kwargs(), img_size: 128 } })
    assert.equal(read(same).hasCroppedPositions, false)
  })

  it('is refused by the name of what is not known here', () => {
    const adaptors = rawConfig()['adaptor_configs'] as Record<string, Record<string, object>>
    const clip = (change: object) => ({
      ...rawConfig(),
      adaptor_configs: { ...adaptors, clip: { ...adaptors['clip'], ...change } },
    })
    const refused: [raw: unknown, message: RegExp][] = [
      [withArgs({ model: 'eradio' }), /^args\.model: expected .*got "eradio"$/],
      [
        withArgs({ model_kwargs: { qk_norm: true } }),
        /^args\.model_kwargs\.qk_norm: expected nothing, or one of .* instead, got true$/,
      ],
      [withArgs({ cpe_max_size: null }), /^args\.cpe_max_size: expected an integer .*got null$/],
      [withArgs({ gp: 'avg' }), /^args\.gp: expected "token", got "avg"$/],
      [withArgs({ mlp_version: 'v3' }), /^args\.mlp_version: expected "v1" or "v2", got "v3"$/],
      [withArgs({ mlp_version: 'v1' }), /^args\.mlp_version: expected "v2", got "v1"$/],
      [
        { ...rawConfig(), patch_size: 14 },
        /^patch_size: expected 16, which the model reads, got 14$/,
      ],
      [
        { ...rawConfig(), inter_feature_normalizer_config: { num_intermediates: 2 } },
        /^inter_feature_normalizer_config: expected null/,
      ],
      [clip({ head_idx: 9 }), /^args\.teachers: expected 10 tokens for the adaptors' head_idx/],
      [
        clip({ summary: { ...adaptors['clip']!['summary'], input_dim: 41 } }),
        /^adaptor_configs\.clip\.summary\.input_dim: expected 40, the width of the model, got 41$/,
      ],
    ]
    for (const [raw, message] of refused) assert.throws(() => read(raw), { message })
  })
})

describe('RADIO', () => {
  it('brings a picture to the nearest size, half to even, as the published code does', () => {
    const { nearest_supported } = JSON.parse(readFileSync(join(CASE, 'expected.json'), 'utf8')) as {
      nearest_supported: { hw: [number, number]; out: [number, number] }[]
    }
    const config = read(rawConfig())
    for (const { hw, out } of nearest_supported) {
      const { height, width } = nearestSupported(config, ...hw)
      assert.deepEqual([height, width], out)
    }
  })

  for (const backend of BACKENDS) {
    it(`is a tower of one tile at its preferred size on ${backend}, and no decoder`, async () => {
      const loaded = await createBackend(backend)
      await assert.rejects(loaded.loadDecoder(CHECKPOINT, SESSION), {
        code: 'invalid_package',
        message: 'this model has no decoder',
      })
      const encoder = await loaded.loadEncoder(CHECKPOINT, SESSION)
      const [height, width] = read(rawConfig()).preferred
      const tiles = [1, 2].map((seed) => noise(seed, height, width))
      const together = await encoder.encode(Float32Array.from([...tiles[0]!, ...tiles[1]!]), 2)
      const apart = await Promise.all(tiles.map((tile) => encoder.encode(tile, 1)))
      assert.equal(together.length, 2 * encoder.tokensPerTile * encoder.hiddenSize)
      assert.ok(relativeError(together, [...apart[0]!, ...apart[1]!]) < 1e-5)
      await encoder.dispose()
    })

    it(`joins the summaries that the checkpoint lists, in its order, on ${backend}`, async () => {
      const folder = await changedSummaries([3, 0, 2])
      const outputs = await Promise.all(
        [CHECKPOINT, folder].map((checkpoint) => summaryOf(checkpoint, backend)),
      )
      const [listed, changed] = outputs as [Float32Array, Float32Array]
      const token = (of: Float32Array, i: number) => of.subarray(i * 40, (i + 1) * 40)
      assert.deepEqual(token(changed, 1), token(listed, 0))
      assert.deepEqual(token(changed, 2), token(listed, 2))
      assert.notDeepEqual(token(changed, 0), token(listed, 1))
      rmSync(folder, { recursive: true })
    })
  }

  it('does not sit down to talk', async () => {
    await assert.rejects(openModel(await readConfig({ model: CHECKPOINT }, undefined)), {
      code: 'invalid_package',
      message: /a radio checkpoint is a tower without a decoder, so it cannot hold a conversation$/,
    })
  })

  it('is imported, inspected and opened as a tower, without a text side', async () => {
    const modelsDir = mkdtempSync(join(tmpdir(), 'aerie-radio-package-'))
    const { directory, manifest } = await importCheckpoint(CHECKPOINT, { modelsDir })
    assert.deepEqual([manifest.prompt, manifest.tokenizer], [null, null])
    const { problems, embeddings, family, parity } = await inspectModel(directory, {
      verify: true,
    })
    assert.deepEqual([problems, family], [[], 'radio'])
    const { outputs, step, preferred } = embeddings as Record<string, unknown>
    assert.deepEqual((outputs as object[])[0], {
      ...{ name: 'summary', kind: 'summary', channels: 120, upsampling: 1 },
    })
    assert.deepEqual([step, preferred], [16, { height: 64, width: 64 }])
    const text = inspectionText(await inspectModel(CHECKPOINT, { verify: false }))
    assert.match(text, /^Embeddings +outputs summary \(120\), features \(40\), clip \(28\)/m)
    assert.match(text, /radio-v25-norm-adaptors +\d+ stages, at most \d\.\de-\d/)
    assert.equal(parity?.cases.length, 3)
    const located = await locateModel(
      { model: directory },
      { modelsDir, verify: true, hub: {}, offline: true },
    )
    assert.equal(located.manifest?.digest, manifest.digest)
    rmSync(modelsDir, { recursive: true })
  })

  it('computes the one output that is wanted', () => {
    const tower = family.embeddingTower!(read(rawConfig()))
    const size = { height: 32, width: 48 }
    for (const output of tower.outputs) {
      const { outputs, weights } = tower.graph(size, output)
      assert.deepEqual(
        outputs.map(({ name }) => name),
        [output.output],
      )
      const adaptors = new Set(
        weights.flatMap(({ name }) => /^adaptors\.(\w+)/.exec(name)?.[1] ?? []),
      )
      assert.deepEqual(
        [...adaptors],
        output.output.includes('.') ? [output.name.split('.')[0]] : [],
      )
    }
  })

  it('has every tensor of the published checkpoint in its graph, and only those', async () => {
    await using _ = (await openModelFiles(CHECKPOINT)).checkpoint
    const graph = family.graphs(read(rawConfig())).encoder!
    assert.deepEqual(
      graph.outputs.map(({ name }) => name),
      [
        'summary',
        'features',
        ...['clip', 'dino_v2', 'sam'].flatMap((name) => [`${name}.summary`, `${name}.features`]),
      ],
    )
  })

  it('sees in windows only pictures that are whole windows', () => {
    const config = read(rawConfig())
    const windows = { side: 2, period: 3 }
    assert.ok(radioEncoder(config, { height: 64, width: 96, windows }))
    assert.throws(() => radioEncoder(config, { height: 48, width: 96, windows }), {
      message: '3×6 patches are not whole windows of 2×2',
    })
  })
})

function kwargs(): object {
  return rawConfig().args['model_kwargs'] as object
}

function noise(seed: number, height: number, width: number): Float32Array {
  const random = seededRandom(seed)
  return Float32Array.from({ length: 3 * height * width }, () => random())
}

async function summaryOf(checkpoint: string, backend: string): Promise<Float32Array> {
  const files = await openModelFiles(checkpoint)
  await using _ = files.checkpoint
  const graph = radioEncoder(read(rawConfig()), { height: 32, width: 48 })
  return (await runItemStages(files, backend, graph, noise(3, 32, 48))).get('summary')!
}

/** A copy of the checkpoint that lists other summaries. */
async function changedSummaries(listed: readonly number[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'aerie-radio-'))
  cpSync(join(CHECKPOINT, 'config.json'), join(folder, 'config.json'))
  await using source = await Checkpoint.open(CHECKPOINT)
  const tensors = await Promise.all(
    [...source.tensors.values()].map(async (tensor) => {
      const { name, shape } = tensor
      if (name.endsWith('summary_idxs'))
        return { name, shape, values: listed, dtype: 'I64' } as const
      return { name, shape, values: await source.readFloats(tensor), dtype: 'F32' } as const
    }),
  )
  await writeSafetensors(join(folder, 'model.safetensors'), tensors)
  return folder
}
