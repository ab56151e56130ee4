/** The store of files: what it keeps, whose it is, and what it does when the disk does not. */
import assert from 'node:assert/strict'
import {
  chmod,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { buffer } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { StoredFile } from '../../src/files/contract.ts'
import type { FileStoreOptions } from '../../src/files/file-store.ts'
import { failsWith, idsOf, openStore, put, testFileStore } from '../support/file-store-contract.ts'
import { filledUp, smallDisk } from '../support/small-disk.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const openLocal = (folder: string, options: Partial<FileStoreOptions> = {}) =>
  openStore({ folder, ...options })

async function blobsIn(folder: string): Promise<string[]> {
  const entries = await readdir(join(folder, 'blobs'), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((e) => join(e.parentPath, e.name))
}

testFileStore('SQLite and a folder', async () => {
  const folder = await temporaryFolder()
  return {
    options: { folder: folder.path },
    blobs: async () => (await blobsIn(folder.path)).length,
    lose: async (store, file) => rm(await store.localPath(file)),
    cut: async (store, file) => truncate(await store.localPath(file), 3),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
})

it('nothing is written before the first file comes', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'files')
  await using store = await openLocal(path)
  assert.deepEqual(await idsOf(store), [])
  assert.equal(await store.find('a', `file-${'0'.repeat(36)}`), undefined)
  assert.deepEqual(await readdir(folder.path), [])
})

it('files outlive the store, with their bytes, in a folder of their owner alone', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'files')
  const bytes = Buffer.from('one and the same')
  let id = ''
  {
    await using store = await openLocal(path)
    ;({ id } = await put(store, bytes))
  }
  await using store = await openLocal(path)
  const file = await store.find('a', id)
  assert.deepEqual(await buffer(await store.read(file!)), bytes)
  assert.deepEqual(await readFile(await store.localPath(file!)), bytes)
  assert.equal(store.stats().bytes, bytes.byteLength)
  const { mode } = await stat(path)
  assert.equal(mode & 0o777, 0o700)
})

describe('what a crash leaves', () => {
  it('is removed at the next start when it has been left alone for long enough', async () => {
    await using folder = await temporaryFolder()
    let kept: StoredFile
    let blobs = ''
    {
      await using store = await openLocal(folder.path)
      kept = await put(store, 'kept')
      blobs = join((await store.localPath(kept)).replace(/[^/]+$/, ''))
    }
    const old = new Date(Date.now() - 3_600_000)
    for (const name of [`${'0'.repeat(32)}.part`, '1'.repeat(32)]) {
      await writeFile(join(blobs, name), 'left over')
      await utimes(join(blobs, name), old, old)
    }
    await writeFile(join(blobs, 'notes.txt'), "somebody's own")
    {
      // Changed a moment ago, as far as the inode knows.
      await using store = await openLocal(folder.path)
      await delay(100)
      assert.equal(store.stats().orphans, 0)
    }
    await using store = await openLocal(folder.path, { orphanAfterMs: -1000 })
    while (store.stats().orphans < 2) await delay(5)
    assert.equal((await blobsIn(folder.path)).length, 2)
    assert.equal((await buffer(await store.read(kept))).toString(), 'kept')
  })
})

describe('a database', () => {
  it('that is damaged is said at every call, and the way back is to move it away', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'files.sqlite')
    let lost: StoredFile
    {
      await using store = await openLocal(folder.path)
      for (let i = 0; i < 40; i++) await put(store, 'x', { filename: 'n'.repeat(200) })
      lost = await put(store, 'still there')
    }
    const bytes = await readFile(path)
    bytes.fill(0xaa, 4096, 3 * 4096)
    await writeFile(path, bytes)
    {
      await using store = await openLocal(folder.path)
      assert.ok(store.errors[0]?.includes(folder.path), 'the log names the folder')
      await assert.rejects(idsOf(store), failsWith('storage_failure', /the database is damaged/))
      await assert.rejects(put(store, 'x'), failsWith('storage_failure', /the database is damaged/))
    }
    await rename(path, `${path}.damaged`)
    let file: StoredFile
    {
      await using store = await openLocal(folder.path)
      file = await put(store, 'new')
    }
    await using store = await openLocal(folder.path, { orphanAfterMs: -1000 })
    assert.deepEqual(await idsOf(store), [file.id])
    await delay(200)
    // The old bytes are no orphans of the new database.
    assert.equal((await blobsIn(folder.path)).length, 42)
    assert.equal(store.stats().orphans, 0)
    assert.equal(await store.find('a', lost.id), undefined)
  })

  it('that is no database at all is one that is damaged', async () => {
    await using folder = await temporaryFolder()
    await writeFile(join(folder.path, 'files.sqlite'), 'not a database, '.repeat(100))
    await using store = await openLocal(folder.path)
    await assert.rejects(
      idsOf(store),
      failsWith('storage_failure', /damaged \(file is not a database\)/),
    )
  })

  it('of a newer server is left alone', async () => {
    await using folder = await temporaryFolder()
    {
      await using store = await openLocal(folder.path)
      await put(store, 'x')
    }
    const database = new DatabaseSync(join(folder.path, 'files.sqlite'))
    database.exec('PRAGMA user_version = 99')
    database.close()
    await using store = await openLocal(folder.path)
    await assert.rejects(
      idsOf(store),
      failsWith('storage_failure', /version 99, this server knows 2/),
    )
  })

  it('whose folder of bytes is not mounted says so, and removes no record', async () => {
    await using folder = await temporaryFolder()
    const blobs = join(folder.path, 'blobs')
    let file: StoredFile
    {
      await using store = await openLocal(folder.path)
      file = await put(store, 'x')
    }
    await rename(blobs, `${blobs}.away`)
    await using store = await openLocal(folder.path)
    await assert.rejects(idsOf(store), failsWith('storage_failure', /is not there; restore it/))
    await rename(`${blobs}.away`, blobs)
    // Mended without a restart.
    await delay(1100)
    assert.deepEqual(await idsOf(store), [file.id])
  })

  it('in a folder that others may look into is refused', async () => {
    await using folder = await temporaryFolder()
    await chmod(folder.path, 0o755)
    await using store = await openLocal(folder.path)
    await assert.rejects(put(store, 'x'), failsWith('storage_failure', /mode 700\), got mode 755/))
  })
})

describe('a disk', () => {
  it('that is full: the upload is refused and leaves nothing, reading goes on, room helps', async (t) => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'disk')
    await mkdir(path)
    using disk = smallDisk(t, path, '1m')
    if (!disk) return
    await using store = await openLocal(path)
    const first = await put(store, Buffer.alloc(400_000, 1))
    await assert.rejects(
      put(store, Buffer.alloc(900_000, 2)),
      failsWith('insufficient_storage', /the disk is full/),
    )
    assert.equal((await blobsIn(path)).length, 1)
    assert.equal((await buffer(await store.read(first))).byteLength, 400_000)
    assert.deepEqual(await idsOf(store), [first.id])
    // Not a byte left: the file is whole on the disk, and its record does not fit.
    const { free } = await filledUp(path)
    await assert.rejects(put(store, ''), failsWith('insufficient_storage', /the disk is full/))
    assert.equal((await blobsIn(path)).length, 1)
    await free()
    assert.equal((await put(store, Buffer.alloc(100_000))).bytes, 100_000)
    assert.ok(await store.delete('a', first.id))
  })

  it('that is read-only: uploads and deletions say so, and it can be mended', async (t) => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'disk')
    await mkdir(path)
    using disk = smallDisk(t, path, '1m')
    if (!disk) return
    let file: StoredFile
    {
      await using store = await openLocal(path)
      file = await put(store, 'kept')
    }
    disk.remount('ro')
    await using store = await openLocal(path)
    const readOnly = failsWith('storage_failure', /cannot be written to/)
    await assert.rejects(put(store, 'x'), readOnly)
    await assert.rejects(store.delete('a', file.id), readOnly)
    disk.remount('rw')
    await delay(1100)
    assert.equal((await buffer(await store.read(file))).toString(), 'kept')
    assert.ok(await store.delete('a', file.id))
  })
})
