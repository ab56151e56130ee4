import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { ONE_TILE } from '../../models/tiling/layout.ts'
import { startEncoder } from '../../src/engine/encoder.ts'
import { FeatureDisk } from '../../src/engine/feature-disk.ts'
import type { Encoder } from '../../src/engine/types.ts'
import { recordingLogger, until } from '../support/toy-engine.ts'

const NEVER = new AbortController().signal
const root = mkdtempSync(join(tmpdir(), 'aerie-disk-'))
after(() => rmSync(root, { recursive: true, force: true }))
let folders = 0
const newFolder = () => join(root, String(folders++))

const picture = (key: string, value = 5) => ({
  key,
  pixels: new Float32Array(3).fill(value),
  layout: ONE_TILE,
  conversions: ['alpha on white'],
})

/** Towers that sum pixels, with a cache on disk. */
async function encoderOn(
  folder: string,
  { maxBytes = 1e6, cacheBytes = 1e6, logger = recordingLogger() } = {},
): Promise<Encoder> {
  const encoder = await startEncoder(
    {
      modelDir: JSON.stringify({ runMs: 0 }),
      backend: 'reference',
      threads: 1,
      cacheBytes,
      // On a machine that does other things a read may take longer than anyone else would wait.
      disk: { folder, maxBytes, readTimeoutMs: 60_000 },
      maxBatch: 4,
      maxWaiting: 8,
      logger,
    },
    new URL('../support/toy-encoder-worker.ts', import.meta.url),
  )
  after(() => encoder.dispose())
  return encoder
}

const floats = (count: number) => new Float32Array(new SharedArrayBuffer(4 * count))

describe('the encoder with a cache on disk', () => {
  it('knows after a restart what it encoded before, to the bit, with what was done to the pixels', async () => {
    const folder = newFolder()
    const before = await encoderOn(folder)
    assert.equal(await before.lookup('a'), undefined)
    const { features } = await before.encode(picture('a'), NEVER)
    await before.dispose()

    const encoder = await encoderOn(folder)
    const known = await encoder.lookup('a')
    assert.equal(known!.from, 'disk')
    assert.ok(known!.readMs > 0)
    assert.deepEqual(known!.features, features)
    assert.equal((await encoder.lookup('a'))!.from, 'memory')
    const { tilesEncoded, cacheHits, cacheMisses, disk } = encoder.stats()
    assert.deepEqual(
      { tilesEncoded, cacheHits, cacheMisses },
      { tilesEncoded: 0, cacheHits: 1, cacheMisses: 0 },
    )
    assert.deepEqual([disk!.hits, disk!.misses, disk!.writes], [1, 0, 0])
  })

  it('reads once what several ask for at the same time', async () => {
    const folder = newFolder()
    const before = await encoderOn(folder)
    await before.encode(picture('a'), NEVER)
    await before.dispose()
    const encoder = await encoderOn(folder)
    const found = await Promise.all([1, 2, 3].map(() => encoder.lookup('a')))
    assert.equal(new Set(found.map((known) => known!.features.data)).size, 1)
    assert.equal(encoder.stats().disk!.hits, 1)
  })

  it('works without memory too', async () => {
    const encoder = await encoderOn(newFolder(), { cacheBytes: 0 })
    await encoder.encode(picture('a'), NEVER)
    await until(() => encoder.stats().disk!.writes === 1)
    assert.equal((await encoder.lookup('a'))!.from, 'disk')
    assert.equal((await encoder.lookup('a'))!.from, 'disk')
  })

  it('says how much lies there, and what is waiting to', async () => {
    const encoder = await encoderOn(newFolder())
    const { bytes, entries, maxBytes, waitingBytes, maxWaitingBytes } = encoder.stats().disk!
    assert.deepEqual([bytes, entries, maxBytes, waitingBytes], [0, 0, 1e6, 0])
    assert.ok(maxWaitingBytes > 0)
    await encoder.encode(picture('a'), NEVER)
    assert.equal(encoder.stats().disk!.waitingBytes, 24)
    await until(() => encoder.stats().disk!.entries === 1)
    assert.equal(encoder.stats().disk!.waitingBytes, 0)
    assert.ok(encoder.stats().disk!.bytes > 24)
  })

  it('computes again what was damaged, and keeps it again', async () => {
    const folder = newFolder()
    const before = await encoderOn(folder)
    await before.encode(picture('a'), NEVER)
    await before.dispose()
    truncateSync(join(folder, readdirSync(folder)[0]!), 30)
    const logger = recordingLogger()
    const encoder = await encoderOn(folder, { logger })
    assert.equal(await encoder.lookup('a'), undefined)
    assert.equal(encoder.stats().disk!.rejected, 1)
    assert.deepEqual(logger.lines, ['warn: feature cache on disk; said once, then counted'])
    await encoder.encode(picture('a'), NEVER)
    await until(() => encoder.stats().disk!.writes === 1)
  })

  it('goes on without, and says so once, where the folder cannot be had', async () => {
    const folder = newFolder()
    mkdirSync(folder)
    chmodSync(folder, 0o755)
    const logger = recordingLogger()
    const encoder = await encoderOn(folder, { logger })
    for (const key of ['a', 'b']) {
      assert.equal(await encoder.lookup(key), undefined)
      assert.equal((await encoder.encode(picture(key), NEVER)).features.data[0], 1015)
    }
    assert.deepEqual(logger.lines, ['warn: no feature cache on disk'])
    assert.deepEqual(readdirSync(folder), [])
  })

  it('goes on without, and says so once, where nothing can be written', async () => {
    const folder = newFolder()
    const logger = recordingLogger()
    const encoder = await encoderOn(folder, { logger })
    rmSync(folder, { recursive: true })
    for (const key of ['a', 'b', 'c']) await encoder.encode(picture(key), NEVER)
    await until(() => encoder.stats().disk!.waitingBytes === 0)
    const { failures, skipped, writes } = encoder.stats().disk!
    // The look around fails as well, for its own reason.
    assert.ok(failures >= 1 && failures <= 2)
    assert.deepEqual([skipped, writes], [2, 0])
    assert.ok(logger.lines.length === failures, logger.lines.join())
    assert.equal((await encoder.lookup('a'))!.from, 'memory')
  })
})

describe('a disk that does not answer', () => {
  it('is not waited for', async () => {
    const folder = newFolder()
    const logger = recordingLogger()
    const disk = await FeatureDisk.start({ folder, maxBytes: 1e9, logger, readTimeoutMs: 20 })
    after(() => disk.dispose())
    // A quarter of a gigabyte to hash and write, which is one thing that the thread does not leave off. It may be done with
    // that before anybody has asked, where this thread stood still.
    let asked = 0
    do {
      disk.write({ key: `large ${asked++}`, rows: 1, data: floats(1 << 26) })
      await until(() => readdirSync(folder).length === asked)
      assert.equal(await disk.read('a'), undefined)
    } while (disk.stats().failures === 0)
    // Nor does the next one wait at all, until the disk is back.
    const turn = nextTurn('too late')
    assert.equal(await Promise.race([disk.read('a'), turn]), undefined)
    assert.equal(disk.stats().failures, 1)
    await until(() => disk.stats().writes === asked)
    await until(() => disk.stats().misses === asked)
    disk.write({ key: 'small', rows: 1, data: floats(8) })
    await until(() => disk.stats().writes === asked + 1)
    assert.equal((await disk.read('small'))!.key, 'small')
  })

  it('costs entries, not memory', async () => {
    const disk = await FeatureDisk.start({
      folder: newFolder(),
      maxBytes: 1e9,
      logger: recordingLogger(),
    })
    after(() => disk.dispose())
    const { maxWaitingBytes } = disk.stats()
    // Written one after the other in this turn of the loop, in which the thread cannot say that it is done.
    for (let i = 0; i < 6; i++)
      disk.write({ key: `${i}`, rows: 1, data: floats(maxWaitingBytes / 16) })
    disk.write({ key: 'large', rows: 1, data: floats(maxWaitingBytes / 4) })
    const { skipped, waitingBytes } = disk.stats()
    assert.equal(skipped, 3)
    assert.equal(waitingBytes, maxWaitingBytes)
    await until(() => disk.stats().waitingBytes === 0)
    assert.equal(disk.stats().writes, 4)
  })
})

describe('processes that are killed while they write', () => {
  it('leave whole entries alone behind, for others too', async () => {
    const folder = newFolder()
    const program = `
      import { FeatureFolder } from ${JSON.stringify(new URL('../../src/engine/feature-folder.ts', import.meta.url))}
      const folder = new FeatureFolder({ folder: ${JSON.stringify(folder)}, maxBytes: 1e9, onTrouble: console.error })
      for (let i = 0; ; i++) {
        const data = new Float32Array(new SharedArrayBuffer(1 << 20)).fill(i)
        folder.write({ key: String(i % 50) + process.argv[1], rows: 1, data })
        if (i === 20) console.log('ready')
      }`
    // All at once into one folder.
    await Promise.all(
      [0, 1, 2].map(async (number) => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', program, `p${number}`])
        await once(child.stdout, 'data')
        await delay(number)
        child.kill('SIGKILL')
        await once(child, 'exit')
      }),
    )
    const disk = await FeatureDisk.start({
      ...{ folder, maxBytes: 1e9, logger: recordingLogger() },
      // However long it takes.
      readTimeoutMs: 60_000,
    })
    after(() => disk.dispose())
    let whole = 0
    for (let process = 0; process < 3; process++)
      for (let i = 0; i < 50; i++) if (await disk.read(`${i}p${process}`)) whole++
    assert.ok(whole >= 60, `${whole}`)
    assert.equal(disk.stats().rejected, 0)
  })
})
