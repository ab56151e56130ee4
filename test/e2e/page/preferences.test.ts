/** What people have set in their systems: large zoom and type, colours of their own, more contrast, no motion, input methods, right to left. */
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'
import {
  answerOf,
  ask,
  askOn,
  axeViolations,
  drop,
  NO_CHROMIUM,
  openBrowser,
  question,
  untilTurns,
  visit,
} from '../../support/browser.ts'
import { openTestApp, type TestApp } from '../../support/http-app.ts'
import {
  backgroundOf,
  backgroundsOf,
  cutOff,
  directionOf,
  motions,
  outlineOf,
  overflow,
  pageExcess,
  visibleHeight,
} from '../../support/in-page.js'

const SHAPES = resolve(import.meta.dirname, '../../../docs/pictures/red-circle-blue-square.png')

describe('the page as people have set their systems', {
  skip: NO_CHROMIUM,
  timeout: 600_000,
}, () => {
  let browser: Browser
  let app: TestApp
  let url: string
  before(async () => {
    browser = await openBrowser()
    app = await openTestApp({ page: true, echo: { tokenDelayMs: 20 } })
    url = await app.listen()
  })
  after(async () => {
    await browser?.close()
    await app?.[Symbol.asyncDispose]()
  })

  for (const zoom of [2, 4])
    it(`can be read and used at ${zoom * 100} %: nothing is cut off, covered, or to be scrolled sideways to`, async () => {
      await using session = await visit(browser, url, { width: 1280, height: 1024, zoom })
      const { page } = session
      await drop(page, [SHAPES])
      await askOn(page, 'one two three')
      await page.locator('.seen').waitFor()
      const shown = async (state: string) => {
        assert.equal(await page.evaluate(overflow), 0, state)
        assert.deepEqual(await page.evaluate(cutOff), [], state)
      }
      await shown('answered')
      // Half of the window at least is for what one came to read.
      const main = page.locator('.exchanges')
      await page.mouse.wheel(0, 150)
      await page.waitForTimeout(100)
      assert.ok((await main.evaluate(visibleHeight)) >= 512 / zoom)
      assert.deepEqual(await axeViolations(page), [])
      for (const [button, dialog] of [
        ['Settings', 'Settings'],
        ['Conversations', 'Conversations'],
        ['Copy the request as code', 'The request as code'],
      ] as const) {
        await page.getByRole('button', { name: button }).click()
        await page.getByRole('dialog', { name: dialog }).waitFor()
        await shown(dialog)
        await page.keyboard.press('Escape')
      }
      // Whoever reads at the end goes on there.
      const words = Array.from({ length: 60 }, (_, i) => `word${i}`).join(' ')
      assert.equal(await askOn(page, words), words)
      assert.ok((await page.locator('.answer-foot').last().evaluate(visibleHeight)) > 0)
    })

  it('scrolls the conversation and never the page with its bar and its question', async () => {
    await using session = await visit(browser, url, { width: 600, height: 500 })
    const { page } = session
    const words = Array.from({ length: 40 }, (_, i) => `word${i}`).join('\n\n')
    for (let turn = 1; turn <= 2; turn++) await askOn(page, words)
    assert.equal(await page.evaluate(pageExcess), 0)
    const composer = question(page)
    const before = (await composer.boundingBox())!
    await composer.hover()
    await page.mouse.wheel(0, 400)
    await page.waitForTimeout(100)
    assert.deepEqual(await composer.boundingBox(), before)
  })

  it('has type as large as the browser is told to have', async () => {
    await using session = await visit(browser, url, { width: 640 })
    const { page } = session
    const devtools = await page.context().newCDPSession(page)
    await askOn(page, 'one two three')
    const height = async () => (await page.locator('.bubble').boundingBox())!.height
    const before = await height()
    await devtools.send('Page.setFontSizes', { fontSizes: { standard: 32 } })
    await page.reload()
    await answerOf(page, 1)
    assert.ok((await height()) > before * 1.9)
    assert.equal(await page.evaluate(overflow), 0)
    assert.deepEqual(await page.evaluate(cutOff), [])
  })

  for (const colorScheme of ['light', 'dark'] as const)
    it(`can be told apart in colours that the system chooses, and with more contrast: ${colorScheme}`, async () => {
      await using session = await visit(browser, url, { colorScheme })
      const { page } = session
      await drop(page, [SHAPES])
      await askOn(page, 'one two three')
      await page.locator('.seen').waitFor()
      await page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce' })
      const ground = await page.evaluate(backgroundOf, 'html')
      for (const selector of ['.shares-bar span', '.legend .swatch']) {
        const colours = await page.evaluate(backgroundsOf, selector)
        assert.ok(new Set(colours).size > 1, selector)
        assert.ok(!colours.includes(ground), selector)
      }
      const outline = (name: string) => page.getByRole('link', { name }).evaluate(outlineOf)
      assert.deepEqual([await outline('Chat'), await outline('Batches')], ['solid', 'none'])
      assert.deepEqual(await axeViolations(page), [])

      await page.emulateMedia({ forcedColors: 'none', contrast: 'more', reducedMotion: 'reduce' })
      // Seven to one, where four and a half are enough otherwise.
      assert.deepEqual(await axeViolations(page, 'color-contrast-enhanced'), [])
      await page.getByRole('button', { name: 'Settings' }).click()
      assert.deepEqual(await axeViolations(page, 'color-contrast-enhanced'), [])
    })

  it('moves while an answer comes, and not at all for whom nothing is to move', async () => {
    await using session = await visit(browser, url)
    const { page } = session
    for (const [reducedMotion, isMoving] of [
      ['no-preference', true],
      ['reduce', false],
    ] as const) {
      await page.emulateMedia({ reducedMotion })
      await ask(page, 'one two three four five six seven eight nine ten '.repeat(20))
      await page.locator('.is-writing .prose').waitFor()
      assert.equal((await page.evaluate(motions)) > 0, isMoving, reducedMotion)
      await page.keyboard.press('Escape')
      await page.getByText('Stopped.').last().waitFor()
    }
  })

  it('leaves keys to the input method while a word is being composed', async () => {
    await using session = await visit(browser, url)
    const { page } = session
    const devtools = await page.context().newCDPSession(page)
    const compose = (text: string) =>
      devtools.send('Input.imeSetComposition', {
        text,
        selectionStart: text.length,
        selectionEnd: text.length,
      })
    const pressInMethod = (key: string) =>
      devtools.send('Input.dispatchKeyEvent', {
        ...{ type: 'rawKeyDown', key, code: key, windowsVirtualKeyCode: 229 },
      })
    await question(page).focus()
    await compose('にほん')
    // Enter takes what is composed: the page is told of the key, and that it is the input method's.
    await pressInMethod('Enter')
    assert.equal(await page.getByRole('article').count(), 0)
    await devtools.send('Input.insertText', { text: '日本' })
    assert.equal(await question(page).inputValue(), '日本')
    await page.keyboard.press('Enter')
    assert.equal(await answerOf(page, 1), '日本')
    // Escape drops what is composed, and nothing else.
    await page.getByRole('button', { name: 'Edit and ask again' }).click()
    const edited = page.getByRole('textbox', { name: 'The question' })
    await compose('ご')
    await pressInMethod('Escape')
    assert.equal(await edited.count(), 1)
  })

  it('writes from the right what is written from the right, wherever it stands', async () => {
    await using session = await visit(browser, url)
    const { page } = session
    const words = 'שלום עולם'
    await question(page).fill(words)
    assert.equal(await question(page).evaluate(directionOf), 'rtl')
    await page.keyboard.press('Enter')
    assert.equal(await answerOf(page, 1), words)
    await untilTurns(page, [words])
    for (const part of ['.bubble', '.answer .prose p'])
      assert.equal(await page.locator(part).evaluate(directionOf), 'rtl', part)
    await page.getByRole('button', { name: 'Edit and ask again' }).click()
    const edited = page.getByRole('textbox', { name: 'The question' })
    assert.equal(await edited.evaluate(directionOf), 'rtl')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Conversations' }).click()
    assert.equal(await page.locator('.history-title').first().evaluate(directionOf), 'rtl')
    assert.deepEqual(await axeViolations(page), [])
  })
})
