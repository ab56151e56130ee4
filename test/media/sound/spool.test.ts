/** Where sounds lie while they are worked on. */
import assert from 'node:assert/strict'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { SoundSpool } from '../../../src/media/sound/spool.ts'
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts'

const pour = (text: string) => (take: (piece: Uint8Array) => Promise<void>) =>
  take(Buffer.from(text))

describe('the folder of sounds', () => {
  const before = process.env['TMPDIR']
  let folder: TemporaryFolder
  let parent: string
  let spool: SoundSpool
  beforeEach(async () => {
    folder = await temporaryFolder()
    parent = join(folder.path, 'tmp')
    process.env['TMPDIR'] = parent
    spool = new SoundSpool({ maxFileBytes: 10, maxBytes: 15 })
  })
  afterEach(async () => {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
    await spool.dispose()
    await folder[Symbol.asyncDispose]()
  })

  it('is made by the first sound and goes with the spool; a sound goes when it is disposed of', async () => {
    {
      await using sound = await spool.write('file', pour('abc'))
      assert.deepEqual([sound.byteLength, spool.stats().bytes], [3, 3])
      assert.equal((await readdir(join(sound.path, '..'))).length, 1)
    }
    const [name] = await readdir(parent)
    assert.match(name!, new RegExp(`^aerie-sounds-[0-9a-f]{8}-${process.pid}-`))
    assert.deepEqual(await readdir(join(parent, name!)), [])
    assert.equal(spool.stats().bytes, 0)
    await spool.dispose()
    assert.deepEqual(await readdir(parent), [])
  })

  it('that cannot be made is a failure of the storage, and is tried again by the next sound', async () => {
    await writeFile(parent, 'no folder')
    await assert.rejects(spool.write('file', pour('abc')), {
      code: 'storage_failure',
      message: /^sounds: the folder for temporary files cannot be used \(E\w+\)$/,
    })
    await rm(parent)
    await using sound = await spool.write('file', pour('abc'))
    assert.equal(sound.byteLength, 3)
  })

  it('is made anew where somebody has cleaned it up', async () => {
    await using first = await spool.write('file', pour('abc'))
    await rm(join(first.path, '..'), { recursive: true })
    await using second = await spool.write('file', pour('def'))
    assert.equal(second.byteLength, 3)
  })

  it('takes no more than one sound, and all of them together, may have; nothing is left of what is refused', async () => {
    await assert.rejects(spool.write('file', pour('a'.repeat(11))), {
      code: 'media_too_large',
      param: 'file',
    })
    await using first = await spool.write('file', pour('a'.repeat(10)))
    await assert.rejects(spool.write('file', pour('a'.repeat(6))), { code: 'queue_full' })
    assert.equal(spool.stats().bytes, 10)
    assert.equal((await readdir(join(first.path, '..'))).length, 1)
  })
})
