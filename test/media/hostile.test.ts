import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import sharp from 'sharp'
import { ONE_TILE } from '../../models/tiling/layout.ts'
import { AerieError } from '../../src/errors.ts'
import { startMedia } from '../../src/media/media.ts'
import type { Media } from '../../src/media/types.ts'
import { dataUri, FETCH_LIMITS, LIMITS, NEVER, solid } from './pictures.ts'

const TO = {
  mode: 'stretch',
  size: 8,
  padColor: [0, 0, 0],
  resample: 'bilinear',
  mean: [0, 0, 0],
  std: [1, 1, 1],
} as const

/** How a picture may be refused; anything else would be a server error. */
const REFUSALS = ['invalid_media', 'unsupported_media', 'media_too_large']

const RUNS = 250

describe('hostile bytes', () => {
  const deaths: object[] = []
  const seeds: Buffer[] = []
  let media: Media

  before(async () => {
    media = await startMedia({
      workers: 2,
      limits: { ...LIMITS, maxImagePixels: 4_000_000, allowSvg: true },
      fetch: FETCH_LIMITS,
      logger: { warn: (details) => deaths.push(details) },
    })
    const pixels = Buffer.from(Array.from({ length: 24 * 16 * 4 }, (_, i) => (i * i * 7) & 255))
    const picture = () =>
      sharp(pixels, { raw: { width: 24, height: 16, channels: 4 } }).withMetadata({
        orientation: 6,
        icc: 'p3',
      })
    const frames = await Promise.all([1, 2, 3].map((i) => solid([i, i, i]).png().toBuffer()))
    for (const file of [
      picture().jpeg({ progressive: true }),
      picture().flatten().toColourspace('cmyk').jpeg(),
      picture().png(),
      picture().png({ palette: true, progressive: true }),
      picture().toColourspace('rgb16').png(),
      picture().webp(),
      picture().webp({ lossless: true }),
      picture().gif(),
      picture().avif({ effort: 0 }),
      picture().tiff({ compression: 'lzw', predictor: 'horizontal' }),
      picture().tiff({ compression: 'deflate', tile: true, tileWidth: 16, tileHeight: 16 }),
      picture().flatten().tiff({ compression: 'jpeg' }),
      sharp(frames, { join: { animated: true } }).gif(),
      sharp(frames, { join: { animated: true } }).webp(),
    ]) {
      seeds.push(await file.toBuffer())
    }
    seeds.push(readFileSync(new URL('../fixtures/media/plain.heic', import.meta.url)))
    seeds.push(
      Buffer.from(
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="9"/></svg>',
      ),
    )
  })
  after(() => media.dispose())

  async function show(bytes: Uint8Array): Promise<void> {
    try {
      const image = await media.load({ from: { url: dataUri(bytes) }, param: 'image_url' }, NEVER)
      await media.prepare(image, TO, ONE_TILE, 'image_url', NEVER)
    } catch (error) {
      assert.ok(error instanceof AerieError, String((error as Error).stack))
      assert.ok(REFUSALS.includes(error.code), error.message)
      assert.equal(error.param, 'image_url')
    }
  }

  const change = fc.record({
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    value: fc.nat(255),
  })
  /** Headers are where the lengths are, so that is where most changes go. */
  const changes = fc.array(
    fc.record({ change, isEarly: fc.boolean() }).map(({ change: { at, value }, isEarly }) => ({
      at: isEarly ? at * 0.1 : at,
      value,
    })),
    { minLength: 1, maxLength: 8 },
  )

  it('are refused as the client’s mistake when bytes are changed', () =>
    fc.assert(
      fc.asyncProperty(fc.nat({ max: 15 }), changes, async (i, edits) => {
        const bytes = Buffer.from(seeds[i]!)
        for (const { at, value } of edits) bytes[Math.floor(at * bytes.length)] = value
        await show(bytes)
      }),
      { numRuns: RUNS },
    ))

  it('are refused as the client’s mistake when they are cut, doubled or spliced', () =>
    fc.assert(
      fc.asyncProperty(
        fc.tuple(fc.nat({ max: 15 }), fc.nat({ max: 15 })),
        fc.tuple(change, change),
        async ([i, j], [from, to]) => {
          const [a, b] = [seeds[i]!, seeds[j]!]
          const head = a.subarray(0, Math.floor(from.at * a.length))
          await show(Buffer.concat([head, b.subarray(Math.floor(to.at * b.length))]))
          if (head.length > 0) await show(head)
        },
      ),
      { numRuns: RUNS },
    ))

  it('are refused as the client’s mistake when they are noise behind a signature', () =>
    fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 15 }),
        fc.nat({ max: 40 }),
        fc.uint8Array({ maxLength: 200 }),
        (i, n, noise) => show(Buffer.concat([seeds[i]!.subarray(0, n + 1), noise])),
      ),
      { numRuns: RUNS },
    ))

  it('leave every decoder alive and the pool serving', async () => {
    assert.deepEqual(deaths, [])
    for (const bytes of seeds.slice(0, 14)) {
      const image = await media.load({ from: { bytes }, param: 'file' }, NEVER)
      assert.equal((await media.prepare(image, TO, ONE_TILE, 'file', NEVER)).pixels.length, 3 * 64)
    }
    const { waiting, running, bytesInUse } = media.stats()
    assert.deepEqual({ waiting, running, bytesInUse }, { waiting: 0, running: 0, bytesInUse: 0 })
  })
})
