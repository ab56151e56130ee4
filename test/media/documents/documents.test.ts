/** Documents through the decoder processes. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ImagePreprocessing } from '../../../models/preprocessing.ts'
import { ONE_TILE } from '../../../models/tiling/layout.ts'
import { AerieError } from '../../../src/errors.ts'
import type { DocumentPage, LoadedDocument } from '../../../src/media/documents/contract.ts'
import { PdfFile } from '../../../src/media/documents/pdf-file.ts'
import { type MediaOptions, startMedia } from '../../../src/media/media.ts'
import { preprocess } from '../../../src/media/preprocess.ts'
import type { Media } from '../../../src/media/types.ts'
import { mutate } from '../../support/mutate.ts'
import { drawnTooOften, pagesPdf } from '../../support/pdf.ts'
import { FETCH_LIMITS, LIMITS, NEVER } from '../pictures.ts'

const TO: ImagePreprocessing = {
  mode: 'pad',
  size: 16,
  padColor: [255, 255, 255],
  resample: 'bicubic',
  mean: [0, 0, 0],
  std: [1, 1, 1],
}
const pathOf = (name: string) =>
  fileURLToPath(new URL(`../../fixtures/documents/${name}`, import.meta.url))
const bytesOf = (name: string) => readFileSync(pathOf(name))
const dataUri = (bytes: Uint8Array) =>
  `data:application/pdf;base64,${Buffer.from(bytes).toString('base64')}`

const stored = (name: string) => ({
  from: { path: pathOf(name), byteLength: bytesOf(name).byteLength },
  param: 'doc',
})
const sent = (bytes: Uint8Array) => ({ from: { dataUri: dataUri(bytes) }, param: 'doc' })
const everything = { wantsText: true, maxTextBytes: 1e6 } as const

async function withMedia(
  options: Partial<MediaOptions>,
  use: (media: Media, deaths: object[]) => Promise<void>,
): Promise<void> {
  const deaths: object[] = []
  const logger = { warn: (details: object) => deaths.push(details) }
  const media = await startMedia({
    ...{ workers: 1, decodeTimeoutMs: 120_000, limits: LIMITS, fetch: FETCH_LIMITS, logger },
    ...options,
  })
  try {
    await use(media, deaths)
  } finally {
    await media.dispose()
  }
}

describe('a document', () => {
  let media: Media
  before(async () => {
    const logger = { warn: () => {} }
    media = await startMedia({
      ...{ workers: 2, decodeTimeoutMs: 120_000, limits: LIMITS, fetch: FETCH_LIMITS, logger },
    })
  })
  after(() => media.dispose())

  const pagesOf = (document: LoadedDocument, pages: readonly number[]) =>
    media.documents.read(document, { ...everything, pages }, NEVER)
  const prepared = (document: LoadedDocument, pages: readonly DocumentPage[]) =>
    Promise.all(
      media.documents
        .pictures(document, pages)
        .map((image) => media.prepare(image, TO, ONE_TILE, 'doc', NEVER)),
    )

  for (const [how, source] of [
    ['on the disk', stored('invoice.pdf')],
    ['in a data URI', sent(bytesOf('invoice.pdf'))],
  ] as const) {
    it(`${how} is counted, read and drawn page by page`, async () => {
      const document = await media.documents.open(source, NEVER)
      assert.equal(document.pageCount, 3)
      assert.equal(document.byteLength, bytesOf('invoice.pdf').byteLength)
      assert.match(document.sha256, /^3d4a8e67/)
      const pages = await pagesOf(document, [1, 3])
      assert.deepEqual(
        pages.map(({ number, width, height }) => [number, width, height]),
        [
          [1, 1240, 1754],
          [3, 1754, 1240],
        ],
      )
      assert.match(pages[0]!.text, /^Invoice 2026-117/)
      assert.match(pages[1]!.text, /^The third page lies across$/)
      const tiles = await prepared(document, pages)
      const file = await PdfFile.open(bytesOf('invoice.pdf'), 'doc')
      pages.forEach((page, i) => {
        assert.deepEqual(tiles[i]!.pixels, preprocess(file.draw(page.number, page), TO).pixels)
      })
      assert.match(tiles[1]!.conversions[0]!, /^page 3 of 3 drawn at 1754×1240$/)
    })
  }

  it('gives its bytes back with the last of its pages, prepared or released, or by itself', async () => {
    assert.equal(media.stats().bytesInUse, 0)
    const document = await media.documents.open(sent(bytesOf('report.pdf')), NEVER)
    const held = media.stats().bytesInUse
    assert.ok(held >= document.byteLength)
    const [first, second] = media.documents.pictures(document, await pagesOf(document, [1, 2]))
    await media.prepare(first!, TO, ONE_TILE, 'doc', NEVER)
    media.release(first!)
    assert.equal(media.stats().bytesInUse, held, 'a page that is released twice counts once')
    media.release(second!)
    assert.equal(media.stats().bytesInUse, 0)

    const other = await media.documents.open(sent(bytesOf('report.pdf')), NEVER)
    media.documents.release(other)
    media.documents.release(other)
    assert.equal(media.stats().bytesInUse, 0)
  })

  it('may be read long after its decoder has seen others', async () => {
    const names = ['invoice.pdf', 'report.pdf', 'plot.pdf', 'drawing.pdf']
    const documents = await Promise.all(
      names.map((name) => media.documents.open(sent(bytesOf(name)), NEVER)),
    )
    for (const round of [1, 2]) {
      const texts: string[] = []
      for (const document of documents) texts.push((await pagesOf(document, [1]))[0]!.text)
      const begin = [/^Invoice/, /^Tides/, /^0 2 4/, /^clipped/]
      begin.forEach((pattern, i) => {
        assert.match(texts[i]!, pattern, `round ${round}`)
      })
    }
    documents.forEach((document) => {
      media.documents.release(document)
    })
  })

  it('that is deleted between is not found', async () => {
    const source = { from: { path: pathOf('nothing.pdf'), byteLength: 9 }, param: 'doc' }
    await assert.rejects(media.documents.open(source, NEVER), { code: 'not_found', param: 'doc' })
  })

  it('of a hundred thousand pages is counted, and some of them read', async () => {
    const many = pagesPdf(Array.from({ length: 100_000 }, () => ({})))
    const document = await media.documents.open(sent(many), NEVER)
    assert.equal(document.pageCount, 100_000)
    const pages = await pagesOf(document, [1, 99_999, 100_000])
    assert.deepEqual(
      pages.map(({ number }) => number),
      [1, 99_999, 100_000],
    )
    media.documents.release(document)
  })

  it('is read in runs of pages, all of which come', async () => {
    const content = (i: number) => `BT /F 20 Tf 10 50 Td (page ${i}) Tj ET`
    const many = pagesPdf(Array.from({ length: 70 }, (_, i) => ({ content: content(i + 1) })))
    const document = await media.documents.open(sent(many), NEVER)
    const numbers = Array.from({ length: 70 }, (_, i) => i + 1)
    const pages = await pagesOf(document, numbers)
    assert.deepEqual(
      pages.map(({ text }) => text),
      numbers.map((i) => `page ${i}`),
    )
    const all = pages.reduce((sum, { text }) => sum + text.length, 0)
    const read = (maxTextBytes: number) =>
      media.documents.read(document, { pages: numbers, wantsText: true, maxTextBytes }, NEVER)
    assert.equal((await read(all)).length, 70)
    await assert.rejects(read(all - 1), { code: 'request_too_large', param: 'doc' })
    media.documents.release(document)
  })

  it('has pages as long as pictures may be, and says which is longer', async () => {
    const long = pagesPdf([{}, { width: 14_400, height: 20 }])
    const document = await media.documents.open(sent(long), NEVER)
    assert.equal((await pagesOf(document, [1])).length, 1)
    await assert.rejects(pagesOf(document, [1, 2]), {
      code: 'media_too_large',
      param: 'doc',
      message: /^doc: page 2 is 2048×3, .* maxAspectRatio is 50$/,
    })
    media.documents.release(document)
  })

  it('whose request is given up is not read', async () => {
    const document = await media.documents.open(sent(bytesOf('report.pdf')), NEVER)
    const reading = { ...everything, pages: [1] }
    await assert.rejects(media.documents.read(document, reading, AbortSignal.abort()))
    media.documents.release(document)
  })
})

describe('a document that is too much', () => {
  it('has more bytes than maxDocumentBytes', async () => {
    const documents = { maxDocumentBytes: 5000, maxDocumentPages: 10 }
    await withMedia({ documents }, async (media) => {
      for (const source of [
        stored('invoice.pdf'),
        sent(bytesOf('invoice.pdf')),
        sent(Buffer.alloc(90_000)),
      ]) {
        await assert.rejects(media.documents.open(source, NEVER), {
          code: 'media_too_large',
          message: /maxDocumentBytes is 5000/,
        })
      }
      assert.equal((await media.documents.open(sent(bytesOf('turned.pdf')), NEVER)).pageCount, 1)
    })
  })

  it('takes too long: its decoder is killed, and the next one takes the next document', async () => {
    const endless = pagesPdf([
      { width: 1000, height: 1000, content: '0 0 1000 1000 re f '.repeat(50_000) },
    ])
    await withMedia({ decodeTimeoutMs: 6000 }, async (media, deaths) => {
      const work = async () => {
        const document = await media.documents.open(sent(endless), NEVER)
        const reading = { pages: [1], wantsText: true, maxTextBytes: 1e6 }
        const pages = await media.documents.read(document, reading, NEVER)
        const [image] = media.documents.pictures(document, pages)
        await media.prepare(image!, { ...TO, size: 512 }, ONE_TILE, 'doc', NEVER)
      }
      await assert.rejects(work(), {
        code: 'media_too_large',
        message: /^doc: the document takes longer than 6000 ms/,
      })
      const next = await media.documents.open(stored('turned.pdf'), NEVER)
      assert.equal(next.pageCount, 1)
      assert.equal(deaths.length, 1)
    })
  })
})

describe('a document that needs too much memory', {
  skip: process.platform !== 'linux' && 'looks into /proc',
}, () => {
  it('takes it along: its decoder is replaced, without a word in the log', async () => {
    await withMedia({}, async (media, deaths) => {
      const [pid] = children()
      const document = await media.documents.open(sent(drawnTooOften()), NEVER)
      const reading = { pages: [1], wantsText: true, maxTextBytes: 1e6 }
      await assert.rejects(media.documents.read(document, reading, NEVER), {
        code: 'media_too_large',
        message: /^doc: the PDF document needs more than 512 MiB of memory/,
      })
      media.documents.release(document)
      assert.equal((await media.documents.open(stored('turned.pdf'), NEVER)).pageCount, 1)
      const [next, ...others] = children()
      assert.notEqual(next, pid)
      assert.deepEqual(others, [])
      assert.deepEqual(deaths, [])
    })
  })

  it('is drawn as long as it keeps within, also where its decoder is replaced after each page', async () => {
    await withMedia({}, async (media, deaths) => {
      // A million rectangles beside the page.
      const large = pagesPdf([{ content: '900 900 1 1 re f '.repeat(1_000_000) }])
      const document = await media.documents.open(sent(large), NEVER)
      const reading = { pages: [1], wantsText: true, maxTextBytes: 1e6 }
      const pages = await media.documents.read(document, reading, NEVER)
      const [pid] = children()
      for (const image of media.documents.pictures(document, pages)) {
        await media.prepare(image, TO, ONE_TILE, 'doc', NEVER)
      }
      assert.notEqual(children()[0], pid)
      assert.deepEqual(deaths, [])
    })
  })
})

/** Processes that this one has started. */
function children(): number[] {
  const threads = readdirSync('/proc/self/task')
  const lists = threads.map((thread) => readFileSync(`/proc/self/task/${thread}/children`, 'utf8'))
  return lists.flatMap((list) => list.trim().split(' ').filter(Boolean).map(Number))
}

/** How a damaged document may be refused; anything else would be a server error. */
const REFUSALS = ['invalid_media', 'unsupported_media', 'media_too_large', 'request_too_large']
const RUNS = 120

describe('damaged documents', () => {
  it('are refused or shown, and no decoder dies of them', async () => {
    const seeds = [
      'invoice.pdf',
      'form.pdf',
      'turned.pdf',
      'restricted.pdf',
      'drawing.pdf',
      'plot.pdf',
    ]
    const outcomes = new Map<string, number>()
    await withMedia({ workers: 2 }, async (media, deaths) => {
      const show = async (bytes: Uint8Array) => {
        const document = await media.documents.open(sent(bytes), NEVER)
        try {
          const reading = { pages: [1], wantsText: true, maxTextBytes: 10_000 }
          const pages = await media.documents.read(document, reading, NEVER)
          const [image] = media.documents.pictures(document, pages)
          await media.prepare(image!, TO, ONE_TILE, 'doc', NEVER)
        } finally {
          media.documents.release(document)
        }
      }
      for (let run = 0; run < RUNS; run++) {
        const outcome = await show(mutate(bytesOf(seeds[run % seeds.length]!), run)).then(
          () => 'shown',
          (error) => {
            assert.ok(
              error instanceof AerieError && REFUSALS.includes(error.code),
              `run ${run}: ${error.stack}`,
            )
            return error.code
          },
        )
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      }
      assert.deepEqual(deaths, [])
      assert.equal(media.stats().bytesInUse, 0)
    })
    assert.ok((outcomes.get('shown') ?? 0) > RUNS / 4 && outcomes.size > 1, `${[...outcomes]}`)
  })
})

describe('a document by URL', () => {
  /** Answers `/NAME.pdf` with the fixture, and everything else with a page that says there is none. */
  const web = createServer((request, response) => {
    const name = /^\/(\w+\.pdf)/.exec(request.url ?? '')?.[1]
    if (name) response.end(bytesOf(name))
    else response.end('<!doctype html><title>Please log in</title>')
  })
  let url: string
  before(async () => {
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    url = `http://documents.test:${(web.address() as AddressInfo).port}`
  })
  after(() => web.close())
  const fetch = { ...FETCH_LIMITS, allowHttp: true, allowPrivateAddresses: true }
  const resolve = async () => ['127.0.0.1']
  const at = (path: string) => ({ from: { url: `${url}${path}` }, param: 'source.url' })
  const rejects = (media: Media, path: string, code: string, message: RegExp) =>
    assert.rejects(media.documents.open(at(path), NEVER), (error) => {
      assert.ok(error instanceof AerieError)
      assert.deepEqual([error.code, error.param], [code, 'source.url'])
      assert.match(error.message, message)
      return true
    })

  it('is the same as on the disk, and its bytes count until it is released', async () => {
    await withMedia({ fetch, resolve }, async (media) => {
      const document = await media.documents.open(at('/invoice.pdf?key=1'), NEVER)
      const other = await media.documents.open(stored('invoice.pdf'), NEVER)
      assert.deepEqual(
        [document.sha256, document.byteLength, document.pageCount],
        [other.sha256, other.byteLength, other.pageCount],
      )
      assert.ok(document.fetchMs > 0 && other.fetchMs === 0)
      media.documents.release(other)
      assert.equal(media.stats().bytesInUse, document.byteLength)
      const pages = await media.documents.read(document, { ...everything, pages: [3] }, NEVER)
      assert.match(pages[0]!.text, /^The third page lies across$/)
      const [picture] = media.documents.pictures(document, pages)
      await media.prepare(picture!, TO, ONE_TILE, 'doc', NEVER)
      assert.equal(media.stats().bytesInUse, 0)
    })
  })

  it('keeps to the rules for what is fetched, and to those for documents', async () => {
    await withMedia({ fetch: FETCH_LIMITS }, async (media) => {
      await rejects(media, '/invoice.pdf', 'media_fetch_failed', /http/)
    })
    const documents = { maxDocumentBytes: 1000, maxDocumentPages: 5 }
    await withMedia({ fetch, resolve, documents }, async (media) => {
      const message = /document is .*bytes, maxDocumentBytes is 1000$/
      await rejects(media, '/invoice.pdf', 'media_too_large', message)
      assert.equal(media.stats().bytesInUse, 0)
    })
    await withMedia({ fetch, resolve, maxBytesInUse: 1000 }, async (media) => {
      const opening = media.documents.open(at('/invoice.pdf'), NEVER)
      await assert.rejects(opening, { code: 'queue_full' })
      assert.equal(media.stats().bytesInUse, 0)
    })
  })

  it('that is something else is refused as that, and an encrypted one as such', async () => {
    await withMedia({ fetch, resolve }, async (media) => {
      await rejects(media, '/login', 'unsupported_media', /what the URL gave is no PDF document/)
      await rejects(media, '/locked.pdf', 'unsupported_media', /encrypted/)
      assert.equal(media.stats().bytesInUse, 0)
    })
  })
})
