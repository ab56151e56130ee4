/** From a published folder to a package: what it holds, what is refused, and what a kill leaves behind. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { importCheckpoint } from '../../src/import/import-checkpoint.ts'
import { lockFolder } from '../../src/import/lock.ts'
import { readManifest } from '../../src/package/manifest.ts'
import { verifyPackage } from '../../src/package/verify.ts'
import {
  copyCheckpoint,
  editJson,
  editWeights,
  readTree,
  scratchFolder,
  shardedCheckpoint,
} from '../support/checkpoint-folder.ts'

const INVALID = 'invalid_package'

describe('importing a folder', () => {
  let scratch: string
  let folder: string
  let modelsDir: string
  beforeEach(() => {
    scratch = scratchFolder()
    folder = join(scratch, 'tiny-qwen')
    modelsDir = join(scratch, 'models')
  })
  afterEach(() => rmSync(scratch, { recursive: true }))

  const run = (options: object = {}) => importCheckpoint(folder, { modelsDir, ...options })
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
  const refuses = async (message: RegExp) => {
    await assert.rejects(run(), { code: INVALID, message })
    const left = existsSync(modelsDir) ? readdirSync(modelsDir) : []
    assert.deepEqual(
      left.filter((name) => !name.endsWith('.partial')),
      [],
      'nothing has the name of a package',
    )
  }

  it('makes a package with every file under its digest', async () => {
    shardedCheckpoint(folder)
    writeFileSync(join(folder, 'README.md'), '---\nlicense: apache-2.0\n---\nA card.\n')
    writeFileSync(join(folder, 'training.log'), 'not part of a model')
    const { directory, manifest, wasThere } = await run()
    assert.equal(wasThere, false)
    assert.match(directory, /tiny-qwen-[0-9a-f]{12}$/)
    const source = readTree(folder)
    const made = readTree(directory)
    made.delete('aerie.json')
    assert.deepEqual([...made.keys()], manifest.files.map(({ path }) => path).sort())
    for (const { path, bytes, sha256: digest } of manifest.files) {
      assert.deepEqual(made.get(path), source.get(path))
      assert.equal(bytes, source.get(path)!.length)
      assert.equal(digest, sha256(source.get(path)!))
      assert.equal(statSync(join(directory, path)).mode & 0o222, 0, `${path} is read-only`)
    }
    assert.ok(!made.has('training.log') && !made.has('model.safetensors'))
    assert.equal(manifest.family, 'qwen2')
    assert.equal(manifest.license, 'apache-2.0')
    assert.deepEqual(manifest.parent.kind, 'folder')
    assert.equal(manifest.parent.id, 'tiny-qwen')
    assert.equal(manifest.prompt?.source, 'tokenizer_config.json')
    assert.equal(manifest.tokenizer?.special['eos_token']?.text, '<|im_end|>')
    assert.equal(manifest.parts[0]?.name, 'decoder')
    assert.equal(
      manifest.parts[0]?.bytes,
      manifest.tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    )
    assert.deepEqual(await readManifest(directory), manifest)
    assert.equal((await verifyPackage(directory, manifest)).hashedBytes > 0, true)
    assert.deepEqual(readdirSync(modelsDir), [directory.split('/').at(-1)])
  })

  it('makes the same package again, and leaves the first', async () => {
    copyCheckpoint('decoders/qwen2', folder)
    const first = await run({ now: () => new Date(0) })
    const second = await run()
    assert.equal(second.wasThere, true)
    assert.equal(second.directory, first.directory)
    assert.equal(second.manifest.created, first.manifest.created)
    const forced = await run({ force: true })
    assert.equal(forced.wasThere, false)
    assert.equal(forced.manifest.digest, first.manifest.digest)
    assert.notEqual(forced.manifest.created, first.manifest.created)
    assert.deepEqual(readdirSync(modelsDir).length, 1)
  })

  it('takes the sub-folders of a vision-language model, and marks what nobody reads', async () => {
    copyCheckpoint('vila/vila15', folder)
    const { manifest, directory } = await run()
    assert.equal(manifest.family, 'llava_llama')
    assert.deepEqual(
      manifest.parts.map(({ name }) => name),
      ['decoder', 'encoder', 'unused'],
    )
    assert.deepEqual(manifest.prompt, { source: 'family', template: 'vicuna_v1' })
    assert.equal(manifest.tokenizer?.source, 'tokenizer.model')
    assert.equal(manifest.preprocessing?.['mode'], 'stretch')
    assert.ok(existsSync(join(directory, 'llm/tokenizer.model')))
  })

  it('puts the package where it is told, and replaces only another package, when asked to', async () => {
    copyCheckpoint('decoders/qwen2', folder)
    const out = join(scratch, 'out')
    assert.equal((await run({ out })).directory, out)
    await assert.rejects(run({ out }), { code: 'invalid_config', message: /--force replaces it/ })
    editJson(join(folder, 'generation_config.json'), (value) => (value['top_k'] = 7))
    await run({ out, force: true })
    assert.equal(JSON.parse(readFileSync(join(out, 'generation_config.json'), 'utf8')).top_k, 7)
    const other = join(scratch, 'other')
    mkdirSync(other)
    await assert.rejects(run({ out: other, force: true }), { message: /no package/ })
    assert.ok(existsSync(other))
    await assert.rejects(importCheckpoint(out, { modelsDir }), { message: /package already/ })
  })

  it('follows the links of a hub cache, and none that leads elsewhere', async () => {
    const cache = join(scratch, 'models--owner--tiny')
    const commit = join(cache, 'snapshots', 'a'.repeat(40))
    copyCheckpoint('decoders/qwen2', commit)
    mkdirSync(join(cache, 'blobs'))
    const path = join(commit, 'model.safetensors')
    renameSync(path, join(cache, 'blobs', 'f'.repeat(64)))
    symlinkSync(`../../blobs/${'f'.repeat(64)}`, path)
    const { directory } = await importCheckpoint(commit, { modelsDir })
    assert.ok(statSync(join(directory, 'model.safetensors')).isFile())
    rmSync(modelsDir, { recursive: true })

    copyCheckpoint('decoders/qwen2', folder)
    for (const name of ['model.safetensors', 'tokenizer.json', 'config.json', 'README.md']) {
      const path = join(folder, name)
      const aside = join(scratch, 'aside')
      if (existsSync(path)) renameSync(path, aside)
      else writeFileSync(aside, 'a card')
      symlinkSync(aside, path)
      await refuses(/leads out of the model folder/)
      rmSync(path)
      renameSync(aside, path)
    }
  })

  describe('refuses', () => {
    beforeEach(() => {
      copyCheckpoint('decoders/qwen2', folder)
    })
    const weights = () => join(folder, 'model.safetensors')
    const NORM = 'model.norm.weight'

    it('an unknown family, an option that is not supported, a config that is none', async () => {
      const path = join(folder, 'config.json')
      editJson(path, (config) => (config['hidden_act'] = 'snake'))
      await refuses(/config\.json: hidden_act: expected .*, got "snake"/)
      editJson(path, (config) => (config['model_type'] = 'made_up'))
      await refuses(/model_type "made_up" is not supported; supported: .*qwen2/)
      writeFileSync(path, '{')
      await refuses(/config\.json: not valid JSON/)
      rmSync(path)
      await refuses(/config\.json: there is no such file/)
    })

    it('a tensor that is missing, left over, of another shape or type', async () => {
      editWeights(weights(), (header) => {
        header['surplus'] = header[NORM]!
        delete header[NORM]
      })
      await refuses(/no tensor for model\.norm\.weight; surplus is used by nothing/)
      copyCheckpoint('decoders/qwen2', folder)
      editWeights(weights(), (header) => header[NORM]!.shape.unshift(1))
      await refuses(/model\.norm\.weight is \[1, \d+\], expected \[\d+\]/)
      copyCheckpoint('decoders/qwen2', folder)
      editWeights(weights(), (header) => (header[NORM]!.dtype = 'I32'))
      await refuses(/tensor model\.norm\.weight is of type I32, expected F32, F16 or BF16/)
    })

    it('a value that is NaN or infinite, naming tensor and place', async () => {
      editWeights(weights(), (header, data) =>
        data.writeFloatLE(Number.NaN, header[NORM]!.data_offsets[0] + 4 * 5),
      )
      await refuses(/tensor model\.norm\.weight: element 5 is NaN or infinite/)
      // The next attempt looks again.
      await refuses(/tensor model\.norm\.weight: element 5 is NaN or infinite/)
    })

    it('pickles, with the command that converts them', async () => {
      renameSync(weights(), join(folder, 'pytorch_model.bin'))
      await refuses(/pytorch_model\.bin is a Python pickle.*python3 \S+\.py \S+tiny-qwen/)
      const { message } = await run().then(
        () => assert.fail(),
        (error: Error) => error,
      )
      assert.ok(existsSync(resolve(/python3 (\S+\.py)/.exec(message)![1]!)))
    })

    it('a text part that cannot be used', async () => {
      const config = join(folder, 'tokenizer_config.json')
      editJson(config, (value) => (value['chat_template'] = '{% for %}'))
      await refuses(/chat template/)
      editJson(config, (value) => (value['chat_template'] = "{{ raise_exception('never') }}"))
      await refuses(/tiny-qwen: messages: the model's chat template refuses .*never/)
      rmSync(join(folder, 'tokenizer.json'))
      rmSync(join(folder, 'vocab.json'))
      await refuses(
        /expected tokenizer\.json, tokenizer\.model, spiece\.model, or vocab\.json with merges\.txt/,
      )
    })

    it('a template that does not end, within seconds', async () => {
      const config = join(folder, 'tokenizer_config.json')
      const endless =
        '{% for i in range(100000000) %}{% for j in range(100000000) %}{% endfor %}{% endfor %}'
      editJson(config, (value) => (value['chat_template'] = endless))
      await refuses(/takes longer than|are needed|not loaded within/)
    })

    it('a JSON file of absurd size, unread', async () => {
      writeFileSync(join(folder, 'config.json'), Buffer.alloc(5 * 2 ** 20, ' '))
      await refuses(/config\.json has 5242880 bytes, at most 4194304 are read/)
    })
  })

  it('checks the disk before it writes', async () => {
    copyCheckpoint('decoders/qwen2', folder)
    await assert.rejects(run({ freeBytes: async () => 64 * 2 ** 20 }), {
      code: 'insufficient_storage',
      message: /0\.07 GB are needed, 0\.07 GB are free/,
    })
    assert.deepEqual(readdirSync(join(modelsDir, readdirSync(modelsDir)[0]!, 'package')), [])
    await run({ freeBytes: async () => 65 * 2 ** 20 })
  })
})

describe('an import that is cut off', () => {
  let scratch: string
  let folder: string
  let modelsDir: string
  beforeEach(() => {
    scratch = scratchFolder()
    folder = shardedCheckpoint(join(scratch, 'tiny-qwen'))
    modelsDir = join(scratch, 'models')
  })
  afterEach(() => rmSync(scratch, { recursive: true }))

  /** Where the journal of the only import is. */
  const partial = () => join(modelsDir, readdirSync(modelsDir).find((n) => n.endsWith('.partial'))!)

  it('goes on where it was when it is asked again, and never has the name of a package before', async () => {
    const whole = (await importCheckpoint(folder, { modelsDir: join(scratch, 'other') })).manifest
    const last = whole.files.length - 1
    for (const stop of [1, last - 1, last]) {
      rmSync(modelsDir, { recursive: true, force: true })
      const interrupt = new AbortController()
      const files = new Set<string>()
      const cut = importCheckpoint(folder, {
        modelsDir,
        signal: interrupt.signal,
        onProgress: ({ file }) => {
          files.add(file)
          if (files.size > stop) interrupt.abort()
        },
      })
      await assert.rejects(cut, { name: 'AbortError' })
      assert.ok(readdirSync(modelsDir).every((name) => name.endsWith('.partial')))
      const again = new Set<string>()
      const { manifest } = await importCheckpoint(folder, {
        modelsDir,
        onProgress: ({ file }) => again.add(file),
      })
      assert.equal(manifest.digest, whole.digest)
      const finished = whole.files.slice(0, stop).map(({ path }) => path)
      assert.deepEqual(
        finished.filter((path) => again.has(path)),
        [],
        'no finished file is taken again',
      )
    }
  })

  it('starts over when the source changed meanwhile', async () => {
    const interrupt = new AbortController()
    await assert.rejects(
      importCheckpoint(folder, {
        modelsDir,
        signal: interrupt.signal,
        onProgress: ({ file }) => file.endsWith('.safetensors') && interrupt.abort(),
      }),
      { name: 'AbortError' },
    )
    editJson(join(folder, 'generation_config.json'), (value) => (value['top_k'] = 3))
    const { directory } = await importCheckpoint(folder, { modelsDir })
    const made = JSON.parse(readFileSync(join(directory, 'generation_config.json'), 'utf8'))
    assert.equal(made.top_k, 3)
  })

  it('survives a torn journal, a half-written file and the lock of a process that is gone', async () => {
    const interrupt = new AbortController()
    await assert.rejects(
      importCheckpoint(folder, {
        modelsDir,
        signal: interrupt.signal,
        onProgress: ({ file }) => file.endsWith('.safetensors') && interrupt.abort(),
      }),
    )
    const place = partial()
    appendFileSync(join(place, 'journal.jsonl'), '{"path":"model-00001-of-0')
    writeFileSync(join(place, 'package', 'model-00001-of-00002.safetensors'), 'half')
    // No process has this id: Linux has at most 2^22.
    writeFileSync(join(place, 'lock'), `99999999 ${hostname()}`)
    const { manifest, directory } = await importCheckpoint(folder, { modelsDir })
    await verifyPackage(directory, manifest)
  })

  it('is left alone while another one runs', async () => {
    const interrupt = new AbortController()
    const onProgress = () => interrupt.abort()
    await assert.rejects(
      importCheckpoint(folder, { modelsDir, signal: interrupt.signal, onProgress }),
    )
    const unlock = await lockFolder(partial())
    await assert.rejects(importCheckpoint(folder, { modelsDir }), {
      code: INVALID,
      message: /is importing here; if it is gone, remove .*lock$/,
    })
    await unlock()
    await importCheckpoint(folder, { modelsDir })
  })
})
