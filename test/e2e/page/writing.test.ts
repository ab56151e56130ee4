/** Writing on the page: fields of settings, turns that are edited and deleted, what is pasted, dropped and copied. */
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import {
  answerOf,
  ask,
  askOn,
  axeViolations,
  isKeptAt,
  NO_CHROMIUM,
  openBrowser,
  pasteTable,
  question,
  untilTurns,
  visit,
} from '../../support/browser.ts'
import { openTestApp, type TestApp } from '../../support/http-app.ts'
import { focused, forbidCopying } from '../../support/in-page.js'
import { call, finish, ScriptedChat, text } from '../../support/scripted-chat.ts'

const SHAPES = resolve(import.meta.dirname, '../../../docs/pictures/red-circle-blue-square.png')

/** The body of the next question. */
async function bodyOf(page: Page, words: string) {
  const asked = page.waitForRequest(/chat\/completions/)
  await ask(page, words)
  return (await asked).postDataJSON()
}

describe('writing on the page', { skip: NO_CHROMIUM, timeout: 300_000 }, () => {
  let browser: Browser
  let app: TestApp
  let url: string
  before(async () => {
    browser = await openBrowser()
    app = await openTestApp({ page: true })
    url = await app.listen()
  })
  after(async () => {
    await browser?.close()
    await app?.[Symbol.asyncDispose]()
  })

  it('sends what stands in the fields of the settings, and never the beginning of it', async () => {
    await using session = await visit(browser, url, { width: 360, height: 740 })
    const { page } = session
    const field = (name: string) => page.getByRole('spinbutton', { name })
    const type = async (name: string, keys: string) => {
      await field(name).click()
      await page.keyboard.press('Control+A')
      await page.keyboard.type(keys)
    }
    await page.getByRole('button', { name: 'Settings' }).click()
    await type('Temperature', '0.75')
    await type('Most tokens', '1.5')
    await page.getByText(/^Not sent: whole numbers from 1 to /).waitFor()
    await type('Top p', '15')
    await page.getByText('Not sent: numbers from 0 to 1', { exact: true }).waitFor()
    assert.equal(await field('Top p').inputValue(), '15')
    assert.deepEqual(await axeViolations(page), [])
    await page.keyboard.press('Escape')
    const { temperature, top_p, max_completion_tokens } = await bodyOf(page, 'one')
    assert.deepEqual([temperature, top_p, max_completion_tokens], [0.75, undefined, undefined])
    await answerOf(page, 1)
    await page.getByRole('button', { name: 'Settings' }).click()
    assert.equal(await field('Temperature').inputValue(), '0.75')
    assert.equal(await field('Top p').inputValue(), '')
    await type('Top p', '3')
    await page.getByRole('button', { name: 'Reset all settings' }).click()
    assert.equal(await page.getByText(/^Not sent/).count(), 0)
    assert.equal(await field('Temperature').inputValue(), '')
    assert.equal(await field('Top p').inputValue(), '')
  })

  it('invites to what the model takes, and says in what state it is', async () => {
    await using session = await visit(browser, url)
    const { page } = session
    await page.getByText('Drop or paste pictures and documents anywhere on this page.').waitFor()
    await page.route('**/v1/models', async (route) => {
      const { data, ...list } = await (await route.fetch()).json()
      const [first] = data
      const status = { ...first.aerie.status, state: 'failed', reason: 'a tensor is missing' }
      const aerie = { ...first.aerie, input_modalities: ['text'], status }
      await route.fulfill({ json: { ...list, data: [{ ...first, aerie }] } })
    })
    await page.reload()
    await page.getByRole('heading', { name: 'Ask it something.' }).waitFor()
    await page.getByText('Drop or paste documents anywhere on this page.').waitFor()
    await page.getByText('echo: Reads text and documents.').waitFor()
    await page.getByText('echo: failed: a tensor is missing.').waitFor()
  })

  it('asks an example once, however often it is clicked', async () => {
    await using session = await visit(browser, url)
    const { page } = session
    await page.getByRole('button', { name: 'describe the picture.' }).dblclick()
    await answerOf(page, 1)
    assert.equal(await page.getByRole('article').count(), 1)
  })

  it('edits a turn as a question is written, and keeps the place of the keyboard', async () => {
    await using session = await visit(browser, url)
    const { page } = session
    await askOn(page, 'one')
    const edit = page.getByRole('button', { name: 'Edit and ask again' })
    const field = page.getByRole('textbox', { name: 'The question' })
    await edit.focus()
    await page.keyboard.press('Enter')
    await field.waitFor()
    await page.keyboard.press('Escape')
    assert.match(await page.evaluate(focused), /^button Edit and ask again/)
    await page.keyboard.press('Enter')
    // A question without words is none.
    await field.fill('  ')
    await page.keyboard.press('Enter')
    assert.ok(await page.getByRole('button', { name: 'Ask again' }).first().isDisabled())
    await field.fill('two')
    await page.keyboard.press('Shift+Enter')
    await page.keyboard.type('three')
    await page.keyboard.press('Enter')
    await untilTurns(page, ['two\nthree'])
    assert.equal(await answerOf(page, 1), 'two\nthree')
    assert.match(await page.evaluate(focused), /^button Edit and ask again/)
    await page.getByRole('button', { name: 'Delete this turn' }).focus()
    await page.keyboard.press('Enter')
    await untilTurns(page, [])
    assert.match(await page.evaluate(focused), /^textarea Your question/)
  })

  it('keeps the place of the keyboard in the list of conversations', async () => {
    await using session = await visit(browser, url)
    const { page } = session
    await askOn(page, 'one')
    await page.getByRole('button', { name: 'New conversation' }).click()
    await askOn(page, 'two')
    await page.getByRole('button', { name: 'Conversations' }).click()
    const press = async (name: string, ...keys: string[]) => {
      await page.getByRole('button', { name }).focus()
      for (const key of ['Enter', ...keys]) await page.keyboard.press(key)
    }
    await press('Rename one', 'u', 'n', 'o', 'Enter')
    await page.getByRole('button', { name: 'Rename uno' }).waitFor()
    assert.equal(await page.evaluate(focused), 'button Rename uno')
    await press('Rename uno', 'Escape')
    assert.equal(await page.evaluate(focused), 'button Rename uno')
    await press('Delete uno', 'Enter')
    assert.equal(await page.evaluate(focused), 'button Delete uno')
    await press('Delete uno', 'Tab', 'Enter')
    await page.getByRole('button', { name: 'Delete uno' }).waitFor({ state: 'detached' })
    assert.equal(await page.evaluate(focused), 'button New conversation')
  })

  it('takes the words of what comes as words and as a picture', async () => {
    await using session = await visit(browser, url)
    const { page } = session
    await question(page).focus()
    assert.equal(await pasteTable(page, SHAPES), true)
    assert.equal(await page.locator('.composer .attachment').count(), 0)
    // Where no words can stand, it is the picture.
    await page.getByRole('button', { name: 'Settings' }).focus()
    assert.equal(await pasteTable(page, SHAPES), false)
    await page.locator('.composer .attachment').waitFor()
  })

  it('is not left for a file that is dropped beside its place', async () => {
    await using session = await visit(browser, url)
    const { page } = session
    await page.getByRole('link', { name: 'Batches' }).click()
    for (const selector of ['.lines-drop', '.batches', 'header'])
      assert.equal(await isKeptAt(page, selector, SHAPES), true, selector)
  })

  it('says that nothing was copied where the browser forbids it, and offers nothing where there is nothing', async () => {
    await using session = await visit(browser, url, { expected: /status of 502/ })
    const { page } = session
    await askOn(page, 'one')
    await page.evaluate(forbidCopying)
    await page.getByRole('button', { name: 'Copy the answer' }).click()
    await page.getByText('The browser does not let this page copy').waitFor({ state: 'attached' })
    const proxy = { status: 502, contentType: 'text/html', body: '<h1>Bad Gateway</h1>' }
    await page.route(/chat\/completions/, (route) => route.fulfill(proxy))
    await ask(page, 'two')
    const turn = page.getByRole('article', { name: 'Turn 2' })
    await turn.getByText('The server behind this address does not answer.').waitFor()
    await turn.getByText('No reason was given, but status 502.').waitFor()
    assert.equal(await turn.getByRole('button', { name: 'Copy the answer' }).count(), 0)
  })

  it('never sends calls without what they gave, nor that without the calls', async () => {
    const calls = [...call(0, 'call_a', 'weather', '{}'), finish('tool-calls')]
    const chat = new ScriptedChat(
      [text('Let me see.'), ...calls],
      [text('Sunny.'), finish('stop')],
      [text('Let me see.'), ...calls],
      [finish('stop')],
      [text('Well.'), finish('stop')],
    )
    await using scripted = await openTestApp({ page: true, chat })
    await using session = await visit(browser, await scripted.listen())
    const { page } = session
    const give = async (turn: number) => {
      await page.getByRole('textbox', { name: 'What weather gives' }).fill('sun')
      await page.getByRole('button', { name: 'Send to the model' }).click()
      await page
        .getByRole('article', { name: `Turn ${turn}` })
        .locator('.answer-foot')
        .waitFor()
    }
    await askOn(page, 'how?')
    await give(2)
    // What the calls gave goes with them.
    await page.getByRole('button', { name: 'Delete this turn' }).first().click()
    await page.getByRole('article').waitFor({ state: 'detached' })
    await askOn(page, 'and how?')
    await give(2)
    await page.getByText('The model said nothing.').waitFor()
    const { messages } = await bodyOf(page, 'well?')
    assert.deepEqual(
      messages.map(({ role, tool_calls }: { role: string; tool_calls?: unknown }) => [
        role,
        tool_calls !== undefined,
      ]),
      [
        ['user', false],
        ['assistant', false],
        ['user', false],
      ],
    )
    assert.equal(await answerOf(page, 3), 'Well.')
  })
})
