import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { ImagePreprocessing } from '../../models/preprocessing.ts'
import { ONE_TILE } from '../../models/tiling/layout.ts'
import { type MediaOptions, startMedia } from '../../src/media/media.ts'
import type { Media } from '../../src/media/types.ts'
import { dataUri, FETCH_LIMITS, LIMITS, NEVER, pngOfSize, solid } from './pictures.ts'

const TO: ImagePreprocessing = {
  mode: 'pad',
  size: 16,
  padColor: [255, 255, 255],
  resample: 'bicubic',
  mean: [0, 0, 0],
  std: [1, 1, 1],
}

const SILENT = { warn: () => {} }

async function withMedia(
  options: Partial<MediaOptions>,
  use: (media: Media) => Promise<void>,
): Promise<void> {
  const media = await startMedia({
    workers: 1,
    limits: LIMITS,
    fetch: FETCH_LIMITS,
    logger: SILENT,
    ...options,
  })
  try {
    await use(media)
  } finally {
    await media.dispose()
  }
}

const url = (bytes: Uint8Array, type?: string) => ({
  from: { url: dataUri(bytes, type) },
  param: 'image_url',
})

describe('media', () => {
  let png: Buffer
  let media: Media
  let web: Server
  let address: string
  before(async () => {
    png = await solid([255, 0, 51], 40, 20).png().toBuffer()
    web = createServer((_, response) => response.end(png))
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    address = `http://pictures.test:${(web.address() as AddressInfo).port}/a.png`
    media = await startMedia({
      limits: LIMITS,
      fetch: { ...FETCH_LIMITS, allowHttp: true },
      resolve: async () => ['127.0.0.1'],
      isAllowedAddress: (ip) => ip === '127.0.0.1',
      logger: SILENT,
    })
  })
  after(async () => {
    await media.dispose()
    web.close()
  })

  it('loads a data URI, a URL and bytes to the same picture', async () => {
    const sha256 = createHash('sha256').update(png).digest('hex')
    for (const from of [
      { url: dataUri(png) },
      { url: ` ${dataUri(png)}` },
      { url: address },
      { bytes: png },
    ]) {
      const image = await media.load({ from, param: 'image_url' }, NEVER)
      assert.equal(image.bytes.byteLength, png.length)
      assert.equal(image.sha256, sha256)
      assert.deepEqual(
        [image.header.format, image.header.width, image.header.height],
        ['png', 40, 20],
      )
      assert.equal(image.fetchMs > 0, 'url' in from && from.url === address)
      media.release(image)
    }
  })

  it('prepares pixels for the towers and says what it did', async () => {
    const prepared = await media.prepare(
      await media.load(url(png), NEVER),
      TO,
      ONE_TILE,
      'image_url',
      NEVER,
    )
    assert.equal(prepared.pixels.length, 3 * 16 * 16)
    const middle = 8 * 16 + 8
    assert.deepEqual(
      [0, 1, 2].map((c) => prepared.pixels[c * 256 + middle]),
      [1, 0, Math.fround(0.2)],
    )
    assert.deepEqual(prepared.conversions, ['padded 40×20 → 40×40', 'bicubic 40×40 → 16×16'])
    assert.ok(prepared.decodeMs > 0 && prepared.preprocessMs > 0)
  })

  it('prepares one loaded picture as often as it is asked to', async () => {
    const image = await media.load(url(png), NEVER)
    const first = await media.prepare(image, TO, ONE_TILE, 'image_url', NEVER)
    const second = await media.prepare(image, TO, ONE_TILE, 'image_url', NEVER)
    assert.deepEqual(first.pixels, second.pixels)
  })

  it('believes the bytes, not the declared type', async () => {
    const jpeg = await solid([1, 2, 3]).jpeg().toBuffer()
    assert.equal((await media.load(url(jpeg, 'image/png'), NEVER)).header.format, 'jpeg')
  })

  it('names the field in every refusal', async () => {
    const cases = {
      invalid_media: [
        dataUri(Buffer.from('hello')),
        'data:image/png;base64,!',
        'data:image/png;base64,é',
        dataUri(png.subarray(0, 20)),
      ],
      unsupported_media: [dataUri(Buffer.from('<svg/>'), 'image/svg+xml')],
      media_too_large: [
        dataUri(pngOfSize(20_000, 20_000)),
        `data:image/png;base64,${'A'.repeat(70_000_000)}`,
      ],
      media_fetch_failed: [
        'https://127.0.0.2/',
        'ftp://example.org/',
        'nonsense',
        'http://pictures.test:1/',
      ],
    }
    for (const [code, urls] of Object.entries(cases)) {
      for (const from of urls) {
        const loaded = media.load({ from: { url: from }, param: 'messages[0].content[1]' }, NEVER)
        await assert.rejects(loaded, {
          code,
          param: 'messages[0].content[1]',
          message: /^messages\[0\]/,
        })
      }
    }
  })

  it('finds damage behind a good header when it prepares', async () => {
    const cut = png.subarray(0, png.length - 20)
    const image = await media.load(url(cut), NEVER)
    await assert.rejects(media.prepare(image, TO, ONE_TILE, 'image_url', NEVER), {
      code: 'invalid_media',
      param: 'image_url',
      message: /damaged or cut short/,
    })
  })
})

/** Lets everything begin that can; nothing comes from decoders in this turn of the event loop. */
async function beforeReplies(): Promise<void> {
  for (let promises = 0; promises < 50; promises++) await undefined
}

describe('media under load', () => {
  it('refuses with queue_full when too many pictures wait, and serves the others', async () => {
    await withMedia({ maxWaiting: 2 }, async (media) => {
      const png = await solid([1, 2, 3], 500, 500).png().toBuffer()
      const loads = await Promise.allSettled(
        Array.from({ length: 6 }, () => media.load(url(png), NEVER)),
      )
      const codes = loads.map((load) => (load.status === 'rejected' ? load.reason.code : 'served'))
      assert.deepEqual(codes, [
        'served',
        'served',
        'served',
        'queue_full',
        'queue_full',
        'queue_full',
      ])
      assert.deepEqual([media.stats().waiting, media.stats().running], [0, 0])
    })
  })

  it('answers an abort at once, waiting or decoding', async () => {
    await withMedia({}, async (media) => {
      const png = await solid([1, 2, 3], 3000, 3000).png().toBuffer()
      const images = [await media.load(url(png), NEVER), await media.load(url(png), NEVER)] as const
      const abort = new AbortController()
      const preparing = images.map((image) =>
        media.prepare(image, TO, ONE_TILE, 'image_url', abort.signal),
      )
      const refusals = preparing.map((each) => assert.rejects(each, { code: 'cancelled' }))
      await beforeReplies()
      assert.deepEqual([media.stats().running, media.stats().waiting], [1, 1])
      abort.abort()
      await Promise.all(refusals)
      assert.equal(media.stats().waiting, 0)
      await assert.rejects(media.load(url(png), abort.signal), { code: 'cancelled' })
      await media.prepare(await media.load(url(png), NEVER), TO, ONE_TILE, 'image_url', NEVER)
      assert.equal(media.stats().bytesInUse, 0)
    })
  })

  it('counts bytes from load to prepare, release or failure', async () => {
    await withMedia({}, async (media) => {
      const png = await solid([1, 2, 3], 100, 100).png().toBuffer()
      const [first, second] = [await media.load(url(png), NEVER), await media.load(url(png), NEVER)]
      assert.equal(media.stats().bytesInUse, 2 * dataUri(png).length)
      media.release(first)
      media.release(first)
      assert.equal(media.stats().bytesInUse, dataUri(png).length)
      const preparing = media.prepare(second, TO, ONE_TILE, 'image_url', NEVER)
      await beforeReplies()
      const tiles = 3 * TO.size ** 2 * Float32Array.BYTES_PER_ELEMENT
      const decoded = 100 * 100 * (3 + 3)
      assert.equal(media.stats().bytesInUse, 2 * dataUri(png).length + decoded + tiles)
      await preparing
      await assert.rejects(media.load(url(Buffer.from('hello')), NEVER))
      await sleep(0)
      assert.equal(media.stats().bytesInUse, 0)
    })
  })

  it('counts forgotten pictures until the garbage collector finds them', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc')
    await withMedia({}, async (media) => {
      const png = await solid([1, 2, 3]).png().toBuffer()
      await media.load(url(png), NEVER)
      assert.equal(media.stats().bytesInUse, dataUri(png).length)
      for (let i = 0; i < 100 && media.stats().bytesInUse > 0; i++) {
        await sleep(5)
        collect()
      }
      assert.equal(media.stats().bytesInUse, 0)
    })
  })

  it('takes no more pictures than fit, and takes them again when there is room', async () => {
    const png = await solid([1, 2, 3], 100, 100).png().toBuffer()
    await withMedia({ maxBytesInUse: 4 * dataUri(png).length - 1 }, async (media) => {
      const held = [await media.load(url(png), NEVER), await media.load(url(png), NEVER)]
      await assert.rejects(media.load(url(png), NEVER), {
        code: 'queue_full',
        message: /mediaMaxBytesInUse/,
      })
      const prepared = await media.prepare(held[0]!, TO, ONE_TILE, 'image_url', NEVER)
      assert.equal(prepared.pixels.length, 3 * TO.size ** 2, 'what is here already goes on')
      await media.load(url(png), NEVER)
    })
  })

  it('stops a fetch whose bytes no longer fit', async () => {
    const big = await solid([1, 2, 3]).png().toBuffer()
    const web = createServer((_, response) =>
      response.end(Buffer.concat([big, Buffer.alloc(200_000)])),
    )
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    const from = { url: `http://pictures.test:${(web.address() as AddressInfo).port}/` }
    const fetch = { ...FETCH_LIMITS, allowHttp: true, allowPrivateAddresses: true }
    const resolve = async () => ['127.0.0.1']
    await withMedia({ maxBytesInUse: 100_000, fetch, resolve }, async (media) => {
      await assert.rejects(media.load({ from, param: 'image_url' }, NEVER), { code: 'queue_full' })
      assert.equal(media.stats().bytesInUse, 0)
    })
    web.close()
  })

  it('fails what is under way when it is disposed of, and takes nothing more', async () => {
    const png = await solid([1, 2, 3], 2000, 2000).png().toBuffer()
    const media = await startMedia({
      workers: 1,
      limits: LIMITS,
      fetch: FETCH_LIMITS,
      logger: SILENT,
    })
    const loads = [1, 2, 3].map(() =>
      assert.rejects(media.load(url(png), NEVER), { code: 'shutting_down' }),
    )
    await media.dispose()
    await Promise.all(loads)
    await assert.rejects(media.load(url(png), NEVER), { code: 'shutting_down' })
  })
})
