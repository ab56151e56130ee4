/** What could be lost, and is not: what the browser had not written yet when the page went, and answers of tabs that are busy or broken. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import {
  answerOf,
  ask,
  askOn,
  LEFT,
  NO_CHROMIUM,
  openBrowser,
  turns,
  until,
  untilTurns,
  visit,
} from '../../support/browser.ts'
import { openTestApp } from '../../support/http-app.ts'
import { beBusy, holdWrites, unwrittenKeys } from '../../support/in-page.js'

/** Far longer than it takes to look at it from another tab. */
const LONG = Array.from({ length: 1200 }, (_, i) => `word${i}`).join(' ')

/** Longer than a tab is waited for where browsers have no locks. */
const PATIENCE_MS = 3500

describe('what could be lost on the page', { skip: NO_CHROMIUM, timeout: 300_000 }, () => {
  let browser: Browser
  before(async () => {
    browser = await openBrowser()
  })
  after(() => browser?.close())

  /** Another tab; what is not the page itself holds writes back until it is told. */
  const tab = async (page: Page, path = '/') => {
    const other = await page.context().newPage()
    await other.goto(new URL(path, page.url()).href)
    return other
  }
  const list = (page: Page) => page.getByRole('dialog', { name: 'Conversations' })
  const openList = (page: Page) => page.getByRole('button', { name: 'Conversations' }).click()

  it('is not: whatever was done while nothing could be written is done, after a reload and in other tabs', async () => {
    await using app = await openTestApp({ page: true })
    await using session = await visit(browser, await app.listen(), { expected: LEFT })
    const { page } = session
    await askOn(page, 'about dogs')
    await page.getByRole('button', { name: 'New conversation' }).click()
    await askOn(page, 'about birds')
    await askOn(page, 'about fish')
    const slow = await tab(page, '/livez')
    await slow.evaluate(holdWrites)

    assert.equal(await askOn(page, 'about cats'), 'about cats')
    await page
      .getByRole('article', { name: 'Turn 1' })
      .getByRole('button', { name: 'Delete this turn' })
      .click()
    await openList(page)
    await list(page).getByRole('button', { name: 'Rename about birds' }).click()
    await list(page).getByRole('textbox', { name: 'Name of the conversation' }).fill('animals')
    await page.keyboard.press('Enter')
    await list(page).getByRole('button', { name: 'Delete about dogs' }).click()
    await list(page).getByRole('button', { name: 'Delete', exact: true }).click()
    assert.notDeepEqual(await page.evaluate(unwrittenKeys), [])
    await page.reload()
    await slow.evaluate('release()')

    const other = await tab(page)
    for (const shown of [page, other]) {
      assert.equal(await answerOf(shown, 2), 'about cats')
      await untilTurns(shown, ['about fish', 'about cats'])
      await openList(shown)
      await list(shown).locator('.history-title').first().waitFor()
      assert.deepEqual(await list(shown).locator('.history-title').allTextContents(), ['animals'])
    }
    // It is all written now, and kept in one place alone.
    await until(async () => (await page.evaluate(unwrittenKeys)).length === 0)
  })

  it('is not: a question of a tab that broke down before it was written, whose answer is over at once', async () => {
    await using app = await openTestApp({ page: true, echo: { tokenDelayMs: 20 } })
    await using session = await visit(browser, await app.listen(), { expected: LEFT })
    const { page } = session
    await askOn(page, 'about birds')
    const slow = await tab(page, '/livez')
    await slow.evaluate(holdWrites)
    await ask(page, LONG)
    await page.locator('.answer .prose', { hasText: 'word3' }).waitFor()
    await page.goto('chrome://crash').catch(() => undefined)
    await slow.evaluate('release()')
    const other = await tab(page.context().pages().at(-1)!)
    await other.getByText('Stopped.').waitFor()
    await untilTurns(other, ['about birds', LONG])
    await until(async () => app.service.running === 0)
  })

  it('is what was deleted in another tab in the middle of its answer: it does not come back', async () => {
    await using app = await openTestApp({ page: true, echo: { tokenDelayMs: 20 } })
    await using session = await visit(browser, await app.listen(), { expected: LEFT })
    const { page } = session
    await askOn(page, 'about birds')
    const other = await tab(page)
    await answerOf(other, 1)
    await ask(page, LONG)
    await other.locator('.answer .prose', { hasText: 'word3' }).waitFor()
    const deleteTurn = (number: number) =>
      other
        .getByRole('article', { name: `Turn ${number}` })
        .getByRole('button', { name: 'Delete this turn' })
        .click()
    await deleteTurn(2)
    await until(async () => app.service.running === 0)
    await until(async () => (await turns(page)).length === 1)
    // The same of the whole conversation, which its tab no longer shows.
    await ask(page, LONG)
    await page.locator('.answer .prose', { hasText: 'word3' }).waitFor()
    await page.getByRole('button', { name: 'New conversation' }).click()
    await openList(other)
    await list(other).getByRole('button', { name: 'Delete about birds' }).click()
    await list(other).getByRole('button', { name: 'Delete', exact: true }).click()
    await until(async () => app.service.running === 0)
    for (const shown of [page, other]) {
      await shown.reload()
      await shown.getByRole('heading', { name: 'Show it something, and ask.' }).waitFor()
      await openList(shown)
      await list(shown).getByText('None yet.').waitFor()
    }
  })

  it('is not: the answer of a tab that is too busy to say that it is there', async () => {
    await using app = await openTestApp({ page: true, echo: { tokenDelayMs: 15 } })
    const expected = /ERR_|Synchronous XMLHttpRequest/
    await using session = await visit(browser, await app.listen(), { expected })
    const { page } = session
    const words = LONG.split(' ', 600).join(' ')
    await ask(page, words)
    await page.locator('.answer .prose', { hasText: 'word1' }).waitFor()
    const { promise: enough, resolve: goOn } = Promise.withResolvers<void>()
    await page.route('**/busy', (route) => enough.then(() => route.fulfill({ body: '' })))
    const busy = page.evaluate(beBusy, '/busy')

    const other = await tab(page)
    await other.locator('.answer .prose', { hasText: 'word0' }).waitFor()
    await delay(PATIENCE_MS)
    await other.getByRole('button', { name: 'Stop' }).waitFor()
    assert.equal(await other.getByText('Stopped.').count(), 0)
    goOn()
    await busy
    for (const shown of [page, other]) assert.equal(await answerOf(shown, 1), words)
    await page.close()
    await other.reload()
    assert.equal(await answerOf(other, 1), words)
  })
})
