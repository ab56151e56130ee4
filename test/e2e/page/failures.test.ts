/** What goes wrong, and what the page says then: wrong keys, refusals, a server that goes away, an answer that is stopped. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Browser } from 'playwright-core'
import { AerieError } from '../../../src/errors.ts'
import { loadApiKeys } from '../../../src/http/auth.ts'
import {
  answerOf,
  askOn,
  axeViolations,
  drop,
  NO_CHROMIUM,
  openBrowser,
  visit,
} from '../../support/browser.ts'
import { openTestApp } from '../../support/http-app.ts'
import { ScriptedChat } from '../../support/scripted-chat.ts'

/** A console line of the browser's about an answer that the test asked for. */
const REFUSED = /the server responded with a status of/
const GONE =
  /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/

const LONG = Array.from({ length: 400 }, (_, i) => `word${i}`).join(' ')

describe('failures on the page', { skip: NO_CHROMIUM }, () => {
  let browser: Browser
  let folder: string
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'aerie-page-'))
    browser = await openBrowser()
  })
  after(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('asks for a key where the server wants one, and keeps it in this tab alone', async () => {
    const file = join(folder, 'keys')
    writeFileSync(file, 'me:right-key\n')
    await using app = await openTestApp({ page: true, apiKeys: await loadApiKeys(file) })
    await using session = await visit(browser, await app.listen(), { expected: REFUSED })
    const { page } = session
    const field = page.getByLabel('This server wants an API key.')
    await field.fill('wrong-key')
    await page.getByRole('button', { name: 'Use it' }).click()
    await page.getByLabel('The server does not know this key. Another one?').fill('right-key')
    await page.getByRole('button', { name: 'Use it' }).click()
    assert.equal(await askOn(page, 'hello there'), 'hello there')
    assert.equal(await page.getByRole('form', { name: 'API key' }).count(), 0)
    const state = await page.context().storageState()
    assert.doesNotMatch(JSON.stringify(state), /right-key/)
    await page.getByRole('button', { name: 'Copy the request as code' }).click()
    assert.doesNotMatch(await page.locator('body').innerHTML(), /right-key/)
    // Over a reload it is there, in another tab not.
    await page.reload()
    assert.equal(await answerOf(page, 1), 'hello there')
    const other = await page.context().newPage()
    await other.goto(page.url())
    await other.getByLabel('This server wants an API key.').waitFor()
  })

  it('says what is wrong in plain words, with code, field and request id', async () => {
    await using app = await openTestApp({ page: true, echo: { maxRunning: 0 } })
    await using session = await visit(browser, await app.listen(), { expected: REFUSED })
    const { page } = session
    await page.getByRole('textbox', { name: 'Your question' }).fill('hello')
    await page.keyboard.press('Enter')
    const failure = page.locator('.failure')
    await failure.getByText('The server is busy.').waitFor()
    await failure.getByText('queue_full').waitFor()
    await failure.getByText(/^req_[0-9a-f]+$/).waitFor()
    await page.getByRole('textbox', { name: 'Your question' }).fill('again')
    // What was never answered is no part of what is said.
    const asked = page.waitForRequest(/chat\/completions/)
    await page.keyboard.press('Enter')
    assert.equal((await asked).postDataJSON().messages.length, 1)
    await page.getByRole('article', { name: 'Turn 2' }).getByText('queue_full').waitFor()
  })

  it('names the field of a setting that the server refuses', async () => {
    await using app = await openTestApp({ page: true })
    await using session = await visit(browser, await app.listen(), { expected: REFUSED })
    const { page } = session
    // As an older page of this server might have kept it.
    await page.evaluate(
      "localStorage.setItem('aerie.settings', JSON.stringify({ model: 'echo', maxTokens: -1 }))",
    )
    await page.reload()
    await page.getByRole('textbox', { name: 'Your question' }).fill('hello')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.locator('.failure').getByText('max_completion_tokens', { exact: true }).waitFor()
  })

  it('stops an answer at once, here and on the server, and goes on from there', async () => {
    await using app = await openTestApp({ page: true, echo: { tokenDelayMs: 30 } })
    await using session = await visit(browser, await app.listen(), { expected: GONE })
    const { page } = session
    for (const stop of [
      () => page.getByRole('button', { name: 'Stop' }).click(),
      () => page.keyboard.press('Escape'),
    ]) {
      const aborted = app.service.aborted
      await page.getByRole('textbox', { name: 'Your question' }).fill(LONG)
      await page.keyboard.press('Enter')
      await page.locator('.answer .prose', { hasText: 'word3' }).last().waitFor()
      await stop()
      await page.getByText('Stopped.').last().waitFor()
      while (app.service.aborted === aborted) await delay(10)
      assert.equal(app.service.running, 0)
      const text = await page.locator('.answer .prose').last().textContent()
      assert.ok(LONG.startsWith(text!.trim()) && text!.length < LONG.length)
    }
    assert.equal(await page.getByRole('button', { name: 'Send' }).count(), 1)
  })

  it('shows a failure in the middle of a stream below what came before it', async () => {
    const failure = { afterTokens: 3, error: new Error('a defect') }
    await using app = await openTestApp({ page: true, echo: { failure } })
    await using session = await visit(browser, await app.listen())
    const { page } = session
    await page.getByRole('textbox', { name: 'Your question' }).fill('one two three four five')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('The server made a mistake.').waitFor()
    assert.match((await page.locator('.answer .prose').textContent())!, /^one two three/)
    await page.locator('.failure').getByText('internal_error').waitFor()
  })

  it('survives a server that goes away in the middle of an answer, and asks again when it is back', async () => {
    const app = await openTestApp({ page: true, echo: { tokenDelayMs: 30 } })
    const url = await app.listen()
    await using session = await visit(browser, url, { expected: GONE })
    const { page } = session
    await page.getByRole('textbox', { name: 'Your question' }).fill(LONG)
    await page.keyboard.press('Enter')
    await page.locator('.answer .prose', { hasText: 'word3' }).waitFor()
    app.app.server.closeAllConnections()
    await page
      .getByRole('alert')
      .getByText('The connection broke before the answer was complete.')
      .waitFor()
    await app[Symbol.asyncDispose]()
    await page.getByRole('button', { name: 'Try again' }).click()
    await page
      .getByRole('alert')
      .getByText('The server cannot be reached. Is it still running?')
      .waitFor()
    await using back = await openTestApp({ page: true })
    await back.app.listen({ host: '127.0.0.1', port: Number(new URL(url).port) })
    await page.getByRole('button', { name: 'Try again' }).click()
    assert.equal(await answerOf(page, 1), LONG)
  })

  it('counts down to when the server wants to be asked again', async () => {
    class Limited extends ScriptedChat {
      // biome-ignore lint/correctness/useYield: it never comes to that
      override async *complete(): ReturnType<ScriptedChat['complete']> {
        const message = 'key "me" has no requests left in this minute'
        throw new AerieError('rate_limit_exceeded', message, { retryAfterSeconds: 4 })
      }
    }
    await using app = await openTestApp({ page: true, chat: new Limited([]) })
    await using session = await visit(browser, await app.listen(), { expected: REFUSED })
    const { page } = session
    await page.getByRole('textbox', { name: 'Your question' }).fill('hello')
    const asked = page.waitForResponse(/chat\/completions/)
    await page.keyboard.press('Enter')
    assert.equal((await asked).headers()['retry-after'], '4')
    await page.getByText('That is more than this key may ask for now.').waitFor()
    const later = page.getByRole('button', { name: /^Try again in \d s$/ })
    assert.ok(await later.isDisabled())
    await page.getByRole('button', { name: 'Try again', exact: true }).waitFor()
    assert.ok(await page.getByRole('button', { name: 'Try again', exact: true }).isEnabled())
  })

  it('says that the server is gone, and finds it again by itself', async () => {
    const app = await openTestApp({ page: true })
    const url = await app.listen()
    await using session = await visit(browser, url, { expected: GONE })
    const { page } = session
    app.app.server.closeAllConnections()
    await app[Symbol.asyncDispose]()
    await page.getByRole('textbox', { name: 'Your question' }).fill('hello')
    await page.keyboard.press('Enter')
    const gone = page.getByText('The server cannot be reached. Trying again…')
    await gone.waitFor()
    assert.deepEqual(await axeViolations(page), [])
    await using back = await openTestApp({ page: true })
    await back.app.listen({ host: '127.0.0.1', port: Number(new URL(url).port) })
    await gone.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Try again' }).click()
    assert.equal(await answerOf(page, 1), 'hello')
  })

  it('works where browsers keep things for https alone: in a house, by an address', async () => {
    await using app = await openTestApp({ page: true })
    await using session = await visit(browser, await app.listen())
    const { page } = session
    // What a page by plain http is not given.
    await page.addInitScript(
      'delete Crypto.prototype.randomUUID; delete Navigator.prototype.clipboard; delete Navigator.prototype.locks',
    )
    await page.reload()
    assert.equal(
      await page.evaluate('typeof crypto.randomUUID + typeof navigator.clipboard'),
      'undefinedundefined',
    )
    await drop(page, [resolve(import.meta.dirname, '../../../docs/pictures/number-42.png')])
    await page.getByRole('button', { name: 'Remove number-42.png' }).click()
    assert.equal(await askOn(page, 'hello'), 'hello')
    await page.reload()
    assert.equal(await answerOf(page, 1), 'hello')
  })

  it('asks the model that is chosen, after a reload too', async () => {
    await using app = await openTestApp({ page: true })
    await using session = await visit(browser, await app.listen())
    const { page } = session
    const picker = page.getByRole('combobox', { name: 'Model' })
    assert.deepEqual(await picker.locator('option').allTextContents(), [
      'echo (pictures)',
      'nvidia/echo-7b (pictures)',
    ])
    await picker.selectOption('nvidia/echo-7b')
    await page.reload()
    await askOn(page, 'hello')
    assert.equal(app.service.requests.at(-1)!.model, 'nvidia/echo-7b')
  })

  it('does not take what the model does not, and says why', async () => {
    await using app = await openTestApp({ page: true })
    await using session = await visit(browser, await app.listen())
    const { page } = session
    // It reads text and pictures.
    await drop(page, [resolve(import.meta.dirname, '../../../docs/pictures/rising-tone.wav')])
    await page.getByRole('alert').getByText('rising-tone.wav: echo does not take sound.').waitFor()
    assert.equal(await page.getByRole('list', { name: 'Files of the question' }).count(), 0)
    // What nobody takes is not offered either.
    assert.equal(await page.getByRole('button', { name: 'what do you hear?' }).count(), 0)
  })

  it('shows what a model says as text, whatever it says', async () => {
    await using app = await openTestApp({ page: true })
    await using session = await visit(browser, await app.listen())
    const { page } = session
    const hostile =
      '<img src=x onerror=alert(1)> <script>alert(2)</script> [a](javascript:alert(3)) **bold** `code`'
    const answer = await askOn(page, hostile)
    assert.equal(
      answer,
      '<img src=x onerror=alert(1)> <script>alert(2)</script> [a](javascript:alert(3)) bold code',
    )
    const prose = page.locator('.answer .prose')
    assert.equal(await prose.locator('img, script, a').count(), 0)
    assert.equal(await prose.locator('strong').textContent(), 'bold')
    assert.equal(await prose.locator('code').textContent(), 'code')
  })
})
