import assert from 'node:assert/strict'
import { mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { signatureOf, Unchanged } from '../src/unchanged.ts'
import { scratchFolder } from './support/checkpoint-folder.ts'

it('a signature changes with whatever changes below a folder, and with nothing else', async () => {
  const folder = scratchFolder()
  try {
    const file = join(folder, 'inner', 'file')
    await mkdir(join(folder, 'inner'))
    await writeFile(file, 'one')
    // Neither ends nor fails for these.
    await symlink(folder, join(folder, 'inner', 'back'))
    await symlink('/nowhere', join(folder, 'dangling'))
    const seen = new Set<string>()
    const isNew = async () => seen.size < seen.add(await signatureOf(folder)).size
    assert.equal(await isNew(), true)
    assert.equal(await isNew(), false)
    // Of the same size, and with the time that it had before.
    const then = new Date(1e12)
    await utimes(file, then, then)
    assert.equal(await isNew(), true)
    await new Promise((resolve) => setTimeout(resolve, 10))
    await writeFile(file, 'two')
    await utimes(file, then, then)
    assert.equal(await isNew(), true)
    await writeFile(join(folder, 'other'), 'two')
    assert.equal(await isNew(), true)
    await rename(join(folder, 'other'), file)
    assert.equal(await isNew(), true)
    await rm(file)
    assert.equal(await isNew(), true)
  } finally {
    await rm(folder, { recursive: true })
  }
})

it('what was found out is kept for the same signature, the newest few, and failures never', async () => {
  let calls = 0
  const known = new Unchanged<number>(2)
  const ask = (key: string, signature: string) => known.get(key, signature, async () => ++calls)
  assert.deepEqual([await ask('a', '1'), await ask('a', '1'), await ask('a', '2')], [1, 1, 2])
  await assert.rejects(
    known.get('b', '1', async () => {
      throw new Error('broken')
    }),
  )
  assert.equal(await ask('b', '1'), 3)
  assert.equal(await ask('c', '1'), 4)
  // The oldest of three made room.
  assert.deepEqual([await ask('c', '1'), await ask('b', '1'), await ask('a', '2')], [4, 3, 5])
})
