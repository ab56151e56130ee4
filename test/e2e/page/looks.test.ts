/**
 * For everybody: axe-core finds nothing in any state of the page, the keyboard is enough, the smallest phone is wide enough, and
 * both themes are drawn. And for the network: little is transferred, all of it from this server, under a policy that holds.
 */
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import type { RunningServer } from '../../../src/main.ts'
import {
  answerOf,
  axeViolations,
  drop,
  NO_CHROMIUM,
  openBrowser,
  visit,
} from '../../support/browser.ts'
import { openTestApp } from '../../support/http-app.ts'
import { backgroundOf, firstPaint, focused, overflow, tryForbidden } from '../../support/in-page.js'
import { startTestServer } from '../../support/server.ts'

const SHAPES = resolve(import.meta.dirname, '../../../docs/pictures/red-circle-blue-square.png')

/** Of everything that a first visit fetches, its example pictures among it. */
const MOST_BYTES = 300_000

const REFUSED = /the server responded with a status of/

describe('the page for everybody', { skip: NO_CHROMIUM }, () => {
  let server: RunningServer
  let browser: Browser
  before(async () => {
    server = await startTestServer()
    browser = await openBrowser()
  })
  after(async () => {
    await browser?.close()
    await server?.close()
  })

  /** What each state is, beginning with a first visit. */
  const STATES: Readonly<Record<string, (page: Page) => Promise<void>>> = {
    empty: async () => undefined,
    'with a draft': async (page) => {
      await drop(page, [SHAPES])
      await page.getByRole('textbox', { name: 'Your question' }).fill('what color is the circle?')
      await page.getByText(/left for the answer/).waitFor()
    },
    answered: async (page) => {
      await page.keyboard.press('Enter')
      assert.equal(await answerOf(page, 1), 'red')
      await page.locator('.seen').waitFor()
    },
    'about a sound': async (page) => {
      await page.getByRole('button', { name: 'New conversation' }).click()
      await page.getByRole('button', { name: /what do you hear\?/ }).click()
      await answerOf(page, 1)
      await page.locator('.seen').waitFor()
    },
    'a turn being edited': async (page) => {
      await page.getByRole('button', { name: 'Edit and ask again' }).click()
    },
    'code open': async (page) => {
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Copy the request as code' }).click()
      await page.getByRole('dialog').locator('pre', { hasText: 'curl' }).waitFor()
    },
    'settings open': async (page) => {
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Settings' }).click()
    },
    'settings of JSON and tools': async (page) => {
      await page.getByText('JSON of a schema', { exact: true }).click()
      await page.getByRole('button', { name: 'Begin with an example' }).last().click()
      await page.getByRole('textbox', { name: 'JSON Schema' }).fill('{')
      await page.getByText(/^Not JSON/).waitFor()
      await page.getByRole('button', { name: 'Reset all settings' }).click()
    },
    'conversations open': async (page) => {
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Conversations' }).click()
      const list = page.getByRole('dialog', { name: 'Conversations' })
      await list
        .getByRole('button', { name: /^Rename/ })
        .first()
        .click()
      await list
        .getByRole('button', { name: /^Delete/ })
        .first()
        .click()
      await list.getByRole('button', { name: 'Keep' }).waitFor()
    },
    batches: async (page) => {
      await page.getByRole('button', { name: 'Close' }).click()
      await page.getByRole('link', { name: 'Batches' }).click()
      await page.getByRole('button', { name: 'Run six example questions' }).click()
      await page.locator('.batch.is-completed').first().waitFor()
    },
  }

  for (const [name, options] of Object.entries({
    light: { colorScheme: 'light' },
    dark: { colorScheme: 'dark' },
    'on the smallest phone': { width: 320, height: 640, hasTouch: true },
    'dark, on a phone': { width: 390, height: 844, hasTouch: true, colorScheme: 'dark' },
  } as const)) {
    it(`has no fault that axe-core finds, in any state, and never scrolls sideways: ${name}`, async () => {
      await using session = await visit(browser, server.url, options)
      const { page } = session
      // Colours on the way are nobody's.
      await page.emulateMedia({ reducedMotion: 'reduce' })
      for (const [state, go] of Object.entries(STATES)) {
        await go(page)
        assert.deepEqual(await axeViolations(page), [], state)
        assert.equal(await page.evaluate(overflow), 0, `${state} is wider than the window`)
      }
    })
  }

  it('has none where something went wrong', async () => {
    const apiKeys = { nameOf: () => undefined, names: () => [], read: async () => () => undefined }
    await using app = await openTestApp({ page: true, apiKeys })
    const url = await app.listen()
    for (const colorScheme of ['light', 'dark'] as const) {
      await using session = await visit(browser, url, { colorScheme, expected: REFUSED })
      assert.deepEqual(await axeViolations(session.page), [], 'a key is wanted')
    }
    await using busy = await openTestApp({ page: true, echo: { maxRunning: 0 } })
    const address = await busy.listen()
    for (const colorScheme of ['light', 'dark'] as const) {
      await using session = await visit(browser, address, { colorScheme, expected: REFUSED })
      const { page } = session
      await page.getByRole('textbox', { name: 'Your question' }).fill('hello')
      await page.keyboard.press('Enter')
      await page.getByRole('alert').waitFor()
      assert.deepEqual(await axeViolations(page), [], 'refused')
    }
  })

  it('can be used by the keyboard alone', async () => {
    await using session = await visit(browser, server.url)
    const { page } = session
    const press = async (key: string) => {
      await page.keyboard.press(key)
      return page.evaluate(focused)
    }
    /** Presses Tab until that has the focus. */
    const tabTo = async (name: RegExp) => {
      for (let i = 0; i < 40; i++) if (name.test(await press('Tab'))) return
      assert.fail(`${name} is not reached`)
    }
    assert.match(await press('Tab'), /^a Skip to the question/)
    await tabTo(/^button what color is the circle/)
    await page.keyboard.press('Enter')
    assert.equal(await answerOf(page, 1), 'red')
    await tabTo(/^textarea Your question/)
    await page.keyboard.type('what color is the square?')
    await page.keyboard.press('Shift+Enter')
    await page.keyboard.press('Backspace')
    await page.keyboard.press('Enter')
    assert.notEqual(await answerOf(page, 2), '')
    // A dialog takes the focus and gives it back.
    await page.getByRole('button', { name: 'Settings' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog', { name: 'Settings' }).waitFor()
    for (let i = 0; i < 30; i++) {
      await page.keyboard.press('Tab')
      const isInside = await page.evaluate(
        "document.activeElement === document.body || document.querySelector('dialog').contains(document.activeElement)",
      )
      assert.ok(isInside, 'the focus left the dialog')
    }
    await page.keyboard.press('Escape')
    assert.match(await page.evaluate(focused), /^button Settings/)
    // What is only shown under a pointer can be reached all the same.
    await page
      .getByRole('article', { name: 'Turn 2' })
      .getByRole('button', { name: 'Delete this turn' })
      .focus()
    await page.keyboard.press('Enter')
    assert.equal(await page.getByRole('article').count(), 1)
  })

  it('says an answer to screen readers once, when it is whole', async () => {
    await using app = await openTestApp({ page: true, echo: { tokenDelayMs: 300 } })
    await using session = await visit(browser, await app.listen())
    const { page } = session
    const status = page.getByRole('status')
    await page
      .getByRole('textbox', { name: 'Your question' })
      .fill('one two three four five six seven')
    await page.keyboard.press('Enter')
    await page.locator('.answer .prose', { hasText: 'three' }).waitFor()
    assert.equal(await status.textContent(), 'Asking')
    await page.getByText('Answer: one two three four five six seven').waitFor({ state: 'attached' })
    // What is opened again has said it already.
    await page.getByRole('button', { name: 'New conversation' }).click()
    await page.getByRole('button', { name: 'Conversations' }).click()
    await page.getByRole('button', { name: /^one two three/ }).click()
    await answerOf(page, 1)
    await page.getByText('Conversation: one two').waitFor({ state: 'attached' })
    assert.equal(await status.textContent(), 'Conversation: one two three four five six seven')
  })

  it('follows the system, or is dark or light as one likes, over a reload too', async () => {
    await using session = await visit(browser, server.url, { colorScheme: 'dark' })
    const { page } = session
    const ground = () => page.evaluate(backgroundOf, 'html')
    const dark = await ground()
    await page.emulateMedia({ colorScheme: 'light' })
    const light = await ground()
    assert.notEqual(dark, light)
    await page.getByRole('button', { name: 'Theme: auto' }).click()
    await page.getByRole('button', { name: 'Theme: light' }).click()
    assert.equal(await ground(), dark)
    await page.reload()
    await page.getByRole('button', { name: 'Theme: dark' }).waitFor()
    assert.equal(await ground(), dark)
    await page.getByRole('button', { name: 'Theme: dark' }).click()
    assert.equal(await ground(), light)
  })

  it(`needs less than ${MOST_BYTES / 1000} kB, from this server alone, and nothing of it again`, async (t) => {
    await using session = await visit(browser, server.url)
    const { page, requests } = session
    await page.waitForLoadState('networkidle')
    const bytes = await session.transferred()
    const paint = await page.evaluate(firstPaint)
    t.diagnostic(
      `first visit: ${requests.length} requests, ${bytes} bytes, first contentful paint after ${Math.round(paint!)} ms`,
    )
    assert.ok(bytes > 10_000 && bytes < MOST_BYTES, `${bytes} bytes`)
    assert.deepEqual(
      new Set(requests.map((request) => new URL(request.url()).origin)),
      new Set([server.url]),
    )
    const before = requests.length
    await page.reload()
    await page.getByRole('form', { name: 'Question' }).waitFor()
    await page.waitForLoadState('networkidle')
    const again = (await session.transferred()) - bytes
    t.diagnostic(`second visit: ${requests.length - before} requests, ${again} bytes`)
    assert.ok(again < bytes / 5, `${again} bytes the second time`)
  })

  it('has a policy that holds: no inline script or style, no HTML of a text, nobody else is asked', async () => {
    const expected =
      /Content Security Policy|requires 'Trusted|asks elsewhere: http:\/\/127.0.0.1:9\//
    await using session = await visit(browser, server.url, { expected })
    const tried = await session.page.evaluate(tryForbidden)
    assert.deepEqual(tried, { script: false, style: false, elsewhere: false, html: false })
  })
})
