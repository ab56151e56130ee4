/** Copies of objects on this disk: bounded, checked, fetched once, and shared by the servers of a machine. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { AerieError } from '../../src/errors.ts'
import type { Blob } from '../../src/files/blob-store.ts'
import { newBlobKey } from '../../src/files/file-id.ts'
import { ObjectCache, type ObjectCacheOptions } from '../../src/files/object-cache.ts'
import { someBytes } from '../support/blob-store-contract.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

function newBlob(size: number): Blob & { readonly content: Buffer } {
  const content = someBytes(size)
  const sha256 = createHash('sha256').update(content).digest('hex')
  return { key: newBlobKey(), bytes: size, sha256, content }
}

type Content = ReturnType<typeof newBlob>

/** A cache of 1000 bytes, a clock of its own, and a count of what was fetched. */
async function openCache(folder: string, options: Partial<ObjectCacheOptions> = {}) {
  const clock = { ms: Date.now() }
  const cache = new ObjectCache({
    ...{ folder, maxBytes: 1000, holdMs: 60_000, now: () => clock.ms },
    logger: { info() {}, warn() {}, error() {} },
    ...options,
  })
  let fetches = 0
  return {
    ...{ cache, clock },
    fetches: () => fetches,
    get: (blob: Content, signal?: AbortSignal) =>
      cache.path(
        blob,
        async () => {
          fetches++
          await delay(5)
          return Readable.from([blob.content])
        },
        signal,
      ),
    [Symbol.asyncDispose]: () => cache.dispose(),
  }
}

function fails(code: string, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof AerieError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  }
}

describe('copies of objects', () => {
  it('are fetched once for all who ask, and lie in a folder of their owner alone', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'objects')
    await using at = await openCache(path)
    const blob = newBlob(300)
    const paths = await Promise.all(Array.from({ length: 5 }, () => at.get(blob)))
    paths.push(await at.get(blob))
    assert.equal(new Set(paths).size, 1)
    assert.ok(blob.content.equals(await readFile(paths[0]!)))
    assert.equal(at.fetches(), 1)
    assert.equal((await stat(path)).mode & 0o777, 0o700)
    const { entries, bytes, hits, misses } = at.cache.stats()
    assert.deepEqual(
      { entries, bytes, hits, misses },
      { entries: 1, bytes: 300, hits: 1, misses: 1 },
    )
  })

  it('go when others need the room, those first that nobody has used for longest', async () => {
    await using folder = await temporaryFolder()
    await using at = await openCache(folder.path)
    const [a, b, c] = [newBlob(400), newBlob(400), newBlob(400)]
    for (const blob of [a, b]) {
      await at.get(blob)
      at.clock.ms += 1000
    }
    await at.get(a)
    at.clock.ms += 61_000
    await at.get(c)
    assert.deepEqual((await readdir(folder.path)).sort(), [a.key, c.key].sort())
    assert.equal(at.cache.stats().evictions, 1)
    assert.equal(at.cache.stats().bytes, 800)
  })

  it('stay while a request may still read them; who needs more room is asked to come later', async () => {
    await using folder = await temporaryFolder()
    await using at = await openCache(folder.path)
    const [a, b] = [newBlob(600), newBlob(600)]
    await at.get(a)
    at.clock.ms += 59_000
    await assert.rejects(at.get(b), fails('queue_full', /objectCacheBytes.*try again/))
    at.clock.ms += 2000
    await at.get(b)
    assert.deepEqual(await readdir(folder.path), [b.key])
    await assert.rejects(
      at.get(newBlob(1001)),
      fails('storage_failure', /1001 bytes.*objectCacheBytes/),
    )
  })

  it('are never more than the bound, whatever is fetched at the same time', async () => {
    await using folder = await temporaryFolder()
    await using at = await openCache(folder.path, { holdMs: -1 })
    const all = Array.from({ length: 60 }, (_, i) => newBlob(50 + i * 5))
    let most = 0
    await Promise.all(
      all.map(async (blob) => {
        await at.get(blob).catch(fails('queue_full', /try again/))
        most = Math.max(most, at.cache.stats().bytes)
      }),
    )
    assert.ok(most <= 1000, `${most}`)
    const sizes = await Promise.all(
      (await readdir(folder.path)).map(async (name) => (await stat(join(folder.path, name))).size),
    )
    assert.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      at.cache.stats().bytes,
    )
  })

  it('of an earlier start are used again after they were compared with their SHA-256', async () => {
    await using folder = await temporaryFolder()
    const [whole, torn] = [newBlob(200), newBlob(300)]
    {
      await using at = await openCache(folder.path)
      for (const blob of [whole, torn]) await at.get(blob)
    }
    // As a crash leaves a file whose bytes never reached the disk.
    await writeFile(join(folder.path, torn.key), Buffer.alloc(300))
    await using at = await openCache(folder.path)
    await at.get(whole)
    assert.equal(at.fetches(), 0)
    const path = await at.get(torn)
    assert.equal(at.fetches(), 1)
    assert.ok(torn.content.equals(await readFile(path)))
  })

  it('that another server of the machine uses are not taken from it', async () => {
    await using folder = await temporaryFolder()
    await using one = await openCache(folder.path)
    await using other = await openCache(folder.path)
    const [a, b] = [newBlob(600), newBlob(600)]
    await one.get(a)
    await other.get(a)
    assert.equal(other.fetches(), 0)
    one.clock.ms += 61_000
    other.clock.ms += 50_000
    await other.get(a)
    await assert.rejects(one.get(b), fails('queue_full', /try again/))
  })

  it('go when nobody has used them for long, and so do pieces of a crash', async () => {
    await using folder = await temporaryFolder()
    const old = newBlob(100)
    const piece = join(folder.path, `${newBlobKey()}.00000000.part`)
    await writeFile(piece, 'cut off')
    await writeFile(join(folder.path, 'notes.txt'), "somebody's own")
    const long = new Date(Date.now() - 7_200_000)
    for (const path of [piece, join(folder.path, 'notes.txt')]) await utimes(path, long, long)
    await using at = await openCache(folder.path, { lookEveryMs: 10 })
    await at.get(old)
    assert.deepEqual((await readdir(folder.path)).sort(), [old.key, 'notes.txt'].sort())
    at.clock.ms += 3_700_000
    while ((await readdir(folder.path)).length > 1) await delay(5)
    assert.deepEqual(await readdir(folder.path), ['notes.txt'])
    assert.equal(at.cache.stats().bytes, 0)
  })

  it('that cannot be fetched leave nothing, and the next who asks begins anew', async () => {
    await using folder = await temporaryFolder()
    await using at = await openCache(folder.path)
    const blob = newBlob(500)
    const broken = async () =>
      Readable.from(
        (async function* () {
          yield blob.content.subarray(0, 100)
          throw new AerieError('storage_failure', 'files: gone')
        })(),
      )
    await assert.rejects(at.cache.path(blob, broken), fails('storage_failure', /gone/))
    assert.deepEqual(await readdir(folder.path), [])
    assert.equal(at.cache.stats().bytes, 0)
    await at.get(blob)
  })

  it('are given up when nobody waits any more, and not while anybody does', async () => {
    await using folder = await temporaryFolder()
    await using at = await openCache(folder.path)
    const blob = newBlob(500)
    let ended: AbortSignal | undefined
    const begun = async () => {
      while (!ended) await delay(5)
    }
    const slow = (release: Promise<unknown>) => async (signal: AbortSignal) => {
      ended = signal
      await Promise.race([release, new Promise((r) => signal.addEventListener('abort', r))])
      signal.throwIfAborted()
      return Readable.from([blob.content])
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    const leaver = new AbortController()
    const left = at.cache.path(blob, slow(promise), leaver.signal)
    const stays = at.cache.path(blob, slow(promise))
    await begun()
    leaver.abort()
    await assert.rejects(left, fails('cancelled', /nobody waits/))
    assert.equal(ended?.aborted, false)
    resolve()
    await stays
    await at.cache.forget(blob.key)
    ended = undefined
    const only = new AbortController()
    const alone = at.cache.path(blob, slow(new Promise(() => {})), only.signal)
    await begun()
    only.abort()
    await assert.rejects(alone, fails('cancelled', /nobody waits/))
    assert.equal(ended!.aborted, true)
    while (at.cache.stats().bytes > 0) await delay(5)
  })

  it('that nobody waits for any more, when they would be fetched, are not', async () => {
    await using folder = await temporaryFolder()
    await using at = await openCache(folder.path)
    const leave = new AbortController()
    let fetches = 0
    const fetch = async () => {
      fetches++
      return Readable.from([])
    }
    leave.abort()
    const left = at.cache.path(newBlob(500), fetch, leave.signal)
    await assert.rejects(left, fails('cancelled', /nobody waits/))
    while (at.cache.stats().misses === 0 || at.cache.stats().bytes > 0) await turn()
    assert.equal(fetches, 0)
  })

  it('more fetches than may be at once wait, in a queue that has an end and says so', async () => {
    await using folder = await temporaryFolder()
    await using at = await openCache(folder.path, { maxBytes: 2 ** 20 })
    const { promise, resolve } = Promise.withResolvers<void>()
    let atOnce = 0
    let most = 0
    const fetch = (blob: Content) => async () => {
      most = Math.max(most, ++atOnce)
      await promise
      atOnce--
      return Readable.from([blob.content])
    }
    const all = Array.from({ length: 16 + 512 }, () => newBlob(10))
    const paths = all.map((blob) => at.cache.path(blob, fetch(blob)))
    while (at.cache.stats().waiting < 512 || atOnce < 16) await delay(5)
    assert.equal(at.cache.stats().maxWaiting, 512)
    await assert.rejects(at.get(newBlob(10)), fails('queue_full', /512 wait/))
    resolve()
    await Promise.all(paths)
    assert.equal(most, 16)
    assert.equal(at.cache.stats().entries, all.length)
  })

  it('in a folder that others may look into are refused', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'objects')
    await mkdir(path)
    await chmod(path, 0o755)
    await using at = await openCache(path)
    const open = fails('storage_failure', /copies of objects: .*mode 700\), got mode 755/)
    await assert.rejects(at.get(newBlob(1)), open)
    await chmod(path, 0o700)
    await at.get(newBlob(1))
  })
})
