/** Batches on the page, from the file to the results, on a whole server with the starter. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import type { RunningServer } from '../../../src/main.ts'
import { NO_CHROMIUM, openBrowser, visit } from '../../support/browser.ts'
import { pictureUri, startTestServer } from '../../support/server.ts'

describe('batches on the page', { skip: NO_CHROMIUM }, () => {
  let server: RunningServer
  let browser: Browser
  let folder: string
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'aerie-batch-'))
    server = await startTestServer()
    browser = await openBrowser()
  })
  after(async () => {
    await browser?.close()
    await server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const open = async (page: Page) => {
    await page.getByRole('link', { name: 'Batches' }).click()
    await page.getByRole('heading', { name: 'Batches' }).waitFor()
  }
  const upload = async (page: Page, lines: readonly unknown[], name = 'lines.jsonl') => {
    const file = join(folder, name)
    writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    const chosen = page.waitForEvent('filechooser')
    await page.getByRole('button', { name: 'Choose a .jsonl file' }).click()
    await (await chosen).setFiles(file)
  }
  const line = (id: string, content: unknown, more: object = {}) => ({
    ...{ custom_id: id, method: 'POST', url: '/v1/chat/completions' },
    body: { model: 'starter', messages: [{ role: 'user', content }], ...more },
  })
  const fetchFile = async (page: Page, button: string) => {
    const download = page.waitForEvent('download')
    await page.locator('.batch').first().getByRole('button', { name: button }).click()
    const file = await download
    const text = readFileSync(await file.path(), 'utf8')
    return {
      name: file.suggestedFilename(),
      lines: text
        .trim()
        .split('\n')
        .map((json) => JSON.parse(json)),
    }
  }

  it('runs a file: upload, progress, results and errors', async () => {
    await using session = await visit(browser, server.url)
    const { page } = session
    await open(page)
    await page.getByText('No batches yet.').waitFor()
    const image = {
      type: 'image_url',
      image_url: { url: await pictureUri('red-circle-blue-square.png') },
    }
    const text = (words: string) => ({ type: 'text', text: words })
    await upload(page, [
      line('circle', [image, text('what color is the circle?')]),
      line('square', [image, text('what color is the square?')]),
      line('broken', 'hello', { temperature: 9 }),
    ])
    const batch = page.locator('.batch').first()
    await batch.getByText('done', { exact: true }).waitFor()
    await batch.getByText('3 of 3, 1 failed').waitFor()
    const progress = batch.getByRole('progressbar', { name: 'Requests that are done' })
    assert.equal(await progress.getAttribute('value'), '3')
    const results = await fetchFile(page, 'Results')
    assert.match(results.name, /^batch_[0-9a-f]+-results\.jsonl$/)
    assert.deepEqual(
      results.lines.map(({ custom_id, response }) => [
        custom_id,
        response.body.choices[0].message.content,
      ]),
      [
        ['circle', 'red'],
        ['square', 'blue'],
      ],
    )
    const errors = await fetchFile(page, 'Errors')
    assert.deepEqual(
      errors.lines.map(({ custom_id, response }) => [custom_id, response.status_code]),
      [['broken', 400]],
    )
  })

  it('shows what is wrong with a file', async () => {
    await using session = await visit(browser, server.url)
    const { page } = session
    await open(page)
    await upload(page, ['no request at all'])
    await page
      .getByRole('alert')
      .getByText(/has no url/)
      .waitFor()
    await upload(page, [line('twice', 'a'), line('twice', 'b')])
    const batch = page.locator('.batch.is-failed').first()
    await batch.getByText(/^Line 2: /).waitFor()
    assert.equal(await batch.getByRole('button', { name: 'Results' }).count(), 0)
  })

  it('cancels one that runs, which keeps what it has', async () => {
    await using session = await visit(browser, server.url)
    const { page } = session
    await open(page)
    const words = 'red blue '.repeat(50)
    await upload(
      page,
      Array.from({ length: 400 }, (_, i) => line(`${i}`, `${i} ${words}`)),
    )
    const batch = page.locator('.batch').first()
    await batch.getByText('running', { exact: true }).waitFor()
    await batch.getByRole('button', { name: 'Cancel' }).click()
    await batch.getByText('cancelled', { exact: true }).waitFor()
    assert.equal(await batch.getByRole('button', { name: 'Cancel' }).count(), 0)
    await batch.getByRole('button', { name: 'Errors' }).waitFor()
  })

  it('runs the example with one click, and every answer is right', async () => {
    await using session = await visit(browser, server.url)
    const { page } = session
    await open(page)
    await page.getByRole('button', { name: 'Run six example questions' }).click()
    const batch = page.locator('.batch').first()
    await batch.getByText('6 of 6').waitFor()
    await batch.getByText('done', { exact: true }).waitFor()
    const { lines } = await fetchFile(page, 'Results')
    const answers = lines.map(({ response }) => response.body.choices[0].message.content)
    for (const [i, right] of [/^red$/, /^no/, /3|three/, /cafe/i, /^purple$/, /^orange$/].entries())
      assert.match(answers[i], right)
  })
})
