/** Clips, sounds, tiles, and models that do not chat, on the page: what is drawn is what the server says it saw. */
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, mkdtempSync, openAsBlob, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import sharp from 'sharp'
import type { RunningServer } from '../../../src/main.ts'
import {
  answerOf,
  askOn,
  drop,
  dropPaths,
  NO_CHROMIUM,
  openBrowser,
  visit,
} from '../../support/browser.ts'
import { middlesOf } from '../../support/in-page.js'
import { startTestServer } from '../../support/server.ts'
import { drawShapes, NO_FFMPEG } from '../../support/shape-clip.ts'
import { SPEECH_WAV, TINY_WHISPER } from '../../support/speech-fixture.ts'

const FIXTURES = resolve(import.meta.dirname, '../../fixtures')
const EXAMPLES = resolve(import.meta.dirname, '../../../docs/pictures')

describe('media on the page', { skip: NO_CHROMIUM }, () => {
  let browser: Browser
  let folder: string
  before(async () => {
    browser = await openBrowser()
    folder = mkdtempSync(join(tmpdir(), 'aerie-media-'))
  })
  after(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  describe('of the starter', () => {
    let server: RunningServer
    before(async () => {
      server = await startTestServer()
    })
    after(() => server?.close())

    it('draws the frames of a clip on its time line', { skip: NO_FFMPEG }, async () => {
      const clip = join(folder, 'shapes.mp4')
      await drawShapes(clip)
      await using session = await visit(browser, server.url)
      const { page } = session
      await page.getByRole('button', { name: 'Settings' }).click()
      await page.getByRole('spinbutton', { name: 'Frames at most' }).fill('4')
      await page.getByRole('spinbutton', { name: 'From second' }).fill('1')
      await page.keyboard.press('Escape')
      await drop(page, [clip])
      const cost = page.getByText(/^\d+ tokens \(\d+ text, 400 clips\)/)
      await cost.waitFor()
      await askOn(page, 'what is in the picture?')
      const marks = page.getByRole('group', { name: 'Frames on the time line' }).getByRole('button')
      const times = (await marks.evaluateAll(titlesOf)).map((title) => Number.parseFloat(title))
      assert.equal(times.length, 4)
      assert.ok(
        times.every((time, i) => time >= 1 && time <= 4 && time > (times[i - 1] ?? 0)),
        `${times}`,
      )
      // Each mark stands at its time: the line is four seconds long.
      const line = (await page.locator('.time-line').boundingBox())!
      for (const [i, time] of times.entries()) {
        const mark = (await marks.nth(i).boundingBox())!
        const expected = line.x + (line.width * time) / 4
        assert.ok(Math.abs(mark.x + mark.width / 2 - expected) < 1.5, `frame ${i}`)
      }
      // The looked-at range begins at its first second.
      const range = (await page.locator('.time-line .range').boundingBox())!
      assert.ok(Math.abs(range.x - (line.x + line.width / 4)) < 1.5)
      // The frames themselves: a red circle, then a blue square.
      const frames = page.locator('.frames img')
      await frames.nth(3).waitFor()
      const colours = await frames.evaluateAll(middlesOf)
      assert.equal(colours.length, 4)
      assert.deepEqual([colours[0], colours[3]], ['red', 'blue'])
      // A mark brings the player there.
      await marks.nth(2).click()
      await page.waitForFunction(
        `Math.abs(document.querySelector('.clip-seen video').currentTime - ${times[2]}) < 0.05`,
      )
    })

    it('answers about an example clip', { skip: NO_FFMPEG }, async () => {
      await using session = await visit(browser, server.url)
      await session.page.getByRole('button', { name: /what is in the picture\?/ }).click()
      assert.match(await answerOf(session.page, 1), /square|circle/)
    })

    it('says which pages of a document were read, and what of them', async () => {
      await using session = await visit(browser, server.url)
      const { page } = session
      await drop(page, [join(FIXTURES, 'documents/report.pdf')])
      const asked = page.waitForRequest(/chat\/completions/)
      await askOn(page, 'what is written there?')
      const { stream, stream_options, ...body } = (await asked).postDataJSON()
      const response = await fetch(`${server.url}/v1/chat/completions`, {
        ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
        body: JSON.stringify(body),
      })
      const { aerie } = (await response.json()) as {
        aerie: { documents: [{ page_count: number; pages: number[]; pages_with_text: number }] }
      }
      const [{ page_count, pages, pages_with_text }] = aerie.documents
      assert.deepEqual(pages, [1, 2])
      const seen = page.locator('.document-seen')
      await seen.getByText('report.pdf').waitFor()
      await seen.getByText(`${page_count} pages, `).waitFor()
      await seen.getByText('pages 1–2: words and pictures of the pages').waitFor()
      await seen.getByText(`${pages_with_text} of 2`).waitFor()
      assert.equal(await page.locator('.picture-seen').count(), 2)
    })

    it('takes folders whole, and pictures that the browser cannot show but the server can', async () => {
      const album = join(folder, 'album')
      mkdirSync(join(album, 'deeper'), { recursive: true })
      copyFileSync(join(EXAMPLES, 'three-stars.jpg'), join(album, 'deeper/three-stars.jpg'))
      writeFileSync(join(album, 'notes.xyz'), 'no medium')
      writeFileSync(join(album, '.hidden.png'), 'nobody means it')
      await sharp(join(EXAMPLES, 'three-stars.jpg')).tiff().toFile(join(album, 'stars.tiff'))
      await using session = await visit(browser, server.url)
      const { page } = session
      await dropPaths(page, [album])
      const files = page.getByRole('list', { name: 'Files of the question' })
      await files.getByRole('img', { name: 'three-stars.jpg' }).waitFor()
      await files.getByText('This browser cannot show it; the server may.').waitFor()
      await page.getByText('notes.xyz: no picture, clip, sound or document.').waitFor()
      assert.equal(await files.getByRole('listitem').count(), 2)
      await files.getByRole('button', { name: 'Remove three-stars.jpg' }).click()
      assert.match(await askOn(page, 'how many stars are there?'), /3|three/)
      await page.locator('.seen').getByText('this browser cannot show it').waitFor()
    })

    it('hears a sound, and draws its wave and windows', async () => {
      await using session = await visit(browser, server.url)
      const { page } = session
      await page.getByRole('button', { name: /what do you hear\?/ }).click()
      assert.equal(await answerOf(page, 1), 'a rising tone')
      assert.equal(await page.locator('.wave .window').count(), 1)
      await page.locator('.sound-seen').getByText('1.4 s, wav').waitFor()
      assert.equal(await page.getByLabel('rising-tone.wav').count(), 1)
    })
  })

  it('draws every tile of a picture that is cut, and its overview', async () => {
    const model = join(FIXTURES, 'eagle2/eagle2.5-variant-select-layer/checkpoint')
    const server = await startTestServer({ model })
    try {
      await using session = await visit(browser, server.url)
      const { page } = session
      await drop(page, [join(EXAMPLES, 'three-stars.jpg')])
      const asked = page.waitForRequest(/chat\/completions/)
      await page.getByRole('button', { name: 'Settings' }).click()
      await page.getByRole('spinbutton', { name: 'Most tokens' }).fill('2')
      await page.keyboard.press('Escape')
      await page.getByRole('textbox', { name: 'Your question' }).fill('what is this?')
      await page.keyboard.press('Enter')
      await page.locator('.answer-foot').waitFor()
      const { stream, stream_options, ...body } = (await asked).postDataJSON()
      const response = await fetch(`${server.url}/v1/chat/completions`, {
        ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
        body: JSON.stringify(body),
      })
      const { aerie } = (await response.json()) as { aerie: { images: [Image] } }
      const { levels, width, height } = aerie.images[0]
      const [grid, overview] = levels
      assert.ok(grid!.rows * grid!.columns > 1 && overview!.rows * overview!.columns === 1)
      const { rows, columns } = grid!
      const expected = Array.from({ length: rows * columns }, (_, i) => [
        ((i % columns) * width) / columns,
        (Math.floor(i / columns) * height) / rows,
        width / columns,
        height / rows,
      ])
      assert.deepEqual(await rectangles(page), expected)
      assert.deepEqual(
        await page.locator('.tile-number').allTextContents(),
        expected.map((_, i) => String(i + 1)),
      )
      await page.getByRole('button', { name: 'Overview' }).click()
      assert.deepEqual(await rectangles(page), [[0, 0, width, height]])
    } finally {
      await server.close()
    }
  })

  it('writes down what is said with a speech model, by segments, and offers nothing else', async () => {
    const server = await startTestServer({ model: TINY_WHISPER, threads: 1 })
    try {
      await using session = await visit(browser, server.url)
      const { page } = session
      await page.getByText('Writes down what is said in a sound or a clip.').waitFor()
      await drop(page, [join(EXAMPLES, 'three-stars.jpg')])
      await page.getByText('three-stars.jpg: tiny-whisper does not take pictures.').waitFor()
      await drop(page, [SPEECH_WAV])
      const asked = page.waitForRequest(/audio\/transcriptions/)
      await page.getByRole('button', { name: 'Send' }).click()
      await asked
      await page.locator('.answer-foot').waitFor()
      const form = new FormData()
      form.set('model', 'tiny-whisper')
      form.set('response_format', 'verbose_json')
      form.set('file', await openAsBlob(SPEECH_WAV), 'speech.wav')
      const again = await fetch(`${server.url}/v1/audio/transcriptions`, {
        method: 'POST',
        body: form,
      })
      const { segments, text } = (await again.json()) as {
        segments: { text: string }[]
        text: string
      }
      assert.ok(segments.length > 0 && text.trim() !== '')
      const rows = page.locator('.segments tbody tr')
      assert.equal(await rows.count(), segments.length)
      for (const [i, segment] of segments.entries())
        assert.equal(await rows.nth(i).locator('td').nth(1).textContent(), segment.text.trim())
    } finally {
      await server.close()
    }
  })

  it('compares pictures with a vision tower, and says that it has no answers', async () => {
    const model = join(FIXTURES, 'radio/radio-v25-norm-adaptors/checkpoint')
    const server = await startTestServer({ model, maxPatches: 64 })
    try {
      await using session = await visit(browser, server.url)
      const { page } = session
      await page
        .getByText(/A vision tower: turns pictures into vectors and has no answers/)
        .waitFor()
      const inputs = join(FIXTURES, 'radio/radio-v25-norm-adaptors/inputs')
      await drop(page, [join(inputs, 'landscape_64x96.png')])
      assert.equal(
        await page.getByRole('button', { name: 'Send' }).getAttribute('aria-disabled'),
        'true',
      )
      await drop(page, [join(EXAMPLES, 'three-stars.jpg'), join(inputs, 'landscape_64x96.png')])
      await page.getByRole('button', { name: 'Send' }).click()
      await page.locator('.likeness table').waitFor()
      const cosines = (await page.locator('.likeness tbody td').allTextContents()).map(Number)
      assert.equal(cosines.length, 9)
      // The first picture is the third; each is like itself, and the table is symmetric.
      for (const i of [0, 2, 4, 6, 8]) assert.equal(cosines[i], 1, `cell ${i}`)
      assert.equal(cosines[1], cosines[3])
      assert.ok(Math.abs(cosines[1]!) < 0.9999)
    } finally {
      await server.close()
    }
  })
})

interface Image {
  readonly width: number
  readonly height: number
  readonly levels: readonly { readonly rows: number; readonly columns: number }[]
}

/** Of each tile that is drawn: left, top, width, height in the picture's pixels. */
function rectangles(page: Page): Promise<number[][]> {
  return page
    .locator('.overlay .tile')
    .evaluateAll((tiles) =>
      tiles.map((tile) =>
        ['x', 'y', 'width', 'height'].map((name) => Number(tile.getAttribute(name))),
      ),
    )
}

function titlesOf(marks: readonly { readonly title?: string }[]): string[] {
  return marks.map(({ title }) => title ?? '')
}
