/** Several models on the page: one that is loaded when it is asked, and an adapter. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { loadModelConfig } from '../../../models/load-config.ts'
import type { RunningServer } from '../../../src/main.ts'
import { CONFIG, randomAdapter, writeAdapter } from '../../support/adapters.ts'
import {
  answerOf,
  ask,
  askOn,
  axeViolations,
  NO_CHROMIUM,
  openBrowser,
  until,
  visit,
} from '../../support/browser.ts'
import { startTestServer } from '../../support/server.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const TINY = join(ROOT, 'test/fixtures/decoders/qwen2/checkpoint')

/** Models of random weights have no end. */
async function setMostTokens(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Settings' }).click()
  await page.getByRole('spinbutton', { name: 'Most tokens' }).fill('8')
  await page.keyboard.press('Escape')
}

describe('several models on the page', { skip: NO_CHROMIUM }, () => {
  let folder: string
  let server: RunningServer
  let browser: Browser
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'aerie-page-models-'))
    const { graphs } = await loadModelConfig(join(ROOT, 'models/starter'))
    const poet = join(folder, 'poet')
    writeAdapter(poet, randomAdapter(graphs.decoder!, { seed: 61, size: 0.25 }), {
      ...CONFIG,
      base_model_name_or_path: 'starter',
    })
    const starter = { model: 'starter', adapters: [`poet=${poet}`] }
    server = await startTestServer({ models: [starter, { model: TINY, name: 'tiny' }] })
    browser = await openBrowser()
  })
  after(async () => {
    await browser?.close()
    await server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('says that a model is loaded first, and no longer once it is', async () => {
    await using session = await visit(browser, server.url)
    const { page } = session
    const picker = page.getByRole('combobox', { name: 'Model' })
    const named = () => picker.locator('option').allTextContents()
    assert.deepEqual(await named(), [
      'starter (pictures, clips, sound)',
      'poet (pictures, clips, sound; adapter of starter)',
      'tiny (not loaded)',
    ])
    await picker.selectOption('tiny')
    await setMostTokens(page)
    const { promise: enough, resolve: goOn } = Promise.withResolvers<void>()
    await page.route('**/v1/chat/completions', (route) => enough.then(() => route.continue()))
    await ask(page, 'hello')
    await page.locator('.progress').getByText('tiny is loaded first').waitFor()
    assert.deepEqual(await axeViolations(page), [])
    goOn()
    await answerOf(page, 1)
    await until(async () => (await named()).at(-1) === 'tiny')
  })

  it('says which adapter has answered', async () => {
    await using session = await visit(browser, server.url)
    const { page } = session
    await page.getByRole('combobox', { name: 'Model' }).selectOption('poet')
    await setMostTokens(page)
    await askOn(page, 'what color is the circle?')
    await page.locator('.answer-figures').getByText('poet', { exact: true }).waitFor()
    await page
      .locator('.seen')
      .getByText(/With the adapter poet of rank \d+\./)
      .waitFor()
  })
})
