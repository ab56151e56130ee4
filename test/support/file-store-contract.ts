/** What the store of files promises wherever it keeps them: one suite, run over this machine's disk and over PostgreSQL and a bucket. */
import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { AerieError } from '../../src/errors.ts'
import type { FileStore, NewFile, StoredFile } from '../../src/files/contract.ts'
import { type FileStoreOptions, openFileStore } from '../../src/files/file-store.ts'

const MiB = 2 ** 20

/** Where files are kept, empty. */
export interface FilePlace extends AsyncDisposable {
  readonly options: Pick<FileStoreOptions, 'folder' | 'shared'>
  /** How many blobs and pieces of blobs there are. */
  blobs(): Promise<number>
  /** Takes the bytes of a file away behind the store's back, or all but three. */
  lose(store: FileStore, file: StoredFile): Promise<void>
  cut(store: FileStore, file: StoredFile): Promise<void>
}

type Options = Partial<FileStoreOptions> & Pick<FileStoreOptions, 'folder'>

export async function openStore(options: Options) {
  const errors: string[] = []
  const keep = (details: object, message: string) => errors.push(message + JSON.stringify(details))
  const logger = { debug() {}, info() {}, warn: keep, error: keep } as FileStoreOptions['logger']
  const store = await openFileStore({
    ...{ maxFileBytes: 64 * MiB, maxBytes: 64 * MiB, maxUploads: 8, logger },
    ...options,
  })
  return Object.assign(store, { errors, [Symbol.asyncDispose]: () => store.dispose() })
}

async function* pieces(...bytes: readonly (string | Uint8Array)[]) {
  for (const piece of bytes) yield Buffer.from(piece)
}

export async function put(
  store: FileStore,
  bytes: string | Uint8Array,
  { tenant = 'a', ...file }: Partial<NewFile> & { readonly tenant?: string } = {},
): Promise<StoredFile> {
  await using upload = store.beginUpload(tenant)
  await upload.receive(pieces(bytes))
  const defaults = { filename: 'f', purpose: 'user_data' } as const
  return await upload.create({ ...defaults, expiresAfterSeconds: undefined, ...file })
}

const everything = { tenant: 'a', after: undefined, limit: 100, order: 'asc' } as const
export async function idsOf(store: FileStore, tenant = 'a'): Promise<string[]> {
  const { files } = await store.list({ ...everything, tenant, purpose: undefined })
  return files.map(({ id }) => id)
}

export function failsWith(code: string, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof AerieError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  }
}

export function testFileStore(
  name: string,
  openPlace: () => Promise<FilePlace>,
  skip: string | false = false,
): void {
  describe(`${name}: the contract of files`, { skip }, () => {
    it('a tenant neither sees, reads, lists nor deletes the files of another', async () => {
      await using place = await openPlace()
      await using store = await openStore(place.options)
      const file = await put(store, 'secret', { tenant: 'a' })
      assert.equal(await store.find('b', file.id), undefined)
      assert.deepEqual(await idsOf(store, 'b'), [])
      assert.equal(await store.delete('b', file.id), false)
      await assert.rejects(store.read({ ...file, tenant: 'b' }), failsWith('not_found', /deleted/))
      assert.deepEqual(await idsOf(store, 'a'), [file.id])
    })

    it('a download that has begun is finished when its file is deleted', async () => {
      await using place = await openPlace()
      await using store = await openStore(place.options)
      const bytes = Buffer.alloc(3 * MiB, 7)
      const file = await put(store, bytes)
      const stream = await store.read(file)
      await store.delete('a', file.id)
      assert.equal(await place.blobs(), 0)
      assert.deepEqual(await buffer(stream), bytes)
    })

    it('what has expired is gone at once, and its bytes at the next sweep, also that of another start', async () => {
      await using place = await openPlace()
      let now = Date.now()
      const options = { now: () => now }
      let short: StoredFile
      let long: StoredFile
      {
        await using store = await openStore({ ...place.options, ...options })
        short = await put(store, 'short', { expiresAfterSeconds: 3600 })
        long = await put(store, 'long', { expiresAfterSeconds: 7200 })
        now += 3_600_000
        assert.equal(await store.find('a', short.id), undefined)
        assert.equal(await store.delete('a', short.id), false)
        assert.deepEqual(await idsOf(store), [long.id])
        assert.equal(await place.blobs(), 2)
      }
      {
        await using store = await openStore({ ...place.options, ...options, sweepEveryMs: 10 })
        while (store.stats().expired < 1) await delay(5)
        assert.equal(await place.blobs(), 1)
        now += 3_600_000
        while (store.stats().expired < 2) await delay(5)
      }
      assert.equal(await place.blobs(), 0)
    })

    it('two servers share one place: each sees what the other does, and the bound is one', async () => {
      await using place = await openPlace()
      const options = { maxBytes: 1000 }
      await using one = await openStore({ ...place.options, ...options })
      await using other = await openStore({ ...place.options, ...options })
      const file = await put(one, 'x'.repeat(600))
      assert.deepEqual(await idsOf(other), [file.id])
      await assert.rejects(
        put(other, 'x'.repeat(600)),
        failsWith('insufficient_storage', /maxFilesBytes/),
      )
      assert.equal(await place.blobs(), 1)
      assert.ok(await other.delete('a', file.id))
      assert.equal(await one.find('a', file.id), undefined)
    })

    it('the record of a file whose bytes are gone or cut', async () => {
      await using place = await openPlace()
      let whole: StoredFile
      {
        // A clock by which it is too early to look for what is lost: the look at the start might find these first.
        await using store = await openStore({ ...place.options, now: () => 1 })
        whole = await put(store, 'whole')
        const gone = await put(store, 'gone')
        await place.lose(store, gone)
        const cut = await put(store, 'cut short')
        await place.cut(store, cut)
        await assert.rejects(store.read(gone), failsWith('storage_failure', /^files: /))
        await assert.rejects(store.read(cut), failsWith('storage_failure', /has 3 bytes.*9 in/))
      }
      const later = Date.now() + 3_600_000
      await using store = await openStore({ ...place.options, now: () => later })
      while (store.stats().orphans < 2) await delay(5)
      assert.deepEqual(await idsOf(store), [whole.id])
      assert.equal(
        store.errors.filter((line) => line.includes('bytes of a file are gone')).length,
        2,
      )
    })

    it('the files of one tenant have a bound of their own, while they come and at their end', async () => {
      await using place = await openPlace()
      const options = { ...place.options, maxBytes: 4000, maxTenantBytes: 1000 }
      await using one = await openStore(options)
      await using other = await openStore(options)
      const first = await put(one, 'x'.repeat(700), { tenant: 'a' })
      const tooMuch = failsWith(
        'insufficient_storage',
        /1000 bytes together \(maxTenantFilesBytes\)/,
      )
      await assert.rejects(put(other, 'x'.repeat(400), { tenant: 'a' }), tooMuch)
      await put(other, 'x'.repeat(900), { tenant: 'b' })
      // Two that each fit and do not fit together: one is refused while it still comes.
      await other.delete('a', first.id)
      await using held = one.beginUpload('a')
      await held.receive(pieces('x'.repeat(600)))
      await using late = one.beginUpload('a')
      await assert.rejects(late.receive(pieces('x'.repeat(600))), tooMuch)
      // At another server nothing is known of the first one before it is a file; then its end decides.
      await using elsewhere = other.beginUpload('a')
      await elsewhere.receive(pieces('x'.repeat(600)))
      const file = { filename: 'f', purpose: 'user_data', expiresAfterSeconds: undefined } as const
      await held.create(file)
      await assert.rejects(elsewhere.create(file), tooMuch)
      await elsewhere[Symbol.asyncDispose]()
      assert.equal((await idsOf(one, 'a')).length, 1)
      assert.equal(await place.blobs(), 2)
    })

    it('an upload that was held up until it was taken for a leftover is refused, not lost', async () => {
      await using place = await openPlace()
      await using one = await openStore(place.options)
      await put(one, 'there')
      await using held = one.beginUpload('a')
      await held.receive(pieces('held up'))
      await using other = await openStore({ ...place.options, orphanAfterMs: -5000 })
      while (other.stats().orphans < 1) await delay(5)
      const file = { filename: 'f', purpose: 'user_data', expiresAfterSeconds: undefined } as const
      await assert.rejects(held.create(file), failsWith('storage_failure', /^files: /))
      assert.equal((await idsOf(one)).length, 1)
    })
  })
}
