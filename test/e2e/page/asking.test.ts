/** Asking on the page, in a real browser, of a whole server with the starter: real pictures, real answers. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import crypto from 'node:crypto'
import { copyFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import sharp from 'sharp'
import type { RunningServer } from '../../../src/main.ts'
import {
  answerOf,
  askOn,
  drop,
  NO_CHROMIUM,
  openBrowser,
  paste,
  visit,
} from '../../support/browser.ts'
import { clipboardText, watchedWords, watchWords } from '../../support/in-page.js'
import { startTestServer } from '../../support/server.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const picture = (name: string) => join(ROOT, 'docs/pictures', name)
const SHAPES = picture('red-circle-blue-square.png')

const run = promisify(execFile)

/** Nothing of it may mean anything to a shell, a template or Python. */
const QUESTION = ['what color is the circle?', "it's `not`", '$', '{x} \\ "$(y)" %s'].join(' ')

const NO_OPENAI = await run('python3', ['-c', 'import openai']).then(
  () => false,
  () => 'python3 does not have the package openai',
)

describe('asking on the page', { skip: NO_CHROMIUM }, () => {
  let server: RunningServer
  let browser: Browser
  let folder: string
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'aerie-asking-'))
    server = await startTestServer()
    browser = await openBrowser()
  })
  after(async () => {
    await browser?.close()
    await server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('answers about a picture that is dropped, word by word, and draws what the model saw over it', async () => {
    await using session = await visit(browser, server.url)
    const { page } = session
    await drop(page, [picture('house-tree-car.jpg')])
    await page.getByRole('img', { name: 'house-tree-car.jpg' }).waitFor()
    await page.evaluate(watchWords)
    // The first word comes by itself, and a quick model's others all at once: over a slow line both are drawn.
    const line = await page.context().newCDPSession(page)
    const rates = { downloadThroughput: 4000, uploadThroughput: -1 }
    await line.send('Network.emulateNetworkConditions', { offline: false, latency: 0, ...rates })
    const asked = page.waitForRequest(/chat\/completions/)
    const answer = await askOn(page, 'describe the picture.')
    assert.match(answer, /^a red house/)
    const seen = await page.evaluate(watchedWords)
    assert.ok(seen.length > 1, `the answer came at once: ${JSON.stringify(seen)}`)
    for (const words of seen) assert.ok(answer.startsWith(words.trim()), words)

    // The same request once more, by another client: what it is told is what was drawn.
    const { aerie, usage } = await explained(server.url, (await asked).postDataJSON())
    const [image] = aerie.images
    const { area } = image.levels[0]
    assert.deepEqual(area, { left: 0, top: -80, width: 640, height: 640 })
    const tile = page.locator('.overlay .tile')
    assert.deepEqual(await attributes(tile, ['x', 'y', 'width', 'height']), [0, -80, 640, 640])
    // And where that is on the screen: the picture lies in the middle of the padded square.
    const photo = (await page.locator('.overlay img').boundingBox())!
    const square = (await tile.boundingBox())!
    const scale = photo.width / 640
    near(photo.height, 480 * scale)
    near(square.x, photo.x)
    near(square.y, photo.y - 80 * scale)
    near(square.height, 640 * scale)

    const panel = page.locator('.seen')
    await panel.getByText('padded 640×480 → 640×640').waitFor()
    await panel.getByText(`Tokens ${usage.total_tokens}`).waitFor()
    for (const station of ['decode', 'resize', 'towers', 'read prompt', 'write answer'])
      await panel.locator('.legend').getByText(station).waitFor()
    for (const { name } of image.towers) await panel.locator('.tower').getByText(name).waitFor()
  })

  it('takes several pictures, from the clipboard and the file dialog too, and tells their cost beforehand', async () => {
    await using session = await visit(browser, server.url)
    const { page } = session
    await paste(page, [SHAPES])
    const chosen = page.waitForEvent('filechooser')
    await page.getByRole('button', { name: 'Add files' }).click()
    await (await chosen).setFiles([picture('three-stars.jpg')])
    await page.getByRole('textbox', { name: 'Your question' }).fill('what is there?')
    // Two pictures of 100 tokens.
    const cost = page.getByText(
      /^\d+ tokens \(\d+ text, 200 pictures\) · [\d ]+ left for the answer$/,
    )
    await cost.waitFor()
    const told = Number.parseInt((await cost.textContent()) ?? '', 10)
    await page.keyboard.press('Enter')
    await answerOf(page, 1)
    await page.locator('.answer-figures').getByText(`${told} + `).waitFor()
    assert.equal(await page.locator('.picture-seen').count(), 2)
  })

  it('uploads a large picture once, and names it by id from then on', async () => {
    const noise = join(folder, 'noise.png')
    const [width, height] = [1200, 900]
    const raw = { width, height, channels: 3 as const }
    await sharp(crypto.randomBytes(width * height * 3), { raw })
      .png()
      .toFile(noise)
    await using session = await visit(browser, server.url)
    const { page, requests } = session
    const devtools = await page.context().newCDPSession(page)
    const limit = (uploadThroughput: number) =>
      devtools.send('Network.emulateNetworkConditions', {
        ...{ offline: false, latency: 0, downloadThroughput: -1, uploadThroughput },
      })
    await limit(500_000)
    await drop(page, [noise])
    // It begins before the question is asked, as its cost is counted then.
    const progress = page.getByRole('progressbar', { name: 'Uploading noise.png' })
    await progress.waitFor()
    let share = 0
    while (share === 0) share = Number(await progress.getAttribute('value'))
    assert.ok(share < 1, `${share}`)
    await limit(-1)
    await progress.waitFor({ state: 'detached' })
    const asked = page.waitForRequest(/chat\/completions/)
    await askOn(page, 'what is there?')
    await askOn(page, 'what color is it?')
    const [part] = (await asked).postDataJSON().messages[0].content
    assert.match(part.file.file_id, /^file-/)
    const uploads = requests.filter((request) => new URL(request.url()).pathname === '/v1/files')
    assert.equal(uploads.length, 1)
    const file = await fetch(`${server.url}/v1/files/${part.file.file_id}`)
    const { expires_at, created_at } = (await file.json()) as Record<string, number>
    assert.equal(expires_at! - created_at!, 24 * 60 * 60)
    // What was seen of it is drawn over it all the same.
    const tile = page.locator('.overlay .tile').last()
    assert.equal(Number(await tile.getAttribute('width')), width)
    await page.locator('.overlay img').last().waitFor()
  })

  it('keeps several turns, and all of them over a reload', async () => {
    await using session = await visit(browser, server.url)
    const { page } = session
    await drop(page, [SHAPES])
    assert.equal(await askOn(page, 'what color is the circle?'), 'red')
    const second = page.waitForRequest(/chat\/completions/)
    await askOn(page, 'what color is the square?')
    const { messages } = (await second).postDataJSON()
    assert.deepEqual(
      messages.map(({ role }: { role: string }) => role),
      ['user', 'assistant', 'user'],
    )
    assert.equal(messages[1].content, 'red')
    await page.reload()
    assert.equal(await answerOf(page, 1), 'red')
    await page.getByRole('article', { name: 'Turn 2' }).waitFor()
    await page
      .getByRole('article', { name: 'Turn 1' })
      .getByRole('img', { name: SHAPES.split('/').at(-1)! })
      .waitFor()
    // The second panel is about the picture of the first turn, from the cache.
    await page.getByText('from the cache (memory)').waitFor()
    await page.getByRole('button', { name: 'New conversation' }).click()
    await page.reload()
    await page.getByRole('heading', { name: 'Show it something, and ask.' }).waitFor()
  })

  it('asks a turn again, edits and deletes it', async () => {
    await using session = await visit(browser, server.url)
    const { page } = session
    await drop(page, [SHAPES])
    assert.equal(await askOn(page, 'what color is the circle?'), 'red')
    await askOn(page, 'what color is the square?')
    await page
      .getByRole('article', { name: 'Turn 1' })
      .getByRole('button', { name: 'Edit and ask again' })
      .click()
    const edited = page.getByRole('textbox', { name: 'The question' })
    assert.equal(await edited.inputValue(), 'what color is the circle?')
    await edited.fill('what color is the square?')
    await page
      .getByRole('article', { name: 'Turn 1' })
      .getByRole('button', { name: 'Ask again' })
      .first()
      .click()
    await page.getByText('blue', { exact: true }).waitFor()
    // What came after it answered to what is no longer said.
    assert.equal(await page.getByRole('article').count(), 1)
    const again = page.waitForRequest(/chat\/completions/)
    await page.getByRole('button', { name: 'Ask again', exact: true }).click()
    assert.equal((await again).postDataJSON().messages.length, 1)
    assert.equal(await answerOf(page, 1), 'blue')
    await page.getByRole('button', { name: 'Delete this turn' }).click()
    await page.getByRole('heading', { name: 'Show it something, and ask.' }).waitFor()
  })

  it('shows a first visitor an answer after one click', async () => {
    await using session = await visit(browser, server.url)
    const { page } = session
    await page.getByRole('button', { name: 'how many stars are there?' }).click()
    assert.match(await answerOf(page, 1), /3|three/)
  })

  it('answers every example rightly', async () => {
    await using session = await visit(browser, server.url)
    const { page } = session
    for (const [name, right] of [
      ['describe the picture.', /house.*tree/],
      ['what is written there?', /cafe/i],
    ] as const) {
      await page.getByRole('button', { name }).click()
      assert.match(await answerOf(page, 1), right)
      await page.getByRole('button', { name: 'New conversation' }).click()
    }
  })

  it('sends settings, and only those that were set', async () => {
    await using session = await visit(browser, server.url)
    const { page } = session
    await page.getByRole('button', { name: 'Settings' }).click()
    await page.getByRole('textbox', { name: 'Instruction (system message)' }).fill('be brief')
    await page.getByRole('spinbutton', { name: 'Temperature' }).fill('0.5')
    await page.getByRole('spinbutton', { name: 'Seed' }).fill('7')
    await page.getByRole('spinbutton', { name: 'Most tokens' }).fill('2')
    await page.getByRole('spinbutton', { name: 'Top p' }).fill('9')
    await page.getByText('low', { exact: true }).click()
    await page.keyboard.press('Escape')
    await drop(page, [SHAPES])
    const asked = page.waitForRequest(/chat\/completions/)
    await askOn(page, 'describe the picture.')
    const { messages, ...fields } = (await asked).postDataJSON()
    // 9 is no top_p, and was never taken.
    assert.deepEqual(fields, {
      ...{ model: 'starter', temperature: 0.5, seed: 7, max_completion_tokens: 2 },
      ...{ stream: true, stream_options: { include_usage: true }, aerie: { explain: true } },
    })
    assert.deepEqual(messages[0], { role: 'system', content: 'be brief' })
    assert.equal(messages[1].content[0].image_url.detail, 'low')
    await page.getByText('Cut off: it reached the most tokens').waitFor()
    await page.reload()
    await page.getByRole('button', { name: 'Settings' }).click()
    assert.equal(await page.getByRole('spinbutton', { name: 'Seed' }).inputValue(), '7')
  })

  describe('the request as code', () => {
    before(() => {
      copyFileSync(SHAPES, join(folder, 'red-circle-blue-square.png'))
      symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    })

    const programs = {
      curl: async (code: string) => {
        const { stdout } = await run('sh', ['-c', code], { cwd: folder })
        return stdout
          .split('\n')
          .filter((line) => line.startsWith('data: {'))
          .map((line) => JSON.parse(line.slice(6)).choices[0]?.delta.content ?? '')
          .join('')
      },
      JavaScript: async (code: string) => {
        writeFileSync(join(folder, 'ask.mjs'), code)
        const { stdout } = await run(process.execPath, ['ask.mjs'], { cwd: folder })
        return stdout.trim()
      },
    }
    it('runs as copied, with media as files and as data', async () => {
      await using session = await visit(browser, server.url)
      const { page } = session
      await drop(page, [SHAPES])
      const answer = await askOn(page, QUESTION)
      for (const [language, program] of Object.entries(programs))
        for (const media of ['as files', 'as data'])
          assert.equal(await program(await copyCode(page, language, media)), answer, language)
    })

    it('runs as copied in Python, where it has the official client', {
      skip: NO_OPENAI,
    }, async () => {
      await using session = await visit(browser, server.url)
      const { page } = session
      await drop(page, [SHAPES])
      const answer = await askOn(page, QUESTION)
      for (const media of ['as files', 'as data']) {
        writeFileSync(join(folder, 'ask.py'), await copyCode(page, 'Python', media))
        const { stdout } = await run('python3', ['ask.py'], { cwd: folder })
        assert.equal(stdout.trim(), answer, media)
      }
    })
  })
})

async function copyCode(page: Page, language: string, media: string): Promise<string> {
  await page.getByRole('button', { name: 'Copy the request as code' }).click()
  const dialog = page.getByRole('dialog', { name: 'The request as code' })
  await dialog.getByText(language, { exact: true }).click()
  await dialog.getByText(media, { exact: true }).click()
  const marker = { curl: 'printf', JavaScript: 'new OpenAI', Python: 'from openai' }[language]!
  await dialog.locator('pre', { hasText: marker }).waitFor()
  await dialog.locator('pre', { hasText: media === 'as files' ? '.png' : 'iVBOR' }).waitFor()
  await dialog.getByRole('button', { name: 'Copy the code' }).click()
  await page.keyboard.press('Escape')
  return page.evaluate(clipboardText)
}

// biome-ignore lint/suspicious/noExplicitAny: the shape is that of openapi.yaml, which other tests hold it to
async function explained(url: string, request: any): Promise<any> {
  const { stream, stream_options, ...body } = request
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return response.json()
}

async function attributes(element: ReturnType<Page['locator']>, names: readonly string[]) {
  return Promise.all(names.map(async (name) => Number(await element.getAttribute(name))))
}

/** Within half the stroke on each side, and roundings. */
function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 2.5, `${actual} is not near ${expected}`)
}
