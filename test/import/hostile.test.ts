/**
 * Ten thousand damaged descriptions of checkpoints: whatever a header, an index, a config or a manifest says, it is taken or
 * refused in words, soon, and leads to no file outside the folder. A failure names its seed.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { loadModelConfig } from '../../models/load-config.ts'
import { findFamily } from '../../models/registry.ts'
import { digestModel } from '../../src/chat/model.ts'
import { openModelFiles } from '../../src/engine/backends/model-files.ts'
import { AerieError } from '../../src/errors.ts'
import { importCheckpoint } from '../../src/import/import-checkpoint.ts'
import { FILE_LIMITS, isJsonObject, readJson } from '../../src/model-folder.ts'
import { type Manifest, parseManifest, sealManifest } from '../../src/package/manifest.ts'
import { parseIndex } from '../../src/weights/checkpoint-index.ts'
import { headerLength, PREFIX_BYTES, parseHeader } from '../../src/weights/safetensors.ts'
import { copyCheckpoint, scratchFolder, shardedCheckpoint } from '../support/checkpoint-folder.ts'
import { damageBytes, damageJson } from '../support/damage.ts'
import { headerBytes } from '../support/safetensors-file.ts'
import { seededRandom } from '../support/seeded-random.ts'

const EACH = 2500
const LONGEST_MS = 5000

describe('hostile checkpoints', () => {
  let scratch: string
  let folder: string
  let manifest: Manifest
  before(async () => {
    scratch = scratchFolder()
    folder = shardedCheckpoint(join(scratch, 'tiny'))
    const { directory } = await importCheckpoint(folder, { modelsDir: join(scratch, 'models') })
    manifest = JSON.parse(readFileSync(join(directory, 'aerie.json'), 'utf8'))
    manifest = { ...manifest, tensors: manifest.tensors.slice(0, 3) }
  })
  after(() => rmSync(scratch, { recursive: true }))

  /** Runs `take` on many damages; it throws nothing but what `isRefusal` accepts. Says how many were taken. */
  const storm = (
    damage: (random: () => number) => unknown,
    take: (damaged: never) => void,
    isRefusal: (error: unknown) => boolean = isInvalid,
  ): number => {
    let taken = 0
    for (let seed = 1; seed <= EACH; seed++) {
      const damaged = damage(seededRandom(seed))
      const start = performance.now()
      try {
        take(damaged as never)
        taken += 1
      } catch (error) {
        if (!isRefusal(error)) {
          throw new Error(`seed ${seed}: ${JSON.stringify(damaged)?.slice(0, 2000)}`, {
            cause: error,
          })
        }
      }
      const ms = performance.now() - start
      assert.ok(ms < LONGEST_MS, `seed ${seed} took ${ms} ms`)
    }
    return taken
  }

  it('headers of weights', () => {
    const bytes = readFileSync(join(folder, 'model-00001-of-00002.safetensors'))
    const dataStart = PREFIX_BYTES + Number(bytes.readBigUInt64LE())
    const header = JSON.parse(bytes.subarray(PREFIX_BYTES, dataStart).toString())
    const data = bytes.subarray(dataStart)
    const damage = (random: () => number) =>
      random() < 0.5
        ? Buffer.concat([headerBytes(JSON.stringify(damageJson(header, random))), data])
        : damageBytes(bytes, random, dataStart)
    const taken = storm(damage, (damaged: Buffer) => {
      const length = headerLength(damaged, damaged.length)
      const text = damaged.subarray(PREFIX_BYTES, PREFIX_BYTES + length)
      for (const { offset, byteLength } of parseHeader(text, damaged.length))
        assert.ok(offset >= PREFIX_BYTES + length && offset + byteLength <= damaged.length)
    })
    assert.ok(taken < EACH / 2, `${taken} were taken`)
  })

  it('indexes', () => {
    const index = JSON.parse(readFileSync(join(folder, 'model.safetensors.index.json'), 'utf8'))
    storm(
      (random) => damageJson(index, random),
      (damaged) => {
        for (const file of parseIndex(damaged).values())
          assert.equal(resolve(folder, file), join(folder, file.replace(/^.*\//, '')))
      },
    )
  })

  it('configs', async () => {
    const text = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
    const vila = copyCheckpoint('vila/vila15', join(scratch, 'vila'))
    const whole = JSON.parse(readFileSync(join(vila, 'config.json'), 'utf8'))
    const families = { qwen2: await findFamily('qwen2'), llava: await findFamily('llava_llama') }
    // A family throws plain errors, in its own words; a TypeError would be a defect.
    const isRefusal = (error: unknown) =>
      error instanceof Error && ['Error', 'AerieError'].includes(error.name)
    storm(
      (random) =>
        random() < 0.5 ? ['qwen2', damageJson(text, random)] : ['llava', damageJson(whole, random)],
      ([name, config]: ['qwen2' | 'llava', unknown]) => {
        const family = families[name]
        const parsed = family.parseConfig(config)
        family.limits(parsed)
        family.graphs(parsed)
      },
      isRefusal,
    )
  })

  it('manifests', () => {
    storm(
      (random) => {
        const damaged = damageJson(manifest, random)
        // An attacker can give it the digest that fits.
        return isJsonObject(damaged) && random() < 0.7 ? sealManifest(damaged as Manifest) : damaged
      },
      (damaged) => {
        for (const { path } of parseManifest(damaged, 'aerie.json').files)
          assert.ok(resolve(folder, path).startsWith(`${folder}/`))
      },
    )
  })

  it('files of absurd size, and links that lead out, are not read', async () => {
    const hostile = copyCheckpoint('decoders/qwen2', join(scratch, 'hostile'))
    // Sparse: a gigabyte that takes no room.
    for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
      const path = join(hostile, name)
      const content = readFileSync(path)
      truncateSync(path, 2 ** 30)
      const start = performance.now()
      await assert.rejects(readJson(hostile, name, FILE_LIMITS.vocabulary), {
        code: 'invalid_package',
        message: /has 1073741824 bytes, at most \d+ are read/,
      })
      assert.ok(performance.now() - start < LONGEST_MS)
      writeFileSync(path, content)
    }
    const outside = join(scratch, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'config.json'), '{"secret": true}')
    rmSync(join(hostile, 'config.json'))
    symlinkSync(join(outside, 'config.json'), join(hostile, 'config.json'))
    await assert.rejects(loadModelConfig(hostile), /leads out of the model folder/)

    const vila = copyCheckpoint('vila/vila15', join(scratch, 'linked'))
    rmSync(join(vila, 'llm'), { recursive: true })
    symlinkSync(
      copyCheckpoint('vila/vila15', join(scratch, 'elsewhere')).concat('/llm'),
      join(vila, 'llm'),
    )
    await assert.rejects(openModelFiles(vila), /llm leads out of the model folder/)
  })

  it('pipes are refused instead of waited for, and a folder is not taken for weights', async () => {
    const hostile = copyCheckpoint('decoders/qwen2', join(scratch, 'pipes'))
    for (const name of ['model.safetensors', 'tokenizer.json', 'config.json', 'other.json']) {
      const path = join(hostile, name)
      const content = existsSync(path) && readFileSync(path)
      rmSync(path, { force: true })
      execFileSync('mkfifo', [path])
      const message = new RegExp(`/${name} is neither a file nor a folder$`)
      const refusal = { code: 'invalid_package', message }
      await assert.rejects(importCheckpoint(hostile, { modelsDir: scratch }), refusal)
      await assert.rejects(digestModel(hostile), refusal)
      rmSync(path)
      if (content) writeFileSync(path, content)
    }
    rmSync(join(hostile, 'model.safetensors'))
    mkdirSync(join(hostile, 'model.safetensors'))
    await assert.rejects(openModelFiles(hostile), {
      code: 'invalid_package',
      message: /\/model\.safetensors cannot be opened: it is a folder$/,
    })
  })

  it('a sub-folder that is not there is named', async () => {
    const vila = copyCheckpoint('vila/vila15', join(scratch, 'blind'))
    rmSync(join(vila, 'vision_tower'), { recursive: true })
    const message = /\/vision_tower: there is no such folder$/
    await assert.rejects(importCheckpoint(vila, { modelsDir: scratch }), { message })
    await assert.rejects(digestModel(vila, ['llm', 'vision_tower']), {
      code: 'invalid_package',
      message,
    })
  })
})

function isInvalid(error: unknown): boolean {
  return error instanceof AerieError && error.code === 'invalid_package'
}
