/** Repositories of the hub that hold GGUF files: one is chosen, and only that one is fetched. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterEach, before, beforeEach, describe, it } from 'node:test'
import fc from 'fast-check'
import { AerieError } from '../../src/errors.ts'
import { parseHubModel } from '../../src/hub/hub-id.ts'
import { chooseGguf } from '../../src/import/gguf-variant.ts'
import { importModel } from '../../src/import/import-model.ts'
import { locateModel } from '../../src/import/locate-model.ts'
import { modelPath } from '../../src/package/store.ts'
import { scratchFolder } from '../support/checkpoint-folder.ts'
import {
  COMMIT,
  type FakeHub,
  type Misbehaviour,
  REPOSITORY,
  sendFile,
  startFakeHub,
} from '../support/fake-hub.ts'
import { convertCheckpoint } from '../support/gguf-conversion.ts'
import { type GgufToWrite, ggufBytes } from '../support/gguf-file.ts'
import { shardFile, splitGguf } from '../support/gguf-split.ts'

const CHECKPOINT = resolve(import.meta.dirname, '../fixtures/decoders/qwen3/checkpoint')
const GGUF = 'Tiny.F32.gguf'

describe('a GGUF repository of the hub', () => {
  let converted: GgufToWrite
  let bytes: Buffer
  let scratch: string
  let modelsDir: string
  const hubs: FakeHub[] = []
  before(() => {
    converted = convertCheckpoint(CHECKPOINT, 'qwen2')
    bytes = ggufBytes(converted)
  })
  beforeEach(() => {
    scratch = scratchFolder()
    modelsDir = join(scratch, 'models')
  })
  afterEach(async () => {
    await Promise.all(hubs.splice(0).map((hub) => hub.close()))
    rmSync(scratch, { recursive: true })
  })

  const start = async (
    files: Readonly<Record<string, Buffer>>,
    misbehaviour: Misbehaviour = {},
  ) => {
    const hub = await startFakeHub(new Map(Object.entries(files)), misbehaviour)
    hubs.push(hub)
    const options = { modelsDir, hub: { endpoint: hub.url }, offline: false, verify: false }
    return { hub, options }
  }
  const named = (variant?: string) => ({
    model: variant === undefined ? REPOSITORY : `${REPOSITORY}:${variant}`,
  })
  const only = () => ({
    'README.md': Buffer.from('---\nlicense: mit\n---\n'),
    LICENSE: Buffer.from('MIT'),
    'params.json': Buffer.from('{}'),
    'config.json': Buffer.from('{}'),
    'mmproj-Tiny-F16.gguf': Buffer.from('a projector'),
    [GGUF]: bytes,
  })
  const another = () =>
    ggufBytes({
      ...converted,
      metadata: { ...converted.metadata, 'general.name': ['string', 'another'] },
    })
  const packages = () =>
    existsSync(modelsDir)
      ? readdirSync(modelsDir).filter((name) => !/\.(?:download|verified)$/.test(name))
      : []

  it('with one model gives it, with licence and card alone, and gives it again without the network', async () => {
    const { hub, options } = await start(only())
    const { directory, manifest } = await importModel(named(), options)
    assert.equal(manifest.name, 'tiny.F32')
    assert.deepEqual(
      { ...manifest.parent, digest: '' },
      { kind: 'hub', id: `${REPOSITORY}:${GGUF}`, revision: COMMIT, digest: '' },
    )
    assert.deepEqual(
      manifest.files.map(({ path }) => path),
      ['LICENSE', 'README.md', 'model.gguf'],
    )
    assert.equal(manifest.license, 'mit')
    assert.deepEqual([...new Set(hub.fetched)].sort(), ['LICENSE', 'README.md', GGUF])
    assert.deepEqual(readdirSync(modelsDir), [directory.split('/').at(-1)], 'no download is left')
    assert.equal((await importModel(named('f32'), options)).wasThere, true)

    const requests = hub.seen.length
    const offline = { ...options, offline: true }
    for (const variant of [undefined, 'F32', 'f32', GGUF]) {
      const located = await locateModel(named(variant), offline)
      assert.equal(located.directory, join(directory, 'model.gguf'))
      assert.equal((await importModel(named(variant), offline)).directory, directory)
    }
    assert.equal(hub.seen.length, requests)
    await assert.rejects(locateModel(named('Q8_0'), offline), {
      code: 'download_failed',
      message: /^owner\/tiny:Q8_0 has not been imported/,
    })
  })

  it('with several says which there are, and how one is named', async () => {
    const files = { ...only(), 'Tiny.Q8_0.gguf': another(), 'b/Tiny-Q4_0.gguf': Buffer.alloc(9) }
    const { hub, options } = await start(files)
    const refuses = (variant: string | undefined, message: RegExp) =>
      assert.rejects(importModel(named(variant), options), { code: 'invalid_package', message })
    await refuses(
      undefined,
      /^owner\/tiny has 3 GGUF models, expected one of them, as in owner\/tiny:F32: F32 \(0\.00 GB\), Q8_0 \(0\.00 GB\), Q4_0 \(0\.00 GB\)$/,
    )
    await refuses('Q5_K', /^owner\/tiny has no GGUF file "Q5_K", expected .*: F32 \(/)
    assert.deepEqual(hub.fetched, [])
    const { manifest } = await importModel(named('q8_0'), options)
    assert.equal(manifest.parent.id, `${REPOSITORY}:Tiny.Q8_0.gguf`)
    assert.deepEqual([...new Set(hub.fetched)].sort(), ['LICENSE', 'README.md', 'Tiny.Q8_0.gguf'])
    // The one that was imported is what the repository's name means until there are two.
    assert.equal((await locateModel(named(), options)).name, 'tiny.Q8_0')
    await importModel(named(GGUF), options)
    await assert.rejects(locateModel(named(), options), {
      message: /^owner\/tiny: imported were F32 and Q8_0, expected one, as in owner\/tiny:F32$/,
    })
    assert.equal((await locateModel(named('F32'), options)).name, 'tiny.F32')
  })

  it('takes a file by its name where the quantisation says too little', async () => {
    const { options } = await start({ [GGUF]: bytes, 'Other.F32.gguf': another() })
    await assert.rejects(importModel(named('F32'), options), {
      message:
        /^owner\/tiny has 2 GGUF models that are "F32", .* as in owner\/tiny:Other\.F32\.gguf: /,
    })
    assert.equal((await importModel(named(GGUF), options)).manifest.name, 'tiny.F32')
  })

  it('with a split model gives all of it', async () => {
    const shards = splitGguf(converted, 3)
    const files = Object.fromEntries(
      shards.map((shard, i) => [`F32/${shardFile('Tiny', i + 1, 3)}`, ggufBytes(shard)]),
    )
    const { options } = await start(files)
    const made = await importModel(named('F32'), options)
    assert.deepEqual(
      made.manifest.files.map(({ path }) => path),
      [1, 2, 3].map((number) => shardFile('model', number, 3)),
    )
    assert.equal(modelPath(made), join(made.directory, shardFile('model', 1, 3)))
    assert.equal((await locateModel(named(), { ...options, offline: true })).name, 'tiny.F32')

    const [, missing] = Object.keys(files)
    const { [missing!]: _, ...rest } = files
    const { hub, options: incomplete } = await start(rest)
    await assert.rejects(importModel(named(), { ...incomplete, force: true }), {
      code: 'invalid_package',
      message: /^owner\/tiny has no F32\/Tiny-00002-of-00003\.gguf$/,
    })
    assert.deepEqual(hub.fetched, [])
  })

  it('that cannot be served is told from the header', async () => {
    const bert = { ...converted.metadata, 'general.architecture': ['string', 'bert'] as const }
    const large = Buffer.concat([
      ggufBytes({ ...converted, metadata: bert }),
      Buffer.alloc(32 * 2 ** 20),
    ])
    const { options } = await start({ [GGUF]: large })
    await assert.rejects(importModel(named(), options), {
      code: 'invalid_package',
      message:
        /^owner\/tiny: Tiny\.F32\.gguf: .*general\.architecture: expected llama, .*got "bert"/,
    })
    const [download] = readdirSync(modelsDir)
    assert.deepEqual(readdirSync(join(modelsDir, download!, 'files')), [])
    await assert.rejects(importModel(named('F32'), (await start({})).options), {
      message: /^owner\/tiny has no GGUF file, and "F32" names one$/,
    })
  })

  it('is not quantised, which is said before anything is fetched', async () => {
    const { hub, options } = await start(only())
    await assert.rejects(
      importModel(named(), { ...options, quantise: { method: 'int8', group: 32 } }),
      /--quantize: a GGUF file is kept in the form that it has, expected none, got int8/,
    )
    assert.deepEqual(
      hub.seen.filter((seen) => JSON.stringify(seen).includes('.gguf')),
      [],
    )
    assert.ok(!existsSync(modelsDir))
  })

  it('goes on where the connection was cut, within an import and after it', async () => {
    const whole = await importModel(named(), {
      ...(await start(only())).options,
      modelsDir: join(scratch, 'undisturbed'),
    })
    let requests = 0
    const half = bytes.length >> 1
    const { hub, options } = await start(only(), {
      intercept: ({ url, headers }, response) => {
        if (!url?.endsWith(GGUF)) return false
        requests += 1
        // The header, and then the file, are cut off at first.
        if (requests !== 1 && requests !== 3) return false
        assert.equal(headers.range, undefined)
        response.writeHead(200, { 'content-length': bytes.length })
        const length = requests === 1 ? 100 : half
        response.write(bytes.subarray(0, length), () => setTimeout(() => response.destroy(), 50))
        return true
      },
    })
    const made = await importModel(named(), options)
    assert.equal(made.manifest.digest, whole.manifest.digest)
    assert.match(hub.fetched.at(-1)!, /^Tiny\.F32\.gguf bytes=[1-9]\d*-$/)
    rmSync(modelsDir, { recursive: true })

    const interrupt = new AbortController()
    const slow = await start(only(), {
      intercept: ({ url, headers }, response) => {
        if (!url?.endsWith(GGUF)) return false
        if (
          headers.range === undefined &&
          slow.hub.seen.filter(({ path }) => path.endsWith(GGUF)).length === 2
        ) {
          response.writeHead(200, { 'content-length': bytes.length })
          response.write(bytes.subarray(0, half))
        } else sendFile(response, bytes, headers.range)
        return true
      },
    })
    const onProgress = ({ file, doneBytes }: { file: string; doneBytes: number }) => {
      if (file === GGUF && doneBytes >= half) interrupt.abort()
    }
    await assert.rejects(
      importModel(named(), { ...slow.options, onProgress, signal: interrupt.signal }),
      { name: 'AbortError' },
    )
    assert.deepEqual(packages(), [])
    const again = await importModel(named(), slow.options)
    assert.equal(again.manifest.digest, whole.manifest.digest)
    const contents = slow.hub.seen.filter(({ path }) => path.endsWith(GGUF))
    assert.equal(contents.length, 3, 'the header, what was cut off, and the rest')
  })

  it('that lies about a size or sends other bytes makes no package', async () => {
    const lies: readonly [Misbehaviour, RegExp][] = [
      [
        {
          list: (_, entry) => ({
            ...entry,
            lfs: { ...(entry['lfs'] as object), size: 5 },
            size: 5,
          }),
        },
        /^Tiny\.F32\.gguf: the hub sends \d+ bytes, expected 5$/,
      ],
      [
        {
          content: (path, content) => {
            const copy = Buffer.from(content)
            if (path === GGUF) copy[copy.length - 1]! ^= 1
            return copy
          },
        },
        /Tiny\.F32\.gguf has the digest [0-9a-f]{64}, expected [0-9a-f]{64}/,
      ],
    ]
    for (const [misbehaviour, message] of lies) {
      const { options } = await start({ [GGUF]: bytes }, misbehaviour)
      await assert.rejects(importModel(named(), options), { code: 'download_failed', message })
      assert.deepEqual(packages(), [])
    }
  })
})

describe('the name of a model of the hub', () => {
  it('is a repository, and may say which of its models', () => {
    assert.deepEqual(parseHubModel('a/b'), { id: 'a/b' })
    assert.deepEqual(parseHubModel('a/b:Q4_K_M'), { id: 'a/b', variant: 'Q4_K_M' })
    assert.deepEqual(parseHubModel('a/b:x/c d.gguf'), { id: 'a/b', variant: 'x/c d.gguf' })
    for (const text of [
      'a',
      'a/b:',
      'a:b',
      'a/../b',
      'a/b:\n',
      'a/..:Q4_0',
      `a/b:${'x'.repeat(301)}`,
    ])
      assert.equal(parseHubModel(text), undefined, text)
  })

  it('never chooses a path that leads elsewhere, whatever a repository lists', () => {
    const part = fc.constantFrom(
      '..',
      '.',
      'a',
      'Q4_0',
      '\\',
      '\u001b',
      '\n',
      '',
      '-00001-of-00003',
    )
    const path = fc
      .tuple(fc.array(part, { minLength: 1, maxLength: 4 }), fc.constantFrom('/', ''))
      .map(([parts, between]) => `${parts.join(between)}.gguf`)
    const digest = { kind: 'sha256', hex: '0'.repeat(64) } as const
    fc.assert(
      fc.property(fc.uniqueArray(path), fc.option(path, { nil: undefined }), (paths, variant) => {
        const files = new Map(paths.map((path) => [path, { path, bytes: 1, digest }]))
        try {
          const chosen = chooseGguf({ id: 'a/b', files }, variant)
          for (const file of chosen?.files ?? []) {
            assert.ok(files.has(file.path))
            assert.doesNotMatch(file.path, /(?:^|\/)\.|[\\\p{Cc}]/u)
          }
        } catch (error) {
          assert.ok(error instanceof AerieError && error.code === 'invalid_package', String(error))
          assert.doesNotMatch(error.message, /\p{Cc}/u)
        }
      }),
    )
  })
})
