/** What every store of blobs promises: one suite, run over the folder and over a bucket. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { AerieError } from '../../src/errors.ts'
import type { Blob, BlobStore } from '../../src/files/blob-store.ts'
import { newBlobKey } from '../../src/files/file-id.ts'

const MiB = 2 ** 20

/** A store that is empty. */
export interface BlobPlace extends AsyncDisposable {
  readonly blobs: BlobStore
  /** Leaves what a server leaves that is killed while it receives the blob. */
  leaveUnfinished(key: string): Promise<void>
  /** Cuts the bytes of a blob off behind the store's back. */
  cut(key: string): Promise<void>
}

export interface BlobContractOptions {
  readonly skip?: string | false
}

/** Bytes that no two places of are alike. */
export function someBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeUInt32LE((i * 2_654_435_761) >>> 0, i)
  return bytes
}

export async function* inPieces(bytes: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < bytes.byteLength; i += size) yield bytes.subarray(i, i + size)
}

export async function keep(store: BlobStore, bytes: Uint8Array): Promise<Blob> {
  const key = newBlobKey()
  const kept = await store.receive(key, inPieces(bytes), () => {})
  await store.finish(key)
  return { key, ...kept }
}

async function keysOf(store: BlobStore): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list()) keys.push(key)
  return keys
}

async function unfinishedIn(store: BlobStore): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.unfinished()) keys.push(key)
  return keys
}

function fails(code: string, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof AerieError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  }
}

export function testBlobStore(
  name: string,
  open: () => Promise<BlobPlace>,
  { skip = false }: BlobContractOptions = {},
): void {
  describe(`${name}: the contract of blobs`, { skip }, () => {
    for (const size of [0, 1, 70_000, 5 * MiB, 5 * MiB + 1, 11 * MiB]) {
      it(`${size} bytes come back as they went, whole, in part and from a path`, async () => {
        await using place = await open()
        const { blobs } = place
        const bytes = someBytes(size)
        const blob = await keep(blobs, bytes)
        assert.equal(blob.bytes, size)
        assert.equal(blob.sha256, createHash('sha256').update(bytes).digest('hex'))
        assert.ok(bytes.equals(await buffer(await blobs.open(blob))))
        assert.ok(bytes.equals(await readFile(await blobs.localPath(blob))))
        assert.equal(await blobs.size(blob.key), size)
        for (const [start, end] of [
          [0, 0],
          [size - 1, size - 1],
          [Math.floor(size / 3), Math.floor(size / 2)],
        ] as const) {
          if (size === 0) continue
          const part = await buffer(await blobs.open(blob, { start, end }))
          assert.ok(bytes.subarray(start, end + 1).equals(part), `${start} to ${end}`)
        }
      })
    }

    it('all blobs are listed in the order of their keys, with size and time', async () => {
      await using place = await open()
      const { blobs } = place
      assert.deepEqual(await keysOf(blobs), [])
      const before = Date.now()
      const kept = new Map<string, Blob>()
      for (let i = 0; i < 20; i++) {
        const blob = await keep(blobs, someBytes(i))
        kept.set(blob.key, blob)
      }
      const seen: string[] = []
      for await (const { key, bytes, touchedAt } of blobs.list()) {
        assert.equal(bytes, kept.get(key)?.bytes)
        // Times of some stores are whole seconds.
        assert.ok(touchedAt >= before - 2000 && touchedAt <= Date.now() + 2000, `${touchedAt}`)
        seen.push(key)
      }
      assert.deepEqual(seen, [...kept.keys()].sort())
      assert.deepEqual(await unfinishedIn(blobs), [])
    })

    it('a source that fails leaves nothing, and its own error is what is heard', async () => {
      await using place = await open()
      const { blobs } = place
      for (const size of [1000, 12 * MiB]) {
        const source = async function* () {
          yield* inPieces(someBytes(size))
          throw new AerieError('cancelled', 'the client left')
        }
        const received = blobs.receive(newBlobKey(), source(), () => {})
        await assert.rejects(received, fails('cancelled', /the client left/))
      }
      assert.deepEqual(await keysOf(blobs), [])
      assert.deepEqual(await unfinishedIn(blobs), [])
    })

    it('whoever counts the bytes may refuse them, and then no more are asked for', async () => {
      await using place = await open()
      let asked = 0
      let left = false
      const source = async function* () {
        try {
          for (;;) {
            asked++
            yield Buffer.alloc(MiB)
          }
        } finally {
          left = true
        }
      }
      let bytes = 0
      const received = place.blobs.receive(newBlobKey(), source(), (more) => {
        bytes += more
        if (bytes > 7 * MiB) throw new AerieError('request_too_large', 'enough')
      })
      await assert.rejects(received, fails('request_too_large', /enough/))
      assert.ok(asked <= 9, `${asked} pieces`)
      assert.ok(left, 'the source was ended')
      assert.deepEqual(await keysOf(place.blobs), [])
      assert.deepEqual(await unfinishedIn(place.blobs), [])
    })

    it('what a killed server leaves is told apart, and can be removed', async () => {
      await using place = await open()
      const { blobs } = place
      const kept = await keep(blobs, someBytes(10))
      const before = Date.now()
      const key = newBlobKey()
      await place.leaveUnfinished(key)
      assert.deepEqual(await keysOf(blobs), [kept.key])
      assert.deepEqual(await unfinishedIn(blobs), [key])
      for await (const { touchedAt } of blobs.unfinished())
        assert.ok(touchedAt >= before - 2000 && touchedAt <= Date.now() + 2000)
      assert.equal(await blobs.size(key), undefined)
      await blobs.delete(key)
      assert.deepEqual(await unfinishedIn(blobs), [])
      assert.deepEqual(await keysOf(blobs), [kept.key])
    })

    it('a deleted blob is gone, deleting it again is fine, and others stay', async () => {
      await using place = await open()
      const { blobs } = place
      const [gone, stays] = [await keep(blobs, someBytes(10)), await keep(blobs, someBytes(20))]
      await blobs.localPath(gone)
      await blobs.delete(gone.key)
      await blobs.delete(gone.key)
      assert.deepEqual(await keysOf(blobs), [stays.key])
      assert.equal(await blobs.size(gone.key), undefined)
      await assert.rejects(blobs.open(gone), fails('storage_failure', /^files: /))
    })

    it('a blob that is not as large as its record says is refused', async () => {
      await using place = await open()
      const { blobs } = place
      const blob = await keep(blobs, someBytes(100))
      await place.cut(blob.key)
      for (const range of [undefined, { start: 0, end: 1 }])
        await assert.rejects(blobs.open(blob, range), fails('storage_failure', /bytes.*100 in/))
      assert.notEqual(await blobs.size(blob.key), 100)
    })

    it('many at once do not get in each other’s way', async () => {
      await using place = await open()
      const { blobs } = place
      const all = await Promise.all(
        Array.from({ length: 12 }, (_, i) => keep(blobs, someBytes(i * 100_000))),
      )
      await Promise.all(
        all.map(async (blob) => {
          assert.equal((await buffer(await blobs.open(blob))).byteLength, blob.bytes)
          assert.equal((await readFile(await blobs.localPath(blob))).byteLength, blob.bytes)
        }),
      )
      assert.equal((await keysOf(blobs)).length, 12)
    })
  })
}
