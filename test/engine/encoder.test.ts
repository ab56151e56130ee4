import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { layoutOf, ONE_TILE } from '../../models/tiling/layout.ts'
import { type EncoderOptions, startEncoder } from '../../src/engine/encoder.ts'
import type { EncodeRequest, Encoder } from '../../src/engine/types.ts'
import { AerieError } from '../../src/errors.ts'
import { recordingLogger, until } from '../support/toy-engine.ts'

const NEVER = new AbortController().signal
const FAIL = -1
const EXIT = -2
const UNPROJECTED = 5000

/** Towers that sum pixels; see the worker. */
async function encoderFor(
  { runMs = 0, merges = false }: { runMs?: number; merges?: boolean } = {},
  options: Partial<EncoderOptions> = {},
): Promise<Encoder> {
  const encoder = await startEncoder(
    {
      modelDir: JSON.stringify({ runMs, merges }),
      backend: 'reference',
      threads: 1,
      cacheBytes: 1 << 20,
      maxBatch: 4,
      maxWaiting: 8,
      logger: recordingLogger(),
      ...options,
    },
    new URL('../support/toy-encoder-worker.ts', import.meta.url),
  )
  after(() => encoder.dispose())
  return encoder
}

/** A picture of `tiles` tiles, one pixel wide: tile i is `value + i`, repeated in three channels. */
function picture(key: string, value: number, tiles = 1): EncodeRequest {
  const pixels = Float32Array.from({ length: 3 * tiles }, (_, i) => value + Math.floor(i / 3))
  return { key, pixels, layout: layoutOf([{ rows: 1, columns: tiles }]) }
}

describe('the encoder in its worker', () => {
  it('gives features in shared memory, a row a token', async () => {
    const encoder = await encoderFor()
    const { features, cached, encodeMs, queueMs } = await encoder.encode(picture('a', 5, 2), NEVER)
    assert.ok(features.data.buffer instanceof SharedArrayBuffer)
    assert.equal(features.rows, 4)
    assert.equal(features.key, 'a')
    // Two tiles, of 2 tokens with 3 values each, in one run of two.
    assert.deepEqual([...features.data], [...Array(6).fill(2015), ...Array(6).fill(2018)])
    assert.equal(cached, false)
    assert.ok(encodeMs >= 0 && queueMs >= 0)
    assert.equal(encoder.tokensPerTile, 2)
  })

  it('takes the pixels by transfer', async () => {
    const encoder = await encoderFor()
    const request = picture('a', 5)
    await encoder.encode(request, NEVER)
    assert.equal(request.pixels.length, 0)
  })

  it('takes nothing along that only shares a buffer with the pixels', async () => {
    const encoder = await encoderFor()
    const both = Float32Array.of(1, 1, 1, 9, 9, 9)
    await encoder.encode({ key: 'a', pixels: both.subarray(0, 3), layout: ONE_TILE }, NEVER)
    assert.deepEqual([...both], [1, 1, 1, 9, 9, 9])
  })
})

describe('batches', () => {
  it('join pictures that wait, up to maxBatch tiles', async () => {
    const encoder = await encoderFor({ runMs: 20 })
    const results = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((i) => encoder.encode(picture(`${i}`, i), NEVER)),
    )
    const values = results.map(({ features }) => features.data[0])
    // The first finds the worker idle; four of the others fill a run; one is left.
    assert.deepEqual(values, [1003, 4006, 4009, 4012, 4015, 1018])
    const { tilesEncoded, runs } = encoder.stats()
    assert.deepEqual({ tilesEncoded, runs }, { tilesEncoded: 6, runs: 3 })
  })

  it('leave large pictures in the queue that would each need a run of their own', async () => {
    const encoder = await encoderFor({ runMs: 20 })
    const large = (key: string) => ({
      key,
      pixels: new Float32Array(3 * 1024 ** 2),
      layout: ONE_TILE,
    })
    const leave = new AbortController()
    const first = encoder.encode(large('a'), NEVER)
    const second = encoder.encode(large('b'), NEVER)
    const third = encoder.encode(large('c'), leave.signal)
    await first
    // The features of the first did not wait for the others, and the last can still be given up.
    assert.equal(encoder.stats().waiting, 1)
    leave.abort()
    await assert.rejects(third, { code: 'cancelled' })
    assert.equal((await second).features.data[0], 1000)
    const { tilesEncoded, runs } = encoder.stats()
    assert.deepEqual({ tilesEncoded, runs }, { tilesEncoded: 2, runs: 2 })
  })

  it('hold only tiles of one size, and keep the order of the oldest', async () => {
    const encoder = await encoderFor({ runMs: 20 })
    const large = (key: string) => ({ key, pixels: new Float32Array(12).fill(1), layout: ONE_TILE })
    const results = await Promise.all([
      encoder.encode(picture('a', 1), NEVER),
      encoder.encode(large('b'), NEVER),
      encoder.encode(picture('c', 2), NEVER),
      encoder.encode(large('d'), NEVER),
    ])
    assert.deepEqual(
      results.map(({ features }) => features.data[0]),
      [1003, 2012, 1006, 2012],
    )
  })

  it('split a picture that has more tiles than a run takes', async () => {
    const encoder = await encoderFor()
    const { features } = await encoder.encode(picture('a', 0, 10), NEVER)
    assert.equal(features.rows, 20)
    const firstOfTiles = Array.from({ length: 10 }, (_, tile) => features.data[tile * 6])
    assert.deepEqual(firstOfTiles, [4000, 4003, 4006, 4009, 4012, 4015, 4018, 4021, 2024, 2027])
  })
})

describe('pictures that are merged before they are projected', () => {
  /** One level of one tile, one of two: at two scales, the second of which has the blocks. */
  const merged = (key: string, values: readonly [number, number, number]): EncodeRequest => ({
    key,
    pixels: Float32Array.from(values.flatMap((value) => [value, value, value])),
    layout: layoutOf([
      { rows: 1, columns: 1 },
      { rows: 1, columns: 2 },
    ]),
  })
  const sum = (value: number, tiles: number) => 1000 * tiles + 3 * value

  it('have the rows of their blocks, each of which saw every scale', async () => {
    const encoder = await encoderFor({ merges: true })
    const { features } = await encoder.encode(merged('a', [1, 2, 4]), NEVER)
    assert.ok(features.data.buffer instanceof SharedArrayBuffer)
    assert.equal(features.rows, 2)
    // The toy's maps are one patch a tile and its projector adds up a block: the whole, and the block's own tile.
    const blocks = [2, 4].map((own) => sum(1, 3) + sum(own, 3) + 10 * 2)
    assert.deepEqual(
      [...features.data],
      blocks.flatMap((value) => Array(3).fill(value)),
    )
    assert.equal(encoder.stats().tilesEncoded, 3)
  })

  it('share runs with others, whatever their layout, and stay apart', async () => {
    const encoder = await encoderFor({ merges: true, runMs: 20 }, { maxBatch: 8 })
    const [, two, one] = await Promise.all([
      encoder.encode(picture('first', 0), NEVER),
      encoder.encode(merged('two', [1, 2, 4]), NEVER),
      encoder.encode(picture('one', 7), NEVER),
    ])
    // Four tiles in one run, three blocks in another; a picture of one tile shows it at both scales.
    assert.equal(two.features.data[0], sum(1, 4) + sum(2, 4) + 10 * 3)
    assert.equal(two.features.data[3], sum(1, 4) + sum(4, 4) + 10 * 3)
    assert.equal(one.features.data[0], sum(7, 4) * 2 + 10 * 3)
    assert.equal(one.features.rows, 1)
  })

  it('are projected no more blocks at once than a run takes', async () => {
    const encoder = await encoderFor({ merges: true }, { maxBatch: 1 })
    const { features } = await encoder.encode(merged('a', [1, 2, 4]), NEVER)
    assert.deepEqual(
      [features.data[0], features.data[3]],
      [2, 4].map((own) => sum(1, 1) + sum(own, 1) + 10),
    )
  })

  it('leave the queue when nobody waits for them any more', async () => {
    const encoder = await encoderFor({ merges: true, runMs: 30 })
    const running = encoder.encode(merged('a', [1, 2, 4]), NEVER)
    const leave = new AbortController()
    const waiting = encoder.encode(merged('b', [1, 2, 4]), leave.signal)
    leave.abort()
    await assert.rejects(waiting, { code: 'cancelled' })
    await running
    assert.equal(encoder.stats().tilesEncoded, 3)
  })

  it('fail alone when their projector does', async () => {
    const encoder = await encoderFor({ merges: true })
    await assert.rejects(encoder.encode(merged('bad', [1, 2, UNPROJECTED]), NEVER), {
      code: 'backend_failure',
    })
    assert.equal((await encoder.encode(picture('good', 1), NEVER)).features.rows, 1)
  })
})

describe('the cache of the encoder', () => {
  it('saves the towers for a picture seen before', async () => {
    const encoder = await encoderFor()
    assert.equal(await encoder.lookup('a'), undefined)
    const first = await encoder.encode(picture('a', 5), NEVER)
    const second = await encoder.encode(picture('a', 5), NEVER)
    assert.equal(second.cached, true)
    assert.equal(second.features.data, first.features.data)
    assert.deepEqual(await encoder.lookup('a'), {
      features: second.features,
      from: 'memory',
      readMs: 0,
    })
    const { cacheHits, cacheMisses, cacheEntries, cacheBytes, tilesEncoded } = encoder.stats()
    assert.deepEqual(
      { cacheHits, cacheMisses, cacheEntries, cacheBytes, tilesEncoded },
      { cacheHits: 2, cacheMisses: 1, cacheEntries: 1, cacheBytes: 24, tilesEncoded: 1 },
    )
  })

  it('computes a picture once that several ask for at the same time', async () => {
    const encoder = await encoderFor({ runMs: 20 })
    const results = await Promise.all(
      [1, 2, 3].map(() => encoder.encode(picture('same', 5), NEVER)),
    )
    assert.equal(encoder.stats().tilesEncoded, 1)
    assert.deepEqual(
      results.map(({ cached }) => cached),
      [false, true, true],
    )
  })

  it('never mixes up pictures', async () => {
    const encoder = await encoderFor({}, { maxBatch: 1 })
    const results = await Promise.all(
      [1, 2, 3].map((i) => encoder.encode(picture(`${i}`, i), NEVER)),
    )
    assert.deepEqual(
      results.map(({ features }) => features.data[0]),
      [1003, 1006, 1009],
    )
  })
})

describe('leaving the encoder', () => {
  it('takes a waiting picture out of the queue', async () => {
    const encoder = await encoderFor({ runMs: 30 })
    const running = encoder.encode(picture('a', 1), NEVER)
    const leave = new AbortController()
    const waiting = encoder.encode(picture('b', 2), leave.signal)
    assert.equal(encoder.stats().waiting, 1)
    leave.abort()
    await assert.rejects(waiting, { code: 'cancelled' })
    assert.equal(encoder.stats().waiting, 0)
    await running
    assert.equal(encoder.stats().tilesEncoded, 1)
  })

  it('leaves the picture to others who wait for it', async () => {
    const encoder = await encoderFor({ runMs: 20 })
    const first = encoder.encode(picture('a', 1), NEVER)
    const leave = new AbortController()
    const left = encoder.encode(picture('b', 2), leave.signal)
    const stayed = encoder.encode(picture('b', 2), NEVER)
    leave.abort()
    await assert.rejects(left, { code: 'cancelled' })
    assert.equal((await stayed).features.data[0], 1006)
    await first
  })

  it('ends a wait at once though the towers run; their work is kept', async () => {
    const encoder = await encoderFor({ runMs: 30 })
    const leave = new AbortController()
    const running = encoder.encode(picture('a', 1), leave.signal)
    leave.abort()
    await assert.rejects(running, { code: 'cancelled' })
    await until(() => encoder.stats().cacheEntries > 0)
  })

  it('starts nothing for a signal that has fired', async () => {
    const encoder = await encoderFor()
    await assert.rejects(encoder.encode(picture('a', 1), AbortSignal.abort()), {
      code: 'cancelled',
    })
    assert.equal(encoder.stats().cacheMisses, 0)
  })
})

describe('a full encoder queue', () => {
  it('refuses and says when to come back', async () => {
    const encoder = await encoderFor({ runMs: 10 }, { maxBatch: 1, maxWaiting: 2 })
    const taken = [1, 2, 3].map((i) => encoder.encode(picture(`${i}`, i), NEVER))
    await assert.rejects(
      encoder.encode(picture('4', 4), NEVER),
      (error) =>
        error instanceof AerieError && error.code === 'queue_full' && error.retryAfterSeconds! >= 1,
    )
    // Who joins a picture that is there already takes no place.
    await encoder.encode(picture('3', 3), NEVER)
    await Promise.all(taken)
    await encoder.encode(picture('4', 4), NEVER)
  })
})

describe('failing towers', () => {
  it('fail the pictures of the run, with a line in the log, and only them', async () => {
    const logger = recordingLogger()
    const encoder = await encoderFor({}, { logger })
    await assert.rejects(encoder.encode(picture('bad', FAIL), NEVER), { code: 'backend_failure' })
    assert.deepEqual(logger.lines, ['error: encoding failed'])
    assert.equal((await encoder.encode(picture('good', 1), NEVER)).features.data[0], 1003)
    assert.equal(await encoder.lookup('bad'), undefined)
  })

  it('that take the worker down fail what waits; the cache survives, the worker comes back', async () => {
    const crashes: Error[] = []
    const encoder = await encoderFor({ runMs: 5 }, { onCrash: (error) => crashes.push(error) })
    await encoder.encode(picture('kept', 1), NEVER)
    const lost = [picture('bad', EXIT), picture('waiting', 2)].map((request) =>
      encoder.encode(request, NEVER),
    )
    for (const ask of lost) await assert.rejects(ask, { code: 'backend_failure' })
    assert.equal(crashes.length, 1)
    assert.equal(encoder.healthy, false)
    assert.equal((await encoder.encode(picture('kept', 1), NEVER)).cached, true)
    await assert.rejects(encoder.encode(picture('new', 3), NEVER), { code: 'not_ready' })
    await until(() => encoder.healthy)
    assert.equal((await encoder.encode(picture('new', 3), NEVER)).features.data[0], 1009)
  })
})

describe('shutting the encoder down', () => {
  it('ends what waits', async () => {
    const encoder = await encoderFor({ runMs: 30 })
    const asks = [1, 2].map((i) => encoder.encode(picture(`${i}`, i), NEVER))
    const ends = asks.map((ask) => assert.rejects(ask, { code: 'shutting_down' }))
    await encoder.dispose()
    await Promise.all(ends)
    await assert.rejects(encoder.encode(picture('3', 3), NEVER), { code: 'shutting_down' })
  })
})
