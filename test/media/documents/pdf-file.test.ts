/** PDFium's view of files: against what was written into them, and against Poppler. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import sharp, { type Sharp } from 'sharp'
import { drawnSize } from '../../../src/media/documents/page-size.ts'
import { PdfFile } from '../../../src/media/documents/pdf-file.ts'
import type { Picture } from '../../../src/media/resample.ts'
import { drawnTooOften, pagesPdf, pdf } from '../../support/pdf.ts'

const FOLDER = new URL('../../fixtures/documents/', import.meta.url)
const pathOf = (name: string) => fileURLToPath(new URL(name, FOLDER))
const open = (bytes: Uint8Array) => PdfFile.open(bytes, 'doc')
const fixture = (name: string) => open(readFileSync(pathOf(name)))
const noLimit = () => {}

type Color = readonly [number, number, number]
function colorAt({ data, width, height }: Picture, x: number, y: number): Color {
  const at = 3 * (Math.floor(y * height) * width + Math.floor(x * width))
  return [data[at]!, data[at + 1]!, data[at + 2]!]
}
const WHITE: Color = [255, 255, 255]
const RED: Color = [255, 0, 0]

/** A red square in the lower left quarter. */
const LOWER_LEFT = '1 0 0 rg 0 0 100 50 re f'

describe('the text of a page', () => {
  for (const [name, page, text] of [
    ['invoice.pdf', 1, /^Invoice 2026-117\nEyrie Instruments GmbH, Hafenstraße 12, Zürich\n/],
    ['invoice.pdf', 1, /\nTelescope 2 1 250\.00 €\nTripod 2 310\.50 €\nTotal 3 121\.00 €$/],
    ['invoice.pdf', 3, /^The third page lies across$/],
    ['report.pdf', 1, /^Tides at the northern coast\nLorem ipsum dolor sit amet/],
    ['report.pdf', 2, /^Ångström, naïve, Ελληνικά\nPort High Low\nCuxhaven 3\.1 m 0\.4 m\nBüsum/],
    ['plot.pdf', 1, /Water level\nlevel$/],
    ['drawing.pdf', 1, /^clipped drawing$/],
    ['restricted.pdf', 1, /Invoice 2026-117/],
    ['scan.pdf', 1, /^$/],
  ] as const) {
    it(`${name}, page ${page}: ${text.source.slice(0, 40)}`, async () => {
      assert.match((await fixture(name)).text(page, noLimit), text)
    })
  }

  it('has what is written in form fields', async () => {
    const text = (await fixture('form.pdf')).text(1, noLimit)
    assert.equal(text, 'Name\nMember\nGrace Hopper')
  })

  it('tells of its bytes while it is read, so that a page of millions of characters can be stopped', async () => {
    const line = (_: unknown, i: number) => `BT /F 1 Tf 10 ${i} Td (${i} and what follows it) Tj ET`
    const content = Array.from({ length: 12_000 }, line).join('\n')
    const file = await open(pagesPdf([{ height: 14_400, content }]))
    let seen = 0
    const stop = new Error('enough')
    const run = () =>
      file.text(1, (bytes) => {
        seen += bytes
        if (seen > 1000) throw stop
      })
    assert.throws(run, stop)
    assert.ok(seen < content.length / 4, `${seen} bytes were read`)
    assert.equal(file.pageSize(1).width, 200, 'and the file can still be used')
  })

  it('has what is written where nobody sees it, as scanners do behind their pictures', async () => {
    const file = await open(pagesPdf([{ content: 'BT 3 Tr /F 20 Tf 10 50 Td (hidden) Tj ET' }]))
    assert.equal(file.text(1, noLimit), 'hidden')
    const drawn = file.draw(1, { width: 200, height: 100 })
    assert.ok(drawn.data.every((value) => value === 255))
  })

  it('has neither control characters nor lone surrogates', async () => {
    const text = (await fixture('report.pdf')).text(1, noLimit)
    assert.ok(text.isWellFormed())
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    assert.doesNotMatch(text, /[\0-\x09\x0b-\x1f\ufffe\uffff]/)
  })
})

describe('a drawn page', () => {
  it('is turned, cropped and scaled as its file says', async () => {
    const plain = await open(pagesPdf([{ content: LOWER_LEFT }]))
    assert.deepEqual(plain.pageSize(1), { width: 200, height: 100 })
    const drawn = plain.draw(1, { width: 400, height: 200 })
    assert.deepEqual([drawn.width, drawn.height, drawn.data.length], [400, 200, 400 * 200 * 3])
    assert.deepEqual(colorAt(drawn, 0.25, 0.75), RED)
    assert.deepEqual(colorAt(drawn, 0.75, 0.25), WHITE)

    const turned = await open(pagesPdf([{ content: LOWER_LEFT, entries: '/Rotate 90' }]))
    assert.deepEqual(turned.pageSize(1), { width: 100, height: 200 })
    const upright = turned.draw(1, { width: 100, height: 200 })
    assert.deepEqual(colorAt(upright, 0.25, 0.25), RED)
    assert.deepEqual(colorAt(upright, 0.25, 0.75), WHITE)

    const cropped = await open(
      pagesPdf([{ content: LOWER_LEFT, entries: '/CropBox [50 0 150 100]' }]),
    )
    assert.deepEqual(cropped.pageSize(1), { width: 100, height: 100 })
    const part = cropped.draw(1, { width: 100, height: 100 })
    assert.deepEqual(colorAt(part, 0.4, 0.75), RED)
    assert.deepEqual(colorAt(part, 0.6, 0.75), WHITE)
  })

  it('has form fields and notes, also those without an appearance of their own', async () => {
    const file = await fixture('form.pdf')
    const drawn = file.draw(1, { width: 300, height: 200 })
    const field = colorAt(drawn, 200 / 300, 30 / 200)
    assert.ok(field[2] > field[0], `the field’s blue ground, not ${field}`)
    const note = colorAt(drawn, 70 / 300, 150 / 200)
    assert.ok(note[0] > note[2] && note[2] < 240, `the square’s red ground, not ${note}`)
  })

  it('shows text in the fonts that every viewer has, where the file brings none', async () => {
    const content = 'BT /F 40 Tf 10 30 Td (Text) Tj ET'
    const drawn = (await open(pagesPdf([{ content }]))).draw(1, { width: 200, height: 100 })
    const ink = drawn.data.reduce((sum, value) => sum + 255 - value, 0)
    assert.ok(ink > 100_000, `${ink}`)
  })

  it('is the same however often it is drawn and whatever was read before', async () => {
    const size = { width: 300, height: 200 }
    const file = await fixture('form.pdf')
    const first = file.draw(1, size)
    file.text(1, noLimit)
    assert.deepEqual(file.draw(1, size).data, first.data)
    assert.deepEqual((await fixture('form.pdf')).draw(1, size).data, first.data)
  })

  it('has 150 dots an inch, and at most 2048 a side', () => {
    assert.deepEqual(drawnSize({ width: 595.28, height: 841.89 }), { width: 1240, height: 1754 })
    assert.deepEqual(drawnSize({ width: 14_400, height: 7200 }), { width: 2048, height: 1024 })
    assert.deepEqual(drawnSize({ width: 0.1, height: 0.1 }), { width: 1, height: 1 })
    assert.deepEqual(drawnSize({ width: 1e9, height: 1 }), { width: 2048, height: 1 })
  })
})

const poppler = spawnSync('pdftoppm', ['-v']).error ? 'pdftoppm is not installed' : false

/**
 * Of 255, over all samples of the pages at a quarter of their size: strokes lie a fraction of a pixel beside each other, and
 * fonts that files do not bring along are others.
 */
const MOST_DIFFERENT = 4
const SMALLER = 4

describe('pages as Poppler draws them', { skip: poppler }, () => {
  for (const [name, page] of [
    ['invoice.pdf', 1],
    ['invoice.pdf', 2],
    ['invoice.pdf', 3],
    ['report.pdf', 1],
    ['report.pdf', 2],
    ['plot.pdf', 1],
    ['drawing.pdf', 1],
    ['turned.pdf', 1],
    ['scan.pdf', 1],
  ] as const) {
    it(`${name}, page ${page}`, async (t) => {
      const args = ['-r', '150', '-f', `${page}`, '-l', `${page}`, '-cropbox', '-png']
      const png = execFileSync('pdftoppm', [...args, pathOf(name)], { maxBuffer: 2 ** 26 })
      const { width, height } = await sharp(png).metadata()
      const small = (picture: Sharp) =>
        picture
          .removeAlpha()
          .resize(Math.round(width / SMALLER), Math.round(height / SMALLER), { fit: 'fill' })
          .raw()
          .toBuffer()
      const theirs = await small(sharp(png))
      const file = await fixture(name)
      const ours = drawnSize(file.pageSize(page))
      assert.ok(Math.abs(ours.width - width) <= 1 && Math.abs(ours.height - height) <= 1)
      const drawn = file.draw(page, { width, height })
      const raw = { width, height, channels: 3 } as const
      const difference = mean(await small(sharp(drawn.data, { raw })), theirs)
      const ofBlank = mean(new Uint8Array(theirs.length).fill(255), theirs)
      t.diagnostic(`mean difference ${difference.toFixed(2)}; a blank page’s ${ofBlank.toFixed(2)}`)
      assert.ok(difference < MOST_DIFFERENT && difference < ofBlank / 2)
    })
  }
})

function mean(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length)
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length
}

describe('a file that is no good', () => {
  const cases: readonly (readonly [string, () => Uint8Array, string, RegExp])[] = [
    ['no file at all', () => Buffer.from('%PDF-1.7\n'), 'invalid_media', /damaged or cut short/],
    [
      'without pages',
      () => pdf(['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Count 0 /Kids [] >>']),
      'invalid_media',
      /has no pages/,
    ],
    [
      'whose pages contain themselves',
      () =>
        pdf([
          '<< /Type /Catalog /Pages 2 0 R >>',
          '<< /Type /Pages /Count 10 /Kids [2 0 R 2 0 R] >>',
        ]),
      'invalid_media',
      /page 1 of the PDF document is damaged/,
    ],
    [
      'that needs a password',
      () => readFileSync(pathOf('locked.pdf')),
      'unsupported_media',
      /is encrypted; send one that opens without a password/,
    ],
    [
      'with brackets two hundred thousand deep',
      () =>
        Buffer.from(`%PDF-1.7\n1 0 obj\n${'['.repeat(200_000)}\nendobj\ntrailer<</Root 1 0 R>>`),
      'invalid_media',
      /damaged/,
    ],
    [
      'that draws itself without end',
      drawnTooOften,
      'media_too_large',
      /needs more than 512 MiB of memory/,
    ],
  ]
  for (const [what, make, code, message] of cases) {
    it(`${what} is refused`, async () => {
      const look = async () => {
        const file = await open(make())
        file.pageSize(1)
        file.draw(1, { width: 10, height: 10 })
      }
      await assert.rejects(look(), { code, param: 'doc', message })
    })
  }

  it('or that claims more pages than it has shows those that it has', async () => {
    const claimed = pdf([
      '<< /Type /Catalog /Pages 2 0 R >>',
      '<< /Type /Pages /Count 2000000000 /Kids [3 0 R] >>',
      '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] >>',
    ])
    assert.equal((await open(claimed)).pageCount, 1)
  })

  it('takes nothing from the next: each has a PDFium of its own', async () => {
    const bomb = await open(drawnTooOften())
    assert.throws(() => bomb.draw(1, { width: 10, height: 10 }), { code: 'media_too_large' })
    assert.throws(() => bomb.pageSize(1), { code: 'media_too_large' }, 'it is of no more use')
    assert.equal((await fixture('invoice.pdf')).pageCount, 3)
  })
})
