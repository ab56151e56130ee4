/** The store of files: what it keeps, whose it is, and what it does when the disk does not. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmod,
  mkdir,
  open,
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
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { AerieError } from '../../src/errors.ts'
import type { FileStore, NewFile, StoredFile } from '../../src/files/contract.ts'
import { type FileStoreOptions, openFileStore } from '../../src/files/file-store.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const MiB = 2 ** 20

async function openStore(folder: string, options: Partial<FileStoreOptions> = {}) {
  const errors: string[] = []
  const keep = (details: object, message: string) => errors.push(message + JSON.stringify(details))
  const logger = { debug() {}, info() {}, warn: keep, error: keep } as FileStoreOptions['logger']
  const store = await openFileStore({
    ...{ folder, maxFileBytes: 64 * MiB, maxBytes: 64 * MiB, maxUploads: 8, logger },
    ...options,
  })
  return Object.assign(store, { errors, [Symbol.asyncDispose]: () => store.dispose() })
}

async function* pieces(...bytes: readonly (string | Uint8Array)[]) {
  for (const piece of bytes) yield Buffer.from(piece)
}

async function put(
  store: FileStore,
  bytes: string | Uint8Array,
  file: Partial<NewFile> = {},
): Promise<StoredFile> {
  await using upload = store.beginUpload()
  await upload.receive(pieces(bytes))
  const defaults = { tenant: 'a', filename: 'f', purpose: 'user_data' } as const
  return await upload.create({ ...defaults, expiresAfterSeconds: undefined, ...file })
}

const everything = { tenant: 'a', after: undefined, limit: 100, order: 'asc' } as const
async function idsOf(store: FileStore, tenant = 'a'): Promise<string[]> {
  const { files } = await store.list({ ...everything, tenant, purpose: undefined })
  return files.map(({ id }) => id)
}

async function blobsIn(folder: string): Promise<string[]> {
  const entries = await readdir(join(folder, 'blobs'), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((e) => join(e.parentPath, e.name))
}

function fails(code: string, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof AerieError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  }
}

it('nothing is written before the first file comes', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'files')
  await using store = await openStore(path)
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
    await using store = await openStore(path)
    ;({ id } = await put(store, bytes))
  }
  await using store = await openStore(path)
  const file = await store.find('a', id)
  assert.deepEqual(await buffer(await store.read(file!)), bytes)
  assert.deepEqual(await readFile(await store.localPath(file!)), bytes)
  assert.equal(store.stats().bytes, bytes.byteLength)
  const { mode } = await stat(path)
  assert.equal(mode & 0o777, 0o700)
})

it('a tenant neither sees, reads, lists nor deletes the files of another', async () => {
  await using folder = await temporaryFolder()
  await using store = await openStore(folder.path)
  const file = await put(store, 'secret', { tenant: 'a' })
  assert.equal(await store.find('b', file.id), undefined)
  assert.deepEqual(await idsOf(store, 'b'), [])
  assert.equal(await store.delete('b', file.id), false)
  await assert.rejects(store.read({ ...file, tenant: 'b' }), fails('not_found', /deleted/))
  assert.deepEqual(await idsOf(store, 'a'), [file.id])
})

it('a download that has begun is finished when its file is deleted', async () => {
  await using folder = await temporaryFolder()
  await using store = await openStore(folder.path)
  const bytes = Buffer.alloc(3 * MiB, 7)
  const file = await put(store, bytes)
  const stream = await store.read(file)
  await store.delete('a', file.id)
  assert.deepEqual(await blobsIn(folder.path), [])
  assert.deepEqual(await buffer(stream), bytes)
})

it('what has expired is gone at once, and its bytes at the next sweep, also that of another start', async () => {
  await using folder = await temporaryFolder()
  let now = Date.now()
  const options = { now: () => now }
  let short: StoredFile
  let long: StoredFile
  {
    await using store = await openStore(folder.path, options)
    short = await put(store, 'short', { expiresAfterSeconds: 3600 })
    long = await put(store, 'long', { expiresAfterSeconds: 7200 })
    now += 3_600_000
    assert.equal(await store.find('a', short.id), undefined)
    assert.equal(await store.delete('a', short.id), false)
    assert.deepEqual(await idsOf(store), [long.id])
    assert.equal((await blobsIn(folder.path)).length, 2)
  }
  {
    await using store = await openStore(folder.path, { ...options, sweepEveryMs: 10 })
    while (store.stats().expired < 1) await delay(5)
    assert.equal((await blobsIn(folder.path)).length, 1)
    now += 3_600_000
    while (store.stats().expired < 2) await delay(5)
  }
  assert.deepEqual(await blobsIn(folder.path), [])
})

it('two servers share one folder: each sees what the other does, and the bound is one', async () => {
  await using folder = await temporaryFolder()
  const options = { maxBytes: 1000 }
  await using one = await openStore(folder.path, options)
  await using other = await openStore(folder.path, options)
  const file = await put(one, 'x'.repeat(600))
  assert.deepEqual(await idsOf(other), [file.id])
  await assert.rejects(put(other, 'x'.repeat(600)), fails('insufficient_storage', /maxFilesBytes/))
  assert.equal((await blobsIn(folder.path)).length, 1)
  assert.ok(await other.delete('a', file.id))
  assert.equal(await one.find('a', file.id), undefined)
})

describe('what a crash leaves', () => {
  it('is removed at the next start when it has been left alone for long enough', async () => {
    await using folder = await temporaryFolder()
    let kept: StoredFile
    let blobs = ''
    {
      await using store = await openStore(folder.path)
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
      await using store = await openStore(folder.path)
      await delay(100)
      assert.equal(store.stats().orphans, 0)
    }
    await using store = await openStore(folder.path, { orphanAfterMs: -1000 })
    while (store.stats().orphans < 2) await delay(5)
    assert.equal((await blobsIn(folder.path)).length, 2)
    assert.equal((await buffer(await store.read(kept))).toString(), 'kept')
  })

  it('also the record of a file whose bytes are gone or cut', async () => {
    await using folder = await temporaryFolder()
    let whole: StoredFile
    {
      await using store = await openStore(folder.path)
      whole = await put(store, 'whole')
      const gone = await put(store, 'gone')
      await rm(await store.localPath(gone))
      const cut = await put(store, 'cut short')
      await truncate(await store.localPath(cut), 3)
      await assert.rejects(store.read(gone), fails('storage_failure', /ENOENT/))
      await assert.rejects(store.read(cut), fails('storage_failure', /has 3 bytes.*9 in/))
    }
    const later = Date.now() + 3_600_000
    await using store = await openStore(folder.path, { now: () => later })
    while (store.stats().orphans < 2) await delay(5)
    assert.deepEqual(await idsOf(store), [whole.id])
    assert.equal(store.errors.filter((line) => line.includes('bytes of a file are gone')).length, 2)
  })
})

describe('a database', () => {
  it('that is damaged is said at every call, and the way back is to move it away', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'files.sqlite')
    let lost: StoredFile
    {
      await using store = await openStore(folder.path)
      for (let i = 0; i < 40; i++) await put(store, 'x', { filename: 'n'.repeat(200) })
      lost = await put(store, 'still there')
    }
    const bytes = await readFile(path)
    bytes.fill(0xaa, 4096, 3 * 4096)
    await writeFile(path, bytes)
    {
      await using store = await openStore(folder.path)
      assert.ok(store.errors[0]?.includes(folder.path), 'the log names the folder')
      await assert.rejects(idsOf(store), fails('storage_failure', /the database is damaged/))
      await assert.rejects(put(store, 'x'), fails('storage_failure', /the database is damaged/))
    }
    await rename(path, `${path}.damaged`)
    let file: StoredFile
    {
      await using store = await openStore(folder.path)
      file = await put(store, 'new')
    }
    await using store = await openStore(folder.path, { orphanAfterMs: -1000 })
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
    await using store = await openStore(folder.path)
    await assert.rejects(
      idsOf(store),
      fails('storage_failure', /damaged \(file is not a database\)/),
    )
  })

  it('of a newer server is left alone', async () => {
    await using folder = await temporaryFolder()
    {
      await using store = await openStore(folder.path)
      await put(store, 'x')
    }
    const database = new DatabaseSync(join(folder.path, 'files.sqlite'))
    database.exec('PRAGMA user_version = 99')
    database.close()
    await using store = await openStore(folder.path)
    await assert.rejects(idsOf(store), fails('storage_failure', /version 99, this server knows 1/))
  })

  it('whose folder of bytes is not mounted says so, and removes no record', async () => {
    await using folder = await temporaryFolder()
    const blobs = join(folder.path, 'blobs')
    let file: StoredFile
    {
      await using store = await openStore(folder.path)
      file = await put(store, 'x')
    }
    await rename(blobs, `${blobs}.away`)
    await using store = await openStore(folder.path)
    await assert.rejects(idsOf(store), fails('storage_failure', /is not there; restore it/))
    await rename(`${blobs}.away`, blobs)
    // Mended without a restart.
    await delay(1100)
    assert.deepEqual(await idsOf(store), [file.id])
  })

  it('in a folder that others may look into is refused', async () => {
    await using folder = await temporaryFolder()
    await chmod(folder.path, 0o755)
    await using store = await openStore(folder.path)
    await assert.rejects(put(store, 'x'), fails('storage_failure', /mode 700\), got mode 755/))
  })
})

interface SmallDisk extends Disposable {
  remount(how: 'ro' | 'rw'): void
}

/** A disk of 1 MiB at a folder; undefined, and the test is skipped, where this process may not mount any. */
function smallDisk(t: TestContext, path: string): SmallDisk | undefined {
  const options = ['-t', 'tmpfs', '-o', 'size=1m,mode=700']
  try {
    execFileSync('mount', [...options, 'tmpfs', path], { stdio: 'pipe' })
  } catch (error) {
    t.skip(`no disk can be mounted here: ${String(error).split('\n')[0]}`)
    return undefined
  }
  return {
    remount: (how) => execFileSync('mount', ['-o', `remount,${how}`, path]),
    [Symbol.dispose]: () => execFileSync('umount', ['-l', path]),
  }
}

describe('a disk', () => {
  it('that is full: the upload is refused and leaves nothing, reading goes on, room helps', async (t) => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'disk')
    await mkdir(path)
    using disk = smallDisk(t, path)
    if (!disk) return
    await using store = await openStore(path)
    const first = await put(store, Buffer.alloc(400_000, 1))
    await assert.rejects(
      put(store, Buffer.alloc(900_000, 2)),
      fails('insufficient_storage', /the disk is full/),
    )
    assert.equal((await blobsIn(path)).length, 1)
    assert.equal((await buffer(await store.read(first))).byteLength, 400_000)
    assert.deepEqual(await idsOf(store), [first.id])
    // Not a byte left: the file is whole on the disk, and its record does not fit.
    const { free } = await filledUp(path)
    await assert.rejects(put(store, ''), fails('insufficient_storage', /the disk is full/))
    assert.equal((await blobsIn(path)).length, 1)
    await free()
    assert.equal((await put(store, Buffer.alloc(100_000))).bytes, 100_000)
    assert.ok(await store.delete('a', first.id))
  })

  it('that is read-only: uploads and deletions say so, and it can be mended', async (t) => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'disk')
    await mkdir(path)
    using disk = smallDisk(t, path)
    if (!disk) return
    let file: StoredFile
    {
      await using store = await openStore(path)
      file = await put(store, 'kept')
    }
    disk.remount('ro')
    await using store = await openStore(path)
    const readOnly = fails('storage_failure', /cannot be written to/)
    await assert.rejects(put(store, 'x'), readOnly)
    await assert.rejects(store.delete('a', file.id), readOnly)
    disk.remount('rw')
    await delay(1100)
    assert.equal((await buffer(await store.read(file))).toString(), 'kept')
    assert.ok(await store.delete('a', file.id))
  })
})

/** Writes a file until nothing more fits. */
async function filledUp(path: string): Promise<{ free(): Promise<void> }> {
  const filler = join(path, 'filler')
  await using file = await open(filler, 'w')
  for (let size = 65_536; size >= 1; size = Math.floor(size / 2)) {
    for (;;) {
      const wrote = await file.write(Buffer.alloc(size)).catch(() => undefined)
      if (wrote?.bytesWritten !== size) break
    }
  }
  return { free: () => rm(filler) }
}
