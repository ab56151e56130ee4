import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { Checkpoint } from '../../src/weights/checkpoint.ts'
import { headerBytes, writeSafetensors } from '../support/safetensors-file.ts'

const INVALID = { code: 'invalid_package' }

describe('a checkpoint folder', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'aerie-weights-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const write = (file: string, ...names: string[]) => {
    const tensors = names.map((name, i) => [name, { shape: [2], values: [i, i + 0.5] }])
    writeSafetensors(join(folder, file), Object.fromEntries(tensors))
  }
  const writeIndex = (weightMap: unknown) =>
    writeFileSync(
      join(folder, 'model.safetensors.index.json'),
      JSON.stringify({ weight_map: weightMap }),
    )
  const open = () => Checkpoint.open(folder)

  it('of one file gives each tensor on demand', async () => {
    write('model.safetensors', 'a', 'b')
    await using checkpoint = await open()
    assert.deepEqual([...checkpoint.tensors.keys()], ['a', 'b'])
    assert.deepEqual([...(await checkpoint.readFloats(checkpoint.tensors.get('b')!))], [1, 1.5])
  })

  it('widens half-precision tensors', async () => {
    writeSafetensors(join(folder, 'model.safetensors'), {
      half: { shape: [2], values: [0.5, -3], dtype: 'F16' },
      brain: { shape: [1, 2], values: [2, -0.25], dtype: 'BF16' },
    })
    await using checkpoint = await open()
    assert.deepEqual([...(await checkpoint.readFloats(checkpoint.tensors.get('half')!))], [0.5, -3])
    assert.deepEqual(
      [...(await checkpoint.readFloats(checkpoint.tensors.get('brain')!))],
      [2, -0.25],
    )
  })

  it('of several files follows their index', async () => {
    write('model-00001-of-00002.safetensors', 'a', 'b')
    write('model-00002-of-00002.safetensors', 'c')
    writeIndex({
      a: 'model-00001-of-00002.safetensors',
      b: 'model-00001-of-00002.safetensors',
      c: 'model-00002-of-00002.safetensors',
    })
    await using checkpoint = await open()
    assert.deepEqual([...checkpoint.tensors.keys()], ['a', 'b', 'c'])
    assert.deepEqual([...(await checkpoint.readFloats(checkpoint.tensors.get('c')!))], [0, 0.5])
  })

  it('may be made of symbolic links, as a hub cache is', async () => {
    mkdirSync(join(folder, 'blobs'))
    write('blobs/0123abcd', 'a')
    symlinkSync('blobs/0123abcd', join(folder, 'model.safetensors'))
    await using checkpoint = await open()
    assert.match(checkpoint.tensors.get('a')!.path, /blobs.0123abcd$/)
  })

  it('is refused when the index and the files disagree', async () => {
    write('one.safetensors', 'a')
    write('two.safetensors', 'a', 'b')
    const refused: [weightMap: unknown, message: RegExp][] = [
      [
        { a: 'one.safetensors', c: 'one.safetensors' },
        /places tensor c in \S+\/one\.safetensors, which lacks it/,
      ],
      [
        { b: 'two.safetensors' },
        /\/two\.safetensors has tensor a, which the index does not place there/,
      ],
      [{ a: 'missing.safetensors' }, /missing\.safetensors cannot be opened/],
      [{ a: '../one.safetensors' }, /not a file name/],
      [{ a: '/etc/passwd' }, /not a file name/],
      [{ a: 5 }, /not a file name/],
      [null, /no weight_map/],
    ]
    for (const [weightMap, message] of refused) {
      writeIndex(weightMap)
      await assert.rejects(open(), { ...INVALID, message })
    }
    writeFileSync(join(folder, 'model.safetensors.index.json'), '{')
    await assert.rejects(open(), { ...INVALID, message: /not valid JSON/ })
  })

  it('is refused without weights, with an empty file and with a damaged one', async () => {
    await assert.rejects(open(), { ...INVALID, message: /cannot be opened/ })
    writeFileSync(join(folder, 'model.safetensors'), '')
    await assert.rejects(open(), { ...INVALID, message: /too few for a header/ })
    write('model.safetensors', 'a', 'b')
    truncateSync(join(folder, 'model.safetensors'), 150)
    await assert.rejects(open(), { ...INVALID, message: /model\.safetensors/ })
    writeFileSync(join(folder, 'model.safetensors'), headerBytes('{"a": {}}'))
    await assert.rejects(open(), { ...INVALID, message: /tensor "a"/ })
  })

  it('reports a file that shrank after it was opened', async () => {
    write('model.safetensors', 'a', 'b')
    await using checkpoint = await open()
    truncateSync(join(folder, 'model.safetensors'), 100)
    await assert.rejects(checkpoint.readFloats(checkpoint.tensors.get('b')!), {
      ...INVALID,
      message: /ends at byte/,
    })
  })
})
