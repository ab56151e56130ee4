import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type Manifest, readManifest, sealManifest } from '../../src/package/manifest.ts'
import { findHubPackage, packageFolder, servedName } from '../../src/package/store.ts'
import { verifyPackage } from '../../src/package/verify.ts'

const CONTENT = { 'config.json': '{}', 'llm/model.safetensors': 'weights', 'vocab.json': '[1]' }

function manifestOf(content: Readonly<Record<string, string>>, changes: Partial<Manifest> = {}) {
  return sealManifest({
    format: 1,
    name: 'tiny',
    family: 'qwen2',
    quantize: 'none',
    created: '2026-01-01T00:00:00.000Z',
    parent: { kind: 'folder', id: 'tiny', digest: '0'.repeat(64) },
    parts: [],
    preprocessing: null,
    prompt: { source: 'chat_template.jinja' },
    tokenizer: { source: 'tokenizer.json', tokens: 1, special: {}, stop: [0] },
    limits: { maxContext: 10 },
    tensors: [],
    files: Object.entries(content).map(([path, text]) => ({
      path,
      bytes: text.length,
      sha256: createHash('sha256').update(text).digest('hex'),
    })),
    ...changes,
  })
}

function writePackage(directory: string, manifest: Manifest): void {
  for (const [path, text] of Object.entries(CONTENT)) {
    mkdirSync(join(directory, path, '..'), { recursive: true })
    writeFileSync(join(directory, path), text)
  }
  writeFileSync(join(directory, 'aerie.json'), JSON.stringify(manifest))
}

describe('a package', () => {
  let scratch: string
  let directory: string
  let notes: string
  const manifest = manifestOf(CONTENT)
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'aerie-package-'))
    directory = join(scratch, 'tiny')
    notes = join(scratch, 'notes')
    writePackage(directory, manifest)
  })
  afterEach(() => rmSync(scratch, { recursive: true }))

  const refuses = (message: RegExp, options = {}) =>
    assert.rejects(verifyPackage(directory, manifest, { notes, ...options }), {
      code: 'invalid_package',
      message,
    })

  it('is hashed the first time, and not again while its files are the same', async () => {
    assert.deepEqual(await verifyPackage(directory, manifest, { notes }), { hashedBytes: 12 })
    assert.deepEqual(await verifyPackage(directory, manifest, { notes }), { hashedBytes: 0 })
    const everything = { notes, hash: 'everything' as const }
    assert.deepEqual(await verifyPackage(directory, manifest, everything), { hashedBytes: 12 })
    // A copy of it is another place.
    const copy = join(scratch, 'copy')
    cpSync(directory, copy, { recursive: true })
    assert.deepEqual(await verifyPackage(copy, manifest, { notes }), { hashedBytes: 12 })
  })

  it('with a changed byte names the file, even when size and time are as before', async () => {
    await verifyPackage(directory, manifest, { notes })
    const path = join(directory, 'llm/model.safetensors')
    const { atime, mtime } = statSync(path)
    writeFileSync(path, 'weighty')
    utimesSync(path, atime, mtime)
    await refuses(/llm\/model\.safetensors was changed: its SHA-256 is [0-9a-f]{64}, expected/)
  })

  it('with a file too few, too many, longer, or somewhere else names it', async () => {
    const path = join(directory, 'vocab.json')
    writeFileSync(path, '[1, 2]')
    await refuses(/vocab\.json has 6 bytes, expected 3/)
    rmSync(path)
    await refuses(/vocab\.json is missing/)
    writeFileSync(join(scratch, 'outside'), '[1]')
    symlinkSync(join(scratch, 'outside'), path)
    await refuses(/vocab\.json leads out of the model folder/)
    rmSync(path)
    writeFileSync(path, '[1]')
    writeFileSync(join(directory, 'llm/tokenizer.json'), '{}')
    await refuses(/llm\/tokenizer\.json is no part of this package/)
  })

  it('says when it cannot be noted, and is hashed again', async () => {
    writeFileSync(join(scratch, 'a-file'), '')
    const blocked = { notes: join(scratch, 'a-file', 'notes') }
    for (let start = 0; start < 2; start++) {
      const { hashedBytes, notNoted } = await verifyPackage(directory, manifest, blocked)
      assert.equal(hashedBytes, 12)
      assert.match(notNoted ?? '', /ENOTDIR/)
    }
  })

  it('has a manifest of which nothing can be changed but the date', async () => {
    const path = join(directory, 'aerie.json')
    const write = (changes: object) =>
      writeFileSync(path, JSON.stringify({ ...manifest, ...changes }))
    const read = () => readManifest(directory)
    write({ created: '2027-01-01T00:00:00.000Z' })
    assert.equal((await read())?.digest, manifest.digest)
    const refusals: [changes: object, message: RegExp][] = [
      [{ name: 'other' }, /was changed: its digest is/],
      [{ limits: { maxContext: 11 } }, /was changed/],
      [{ extra: true }, /was changed/],
      [{ format: 2 }, /format: expected 1, got 2; import the checkpoint again/],
      [{ files: [] }, /\/files must not have fewer than 1/],
      [{ quantize: 'int3' }, /\/quantize/],
    ]
    for (const [changes, message] of refusals) {
      write(changes)
      await assert.rejects(read(), { code: 'invalid_package', message })
    }
    const badPaths = ['../x', '/etc/passwd', 'a/../b', '.hidden', 'a//b', 'a\\b', '', 'aerie.json']
    for (const bad of badPaths) {
      write(manifestOf({ [bad]: 'x' }))
      await assert.rejects(read(), { code: 'invalid_package', message: /files/ }, bad)
    }
    writeFileSync(path, '{')
    await assert.rejects(read(), { code: 'invalid_package', message: /not valid JSON/ })
    rmSync(path)
    assert.equal(await read(), undefined)
    assert.ok(readFileSync(join(directory, 'config.json')))
  })

  it('is found by what it was made of, the newest first', async () => {
    const modelsDir = join(scratch, 'models')
    const made = (revision: string, created: string) => {
      const parent = { kind: 'hub' as const, id: 'owner/tiny', revision, digest: '0'.repeat(64) }
      const made = manifestOf(CONTENT, { parent, created })
      writePackage(packageFolder(modelsDir, made), made)
      return made
    }
    assert.equal(await findHubPackage(modelsDir, { id: 'owner/tiny' }), undefined)
    const old = made('a'.repeat(40), '2026-01-01')
    const fresh = made('b'.repeat(40), '2026-02-01')
    const find = async (id: string, revision?: string) =>
      (await findHubPackage(modelsDir, { id, revision }))?.manifest.digest
    assert.equal(await find('owner/tiny'), fresh.digest)
    assert.equal(await find('owner/tiny', 'a'.repeat(40)), old.digest)
    assert.equal(await find('owner/tiny', 'c'.repeat(40)), undefined)
    assert.equal(await find('other/tiny'), undefined)
  })

  it('has a name that a request and a folder can have', () => {
    for (const [id, name] of [
      ['owner/NVILA-8B', 'NVILA-8B'],
      ['my model (1)', 'my-model--1-'],
      ['..', 'model'],
      ['.hidden', 'hidden'],
      ['x'.repeat(300), 'x'.repeat(100)],
    ] as const)
      assert.equal(servedName(id), name)
  })
})
