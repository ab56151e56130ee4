/** What the browser keeps: conversations over reloads that come at any moment, in several tabs at once, named and deleted, within bounds. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'
import {
  answerOf,
  ask,
  askOn,
  drop,
  LEFT,
  NO_CHROMIUM,
  openBrowser,
  question,
  turns,
  until,
  untilTurns,
  visit,
} from '../../support/browser.ts'
import { openTestApp } from '../../support/http-app.ts'

const SHAPES = resolve(import.meta.dirname, '../../../docs/pictures/red-circle-blue-square.png')
/** Long enough for whatever happens in the middle of it. */
const LONG = Array.from({ length: 2500 }, (_, i) => `word${i}`).join(' ')

describe('what the page keeps', { skip: NO_CHROMIUM }, () => {
  let browser: Browser
  let folder: string
  before(async () => {
    browser = await openBrowser()
    folder = mkdtempSync(join(tmpdir(), 'aerie-keeping-'))
  })
  after(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('is every turn, however soon after it the page is loaded again', async () => {
    await using app = await openTestApp({ page: true, echo: { tokenDelayMs: 5 } })
    await using session = await visit(browser, await app.listen(), { expected: LEFT })
    const { page } = session
    for (let i = 1; i <= 6; i++) {
      await ask(page, `question ${i}`)
      // At once, or in the middle of the answer.
      await page.getByText(`question ${i}`, { exact: true }).first().waitFor()
      await page.waitForTimeout(i * 5)
      await page.reload()
      await page.getByRole('article', { name: `Turn ${i}`, exact: true }).waitFor()
      // What was under way when the page went is over, here and on the server.
      await page
        .getByRole('article', { name: `Turn ${i}`, exact: true })
        .locator('.answer-foot')
        .waitFor()
    }
    assert.deepEqual(
      await turns(page),
      Array.from({ length: 6 }, (_, i) => `question ${i + 1}`),
    )
    await until(async () => app.service.running === 0)
  })

  it('is the whole of an answer, and the deletion of a turn, at once', async () => {
    await using app = await openTestApp({ page: true })
    await using session = await visit(browser, await app.listen())
    const { page } = session
    assert.equal(await askOn(page, 'one two three'), 'one two three')
    await page.reload()
    assert.equal(await answerOf(page, 1), 'one two three')
    await askOn(page, 'four')
    await page
      .getByRole('article', { name: 'Turn 1' })
      .getByRole('button', { name: 'Delete this turn' })
      .click()
    await page.reload()
    assert.equal(await answerOf(page, 1), 'four')
    await untilTurns(page, ['four'])
  })

  it('is the question that is being written, with its files', async () => {
    await using app = await openTestApp({ page: true })
    await using session = await visit(browser, await app.listen(), { expected: LEFT })
    const { page } = session
    await drop(page, [SHAPES])
    await question(page).fill('what is th')
    await page.getByRole('img', { name: 'red-circle-blue-square.png' }).waitFor()
    await page.reload()
    await page.getByRole('img', { name: 'red-circle-blue-square.png' }).waitFor()
    assert.equal(await question(page).inputValue(), 'what is th')
  })

  it('is the same in two tabs, that both ask, stop and delete', async () => {
    await using app = await openTestApp({ page: true, echo: { tokenDelayMs: 10 } })
    await using session = await visit(browser, await app.listen(), { expected: LEFT })
    const { page } = session
    await drop(page, [SHAPES])
    await ask(page, 'from the first')
    const other = await page.context().newPage()
    await other.goto(page.url())
    await other.getByText('from the first', { exact: true }).first().waitFor()
    await other.locator('.question img').waitFor()
    // Which of the two asked is told apart by nobody.
    await ask(other, 'from the second')
    for (const tab of [page, other])
      await tab
        .getByRole('article', { name: 'Turn 2', exact: true })
        .locator('.answer-foot')
        .waitFor()
    for (const tab of [page, other]) await untilTurns(tab, ['from the first', 'from the second'])

    // An answer of one tab grows in the other, and can be stopped there.
    await ask(page, LONG)
    await other.locator('.answer .prose', { hasText: 'word9' }).waitFor()
    const { aborted } = app.service
    await other.getByRole('button', { name: 'Stop' }).click()
    await until(async () => app.service.aborted > aborted)
    for (const tab of [page, other]) await tab.getByText('Stopped.').waitFor()

    await other
      .getByRole('article', { name: 'Turn 2', exact: true })
      .getByRole('button', { name: 'Delete this turn' })
      .click()
    await until(async () => (await turns(page)).length === 2)
    await page.reload()
    await page.getByText('from the first', { exact: true }).first().waitFor()
    assert.deepEqual(await turns(page), await turns(other))
  })

  it('is one answer for every tab: what a tab has left behind is over in the others', async () => {
    await using app = await openTestApp({ page: true, echo: { tokenDelayMs: 20 } })
    await using session = await visit(browser, await app.listen(), { expected: LEFT })
    const { page } = session
    const other = await page.context().newPage()
    await other.goto(page.url())
    await ask(page, LONG)
    await other.close()
    const third = await page.context().newPage()
    await third.goto(page.url())
    await third.locator('.answer .prose', { hasText: 'word5' }).waitFor()
    // It is still written, though not by this tab.
    assert.equal(await third.getByRole('button', { name: 'Stop' }).count(), 1)
    await page.close()
    await third.getByText('Stopped.').waitFor()
    await until(async () => app.service.running === 0)
  })

  it('are several conversations, each with its name, until they are deleted', async () => {
    await using app = await openTestApp({ page: true, echo: { tokenDelayMs: 5 } })
    await using session = await visit(browser, await app.listen(), { expected: LEFT })
    const { page } = session
    await askOn(page, 'about birds')
    await page.getByRole('button', { name: 'New conversation' }).click()
    await page.getByRole('heading', { name: 'Show it something, and ask.' }).waitFor()
    // An answer goes on while another conversation is shown.
    const words = LONG.split(' ', 1000).join(' ')
    await ask(page, words)
    await page.locator('.answer .prose', { hasText: 'word3' }).waitFor()
    const list = page.getByRole('dialog', { name: 'Conversations' })
    const openList = () => page.getByRole('button', { name: 'Conversations' }).click()
    await openList()
    const names = list.locator('.history-title')
    assert.deepEqual(
      (await names.allTextContents()).map((name) => name.slice(0, 11)),
      ['word0 word1', 'about birds'],
    )
    await list.getByRole('button', { name: 'about birds', exact: false }).first().click()
    await untilTurns(page, ['about birds'])
    await until(async () => app.service.running === 0)
    await openList()
    await list.getByRole('button', { name: /^Rename word0/ }).click()
    await list.getByRole('textbox', { name: 'Name of the conversation' }).fill('numbers')
    await page.keyboard.press('Enter')
    await list.getByRole('button', { name: /^numbers/ }).click()
    assert.equal(await answerOf(page, 1), words)
    await page.reload()
    assert.equal(await answerOf(page, 1), words)

    await openList()
    await list.getByRole('button', { name: 'Delete about birds' }).click()
    await list.getByRole('button', { name: 'Keep' }).click()
    await list.getByRole('button', { name: 'Delete about birds' }).click()
    await list.getByRole('button', { name: 'Delete', exact: true }).click()
    await until(async () => (await names.count()) === 1)
    assert.equal(await names.textContent(), 'numbers')
    await list.getByRole('button', { name: 'Delete numbers' }).click()
    await list.getByRole('button', { name: 'Delete', exact: true }).click()
    await list.getByText('None yet.').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('heading', { name: 'Show it something, and ask.' }).waitFor()
    // Nothing of it is left in the browser.
    await until(async () => (await page.evaluate(COUNT_KEPT)) === 0)
  })

  it('says what it cannot keep where the browser has no room, and keeps the words', async () => {
    await using app = await openTestApp({ page: true })
    await using session = await visit(browser, await app.listen(), { expected: LEFT })
    const { page } = session
    const devtools = await page.context().newCDPSession(page)
    const { origin } = new URL(page.url())
    await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 400_000 })
    const large = join(folder, 'large.txt')
    writeFileSync(large, 'x'.repeat(1_500_000))
    await drop(page, [large])
    await page
      .getByText('Files are not kept over a reload: the browser has no room left.')
      .waitFor()
    await ask(page, 'what is it?')
    await page.getByRole('alert').waitFor()
    await page.reload()
    await page.getByText('what is it?').waitFor()
    await page.getByText(/^large.txt: no longer kept in this browser/).waitFor()
  })
})

/** Records of all stores. */
const COUNT_KEPT = `new Promise((resolve, reject) => {
  const request = indexedDB.open('aerie')
  request.onerror = reject
  request.onsuccess = async () => {
    const names = [...request.result.objectStoreNames]
    const transaction = request.result.transaction(names)
    let sum = 0
    for (const name of names) {
      const count = transaction.objectStore(name).count()
      count.onsuccess = () => { sum += count.result }
    }
    transaction.oncomplete = () => { request.result.close(); resolve(sum) }
  }
})`
