/** From the hub's id to a package that is served, over a hub of our own. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { importCheckpoint } from '../../src/import/import-checkpoint.ts'
import { importModel } from '../../src/import/import-model.ts'
import { locateModel } from '../../src/import/locate-model.ts'
import {
  copyCheckpoint,
  readTree,
  scratchFolder,
  shardedCheckpoint,
} from '../support/checkpoint-folder.ts'
import {
  COMMIT,
  type FakeHub,
  type Misbehaviour,
  REPOSITORY,
  startFakeHub,
} from '../support/fake-hub.ts'

describe('a model of the hub', () => {
  let scratch: string
  let modelsDir: string
  let hub: FakeHub | undefined
  beforeEach(() => {
    scratch = scratchFolder()
    modelsDir = join(scratch, 'models')
  })
  afterEach(async () => {
    await hub?.close()
    hub = undefined
    rmSync(scratch, { recursive: true })
  })

  const start = async (files: ReadonlyMap<string, Buffer>, misbehaviour: Misbehaviour = {}) => {
    hub = await startFakeHub(files, misbehaviour)
    return {
      modelsDir,
      hub: { endpoint: hub.url },
      offline: false,
      verify: false,
    }
  }
  const source = { model: REPOSITORY }

  it('is fetched without what it does not need, imported, and found again without the network', async () => {
    const files = readTree(shardedCheckpoint(join(scratch, 'tiny')))
    files.set('pytorch_model.bin', Buffer.from('a pickle'))
    files.set('consolidated.safetensors', Buffer.from('the same once more'))
    files.set('original/params.json', Buffer.from('{}'))
    const options = await start(files)
    const { directory, manifest } = await importModel(source, options)
    assert.equal(manifest.name, 'tiny')
    assert.deepEqual(
      { ...manifest.parent, digest: '' },
      { kind: 'hub', id: REPOSITORY, revision: COMMIT, digest: '' },
    )
    const fetched = hub!.fetched.join(' ')
    assert.doesNotMatch(fetched, /pytorch_model|consolidated|original/)
    assert.match(fetched, /model-00001-of-00002\.safetensors model-00002-of/)
    assert.deepEqual(readdirSync(modelsDir), [directory.split('/').at(-1)], 'no download is left')

    const again = await importModel(source, options)
    assert.equal(again.wasThere, true)
    const requests = hub!.seen.length
    const located = await locateModel(source, { ...options, offline: true })
    assert.equal(located.directory, directory)
    assert.equal(located.name, 'tiny')
    assert.equal(hub!.seen.length, requests)
  })

  it('with parts in sub-folders comes with them', async () => {
    const options = await start(readTree(copyCheckpoint('vila/vila15', join(scratch, 'vila'))))
    const { manifest } = await importModel(source, options)
    assert.equal(manifest.family, 'llava_llama')
  })

  it('comes with the config that its family reads in a folder of its own', async () => {
    const files = readTree(copyCheckpoint('vila-u/understanding', join(scratch, 'vila-u')))
    const nested = 'vision_tower/siglip-tiny-patch4-16/config.json'
    const { manifest } = await importModel(source, await start(files))
    assert.ok(manifest.files.some(({ path }) => path === nested))
    assert.ok(hub!.fetched.includes(nested))
  })

  it('is imported again in another form, and found in each that it was', async () => {
    const options = await start(readTree(copyCheckpoint('vila/vila15', join(scratch, 'tiny'))))
    const forms = [
      undefined,
      { method: 'int8', group: 32, rounding: 'nearest' },
      { method: 'int8', group: 128, rounding: 'nearest' },
      { method: 'int8', group: 32, rounding: 'gptq' },
    ] as const
    const made = new Set<string>()
    for (const quantise of forms) {
      const { directory, wasThere } = await importModel(source, { ...options, quantise })
      assert.equal(wasThere ?? false, false, JSON.stringify(quantise))
      made.add(directory)
    }
    assert.equal(made.size, forms.length)
    for (const offline of [false, true]) {
      for (const [i, quantise] of forms.entries()) {
        const again = await importModel(source, { ...options, offline, quantise })
        assert.equal(again.wasThere, true)
        assert.equal(again.directory, [...made][i])
      }
    }
    const quantise = { method: 'int8', group: 128, rounding: 'gptq' } as const
    await assert.rejects(importModel(source, { ...options, offline: true, quantise }), {
      code: 'download_failed',
    })
  })

  it('of a tower alone, which has no groups, is the same however they would be made', async () => {
    const tower = copyCheckpoint('radio/radio-v25-norm-adaptors', join(scratch, 'radio'))
    const options = await start(readTree(tower))
    const quantise = { method: 'int8', group: 32, rounding: 'nearest' } as const
    await importModel(source, { ...options, quantise })
    const other = { method: 'int8', group: 128, rounding: 'gptq' } as const
    assert.equal((await importModel(source, { ...options, quantise: other })).wasThere, true)
  })

  it('that cannot be served is told from its small files', async () => {
    const files = readTree(copyCheckpoint('decoders/qwen2', join(scratch, 'tiny')))
    files.set('config.json', Buffer.from('{"model_type": "made_up"}'))
    await assert.rejects(importModel(source, await start(files)), {
      code: 'invalid_package',
      message: /made_up/,
    })
    assert.ok(!hub!.fetched.includes('model.safetensors'))
  })

  it('with pickles alone is refused with the command that converts them', async () => {
    const files = readTree(copyCheckpoint('decoders/qwen2', join(scratch, 'tiny')))
    files.delete('model.safetensors')
    files.set('pytorch_model.bin', Buffer.from('a pickle'))
    await assert.rejects(importModel(source, await start(files)), {
      code: 'invalid_package',
      message: /pytorch_model\.bin is a Python pickle.*python3/,
    })
  })

  it('whose index leads elsewhere is refused, and nothing is fetched from there', async () => {
    const files = readTree(shardedCheckpoint(join(scratch, 'tiny')))
    const index = { weight_map: { 'model.norm.weight': '../../../secret.safetensors' } }
    files.set('model.safetensors.index.json', Buffer.from(JSON.stringify(index)))
    await assert.rejects(importModel(source, await start(files)), {
      code: 'invalid_package',
      message: /not a file name/,
    })
    assert.ok(hub!.seen.every(({ path }) => !path.includes('secret')))
  })

  it('is out of reach offline, and nothing else is a model', async () => {
    const options = { ...(await start(new Map())), offline: true }
    await assert.rejects(locateModel(source, options), {
      code: 'download_failed',
      message: /owner\/tiny has not been imported, and the network is off/,
    })
    assert.equal(hub!.seen.length, 0)
    for (const model of ['nowhere', '/no/where', 'a/b/c', '../nowhere', 'owner/..']) {
      await assert.rejects(locateModel({ model }, options), {
        code: 'invalid_package',
        message: /expected a folder, a GGUF file, or a hub id/,
      })
    }
  })
})

describe('a package that is to be served', () => {
  it('is hashed at first, and again when anything about its files changed', async (t) => {
    const scratch = scratchFolder()
    t.after(() => rmSync(scratch, { recursive: true }))
    const modelsDir = join(scratch, 'models')
    const folder = copyCheckpoint('decoders/qwen2', join(scratch, 'tiny'))
    const { directory, manifest } = await importCheckpoint(folder, { modelsDir })
    const options = { modelsDir, hub: {}, offline: true, verify: false }
    const located = await locateModel({ model: directory }, options)
    assert.equal(located.manifest?.digest, manifest.digest)
    assert.equal(located.name, 'tiny')
    assert.equal(readdirSync(join(modelsDir, '.verified')).length, 1)
    // A checkpoint is served as it lies.
    assert.equal((await locateModel({ model: folder }, options)).manifest, undefined)

    const path = join(directory, 'chat_template.jinja')
    writeFileSync(path, 'another template')
    await assert.rejects(locateModel({ model: directory }, options), {
      code: 'invalid_package',
      message: /chat_template\.jinja is no part of this package/,
    })
    rmSync(path)
    assert.ok(existsSync(directory))
  })
})
