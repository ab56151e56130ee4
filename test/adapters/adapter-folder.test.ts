/** Folders of adapters: which fit a model, and why others do not; and files that somebody has damaged. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { loadModelConfig } from '../../models/load-config.ts'
import { type AdapterBase, adapterBase } from '../../src/adapters/adapter-base.ts'
import { AdapterFolder } from '../../src/adapters/adapter-folder.ts'
import { adapterBaseOf } from '../../src/adapters/model-base.ts'
import { adapterSources, openAdapters } from '../../src/adapters/open-adapters.ts'
import { createBackend } from '../../src/engine/backends/create.ts'
import { AerieError } from '../../src/errors.ts'
import {
  CONFIG,
  type Matrix,
  PLAIN,
  prepared,
  QWEN2,
  RANK_STABILISED,
  randomAdapter,
  writeAdapter,
} from '../support/adapters.ts'
import { scratchFolder } from '../support/checkpoint-folder.ts'
import { mutate } from '../support/mutate.ts'
import { NO_ADDON } from '../support/native-programs.ts'
import { FIXTURES } from '../support/recorded-cases.ts'

const WEIGHTS = 'adapter_model.safetensors'
const Q0 = 'base_model.model.model.layers.0.self_attn.q_proj'
const LIMITS = { maxRank: 256 }

describe('an adapter folder', () => {
  let scratch: string
  let base: AdapterBase
  let plain: Record<string, Matrix>
  let count = 0
  before(async () => {
    scratch = scratchFolder()
    base = await adapterBaseOf(QWEN2)
    plain = randomAdapter((await loadModelConfig(QWEN2)).graphs.decoder!, { seed: 1 })
  })
  after(() => rmSync(scratch, { recursive: true }))

  const written = (tensors: Record<string, Matrix>, config: object = CONFIG) =>
    writeAdapter(join(scratch, `${count++}`), tensors, config)
  const open = (folder: string, on = base) =>
    AdapterFolder.open({ name: 'mine', folder }, on, LIMITS)
  const refused = async (folder: string, message: RegExp, on = base) =>
    await assert.rejects(open(folder, on), (error) => {
      assert.ok(error instanceof AerieError && error.code === 'invalid_package', String(error))
      assert.match(error.message, /^adapter mine: /)
      assert.match(error.message, message)
      return true
    })
  const without = (name: string) =>
    Object.fromEntries(Object.entries(plain).filter(([key]) => key !== name))

  it('says what it is', async () => {
    await using folder = await open(RANK_STABILISED)
    const { digest, bytes, created: _, ...facts } = await folder.facts()
    assert.match(digest, /^[0-9a-f]{64}$/)
    assert.ok(bytes > 0)
    assert.deepEqual(facts, {
      name: 'mine',
      ranks: { least: 2, most: 5 },
      targets: ['down_proj', 'o_proj', 'q_proj', 'v_proj'],
      modules: 8,
      parameters: 1856,
      dtypes: { BF16: 16 },
      trainedOn: 'tiny/qwen2',
    })
  })

  it('is counted as many bytes as it takes', { skip: NO_ADDON }, async () => {
    for (const path of [PLAIN, RANK_STABILISED]) {
      await using folder = await open(path)
      const { memory } = await prepared(await createBackend('native'), QWEN2, path)
      assert.equal(memory.byteLength, (await folder.facts()).bytes)
    }
  })

  it('fits whatever nests the language model', async () => {
    for (const wrapper of ['language_model.', 'llm.', 'model.language_model.']) {
      const nested = Object.fromEntries(
        Object.entries(plain).map(([name, matrix]) => [
          name.replace('base_model.model.', `base_model.model.${wrapper}`),
          matrix,
        ]),
      )
      await using folder = await open(written(nested))
      assert.equal(folder.pairs.length, 21, wrapper)
    }
    const moved = Object.fromEntries(
      Object.entries(plain).map(([name, matrix]) => [
        name
          .replace('base_model.model.model.', 'base_model.model.model.language_model.')
          .replace('.weight', '.default.weight'),
        matrix,
      ]),
    )
    await using folder = await open(written(moved))
    assert.equal(folder.pairs.length, 21)
  })

  it('fits decoders of published pictures models by their own names', async () => {
    for (const [path, prefix, linears] of [
      ['vila/vila15', 'llm.', 7],
      ['eagle2/eagle2-moe', 'language_model.', 7],
    ] as const) {
      const { graphs, family } = await loadModelConfig(join(FIXTURES, path, 'checkpoint'))
      const adapter = randomAdapter(graphs.decoder!, { seed: 2, wrapper: prefix })
      await using folder = await open(written(adapter), adapterBase({ graphs, family }))
      assert.equal(folder.pairs.length % linears, 0, path)
      const tower = graphs.encoder!.weights.find(
        ({ shape, name }) => shape.length === 2 && name.endsWith('q_proj.weight'),
      )!
      const module = `base_model.model.${tower.name.replace('.weight', '')}`
      await refused(
        written({
          [`${module}.lora_A.weight`]: matrix(2, tower.shape[1]!),
          [`${module}.lora_B.weight`]: matrix(tower.shape[0]!, 2),
        }),
        /part of a tower or projector; only adapters of the decoder are served/,
        adapterBase({ graphs, family }),
      )
    }
  })

  it('has rows of one matrix for each part of a fused weight', async () => {
    const phi3 = join(FIXTURES, 'decoders/phi3/checkpoint')
    const { graphs, family } = await loadModelConfig(phi3)
    const adapter = randomAdapter(graphs.decoder!, { seed: 3 })
    await using folder = await open(written(adapter), adapterBase({ graphs, family }))
    assert.ok(folder.shapes().length > folder.pairs.length)
    for await (const { up } of folder.matrices())
      assert.equal(up.values.byteLength, 4 * up.shape[0] * up.shape[1])
  })

  it('is refused with the names of what does not fit', async () => {
    await refused(
      written(without(`${Q0}.lora_B.weight`)),
      /layers\.0\.self_attn\.q_proj: lora_B is missing/,
    )
    await refused(
      written({ ...plain, [`${Q0}.lora_A.weight`]: matrix(2, 41) }),
      /q_proj: lora_A is \[2, 41\], expected \[2, 40\] for a weight \[40, 40\] at rank 2/,
    )
    await refused(written(plain, { ...CONFIG, r: 3 }), /expected \[3, 40\].*at rank 3/)
    await refused(
      written(plain, { ...CONFIG, r: 300 }),
      /rank 300, at most 256 are served \(maxAdapterRank\)/,
    )
    await refused(
      written(plain, { ...CONFIG, target_modules: ['q_proj'] }),
      /target_modules does not name it/,
    )
    const other = (module: string) => ({
      [`base_model.model.${module}.lora_A.weight`]: matrix(2, 40),
      [`base_model.model.${module}.lora_B.weight`]: matrix(357, 2),
    })
    await refused(
      written(other('lm_head')),
      /lm_head: adapters of the token embedding and of the head are not served/,
    )
    await refused(
      written(other('model.layers.7.self_attn.q_proj')),
      /layers\.7\.self_attn\.q_proj: is no linear of this model's decoder/,
    )
    await refused(
      written({ ...plain, 'base_model.model.model.embed_tokens.lora_embedding_A': matrix(2, 357) }),
      /adapter of the embedding/,
    )
    await refused(
      written({ ...plain, [`${Q0}.lora_magnitude_vector`]: matrix(1, 40) }),
      /magnitude of DoRA/,
    )
    await refused(
      written({ ...plain, [`${Q0}.bias`]: matrix(1, 40) }),
      /a bias, which is not added/,
    )
    await refused(
      written({ ...plain, 'base_model.model.x.modules_to_save.weight': matrix(1, 40) }),
      /a whole module/,
    )
    await refused(
      written({ ...plain, [`${Q0}.lora_A.second.weight`]: matrix(2, 40) }),
      /2 adapters|two matrices/,
    )
    await refused(
      written({
        'base_model.model.llm.model.layers.0.self_attn.q_proj.lora_A.weight': matrix(2, 40),
        ...plain,
      }),
      /lora_B is missing/,
    )
    await refused(written({}), /there are no tensors/)
    await refused(scratch, /no adapter_config.json/)
  })

  it('is refused as a pickle, with how to convert it', async () => {
    const folder = written({})
    rmSync(join(folder, WEIGHTS))
    writeFileSync(join(folder, 'adapter_model.bin'), 'x')
    await refused(folder, /adapter_model\.bin is a pickle.*save_pretrained/)
    rmSync(join(folder, 'adapter_model.bin'))
    await refused(folder, /there is no adapter_model\.safetensors/)
  })

  it('reads nothing outside itself', async () => {
    const secret = join(scratch, 'secret')
    cpSync(PLAIN, secret, { recursive: true })
    const folder = join(scratch, 'links')
    mkdirSync(folder)
    symlinkSync(join(secret, 'adapter_config.json'), join(folder, 'adapter_config.json'))
    await refused(folder, /leads out of the model folder/)
    rmSync(join(folder, 'adapter_config.json'))
    cpSync(join(secret, 'adapter_config.json'), join(folder, 'adapter_config.json'))
    symlinkSync(join(secret, WEIGHTS), join(folder, WEIGHTS))
    await refused(folder, /leads out of the model folder/)
  })

  it('is refused where values are no numbers, when they are read', async () => {
    const folder = written({ ...plain, [`${Q0}.lora_A.weight`]: matrix(2, 40, Number.NaN) })
    await using opened = await open(folder)
    await assert.rejects(readAll(opened), {
      code: 'invalid_package',
      message: /^adapter mine: .*q_proj\.lora_A\.weight holds values that are no numbers/,
    })
  })

  it('is taken or refused, whatever happened to its files', async () => {
    const folder = join(scratch, 'damaged')
    cpSync(RANK_STABILISED, folder, { recursive: true })
    const whole = readFileSync(join(RANK_STABILISED, WEIGHTS))
    const seen = { taken: 0, refused: 0 }
    for (let seed = 0; seed < 200; seed++) {
      const header = mutate(whole.subarray(0, 2000), seed)
      writeFileSync(join(folder, WEIGHTS), Buffer.concat([header, whole.subarray(2000)]))
      try {
        await using opened = await open(folder)
        await readAll(opened)
        seen.taken++
      } catch (error) {
        assert.ok(
          error instanceof AerieError && error.code === 'invalid_package',
          `seed ${seed}: ${error}`,
        )
        assert.ok(error.message.length < 3000, `seed ${seed}`)
        seen.refused++
      }
    }
    assert.ok(seen.refused > 40, JSON.stringify(seen))
  })
})

describe('the adapters of a server', () => {
  it('are named, each once and not as the model', async () => {
    const { graphs, family } = await loadModelConfig(QWEN2)
    const base = { name: 'qwen2', model: { graphs, family } }
    const bounds = { maxAdapterRank: 64, adapterMemoryBytes: 1 << 20 }
    for (const [texts, message] of [
      [['poet'], /"poet": expected name=folder/],
      [['=x'], /expected name=folder/],
      [['a b=x'], /white space/],
      [['a=x', 'a=y'], /two are called a/],
    ] as const)
      assert.throws(() => adapterSources(texts), { code: 'invalid_config', message })
    const remarks: string[] = []
    const at = (name: string) => adapterSources([`${name}=${PLAIN}`])
    const opened = await openAdapters(at('poet'), base, bounds, (text) => remarks.push(text))
    assert.deepEqual([...opened.keys()], ['poet'])
    // It was trained on tiny/qwen2: the same name.
    assert.deepEqual(remarks.length, 1)
    await openAdapters(at('poet'), { ...base, name: 'else' }, bounds, (text) => remarks.push(text))
    assert.match(remarks.at(-1)!, /trained on tiny\/qwen2, which is not what else is called/)
    await assert.rejects(
      openAdapters(at('qwen2'), base, bounds, () => {}),
      { code: 'invalid_config' },
    )
    await assert.rejects(
      openAdapters(at('poet'), base, { ...bounds, adapterMemoryBytes: 100 }, () => {}),
      {
        code: 'invalid_config',
        message: /poet takes \d+ bytes, adapterMemoryBytes is 100/,
      },
    )
  })
})

function matrix(rows: number, columns: number, value = 0.1): Matrix {
  return { shape: [rows, columns], values: new Float32Array(rows * columns).fill(value) }
}

async function readAll(folder: AdapterFolder): Promise<void> {
  for await (const _ of folder.matrices());
}
