/** Answers of every form: Markdown, JSON of a schema, calls of tools and what the tools gave. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import {
  answerOf,
  askOn,
  axeViolations,
  NO_CHROMIUM,
  openBrowser,
  visit,
} from '../../support/browser.ts'
import { openTestApp } from '../../support/http-app.ts'
import { clipboardText, directionOf, overflow } from '../../support/in-page.js'
import { call, finish, ScriptedChat, text } from '../../support/scripted-chat.ts'

const MARKDOWN = [
  ...['# Seen', '- a house', '  - red', '- a tree', '', '3. third', '', '| thing | colour |'],
  ...[
    '|---|---|',
    '| house | **red** |',
    '',
    '> said',
    '',
    '```js',
    `let a = '${'x'.repeat(300)}'`,
  ],
  ...['```', '', 'שלום עולם'],
].join('\n')

const TOOL = {
  type: 'function',
  function: {
    name: 'weather',
    parameters: { type: 'object', properties: { town: { type: 'string' } } },
  },
}

async function setJson(page: Page, field: string, value: string): Promise<void> {
  await page.getByRole('button', { name: 'Settings' }).click()
  if (field === 'JSON Schema') await page.getByText('JSON of a schema', { exact: true }).click()
  await page.getByRole('textbox', { name: field }).fill(value)
  await page.keyboard.press('Escape')
}

describe('answers on the page', { skip: NO_CHROMIUM }, () => {
  let browser: Browser
  before(async () => {
    browser = await openBrowser()
  })
  after(() => browser?.close())

  it('are drawn with lists, tables, quotes and code, each part in its own direction', async () => {
    await using app = await openTestApp({ page: true })
    await using session = await visit(browser, await app.listen(), { width: 360 })
    const { page } = session
    await askOn(page, MARKDOWN)
    const prose = page.locator('.answer .prose')
    assert.equal(await prose.locator('ul ul li').textContent(), 'red')
    assert.equal(await prose.locator('ol').getAttribute('start'), '3')
    assert.deepEqual(await prose.getByRole('columnheader').allTextContents(), ['thing', 'colour'])
    assert.equal(await prose.locator('td strong').textContent(), 'red')
    assert.equal(await prose.locator('blockquote').textContent(), 'said')
    const direction = (name: string) => prose.getByText(name).evaluate(directionOf)
    assert.equal(await direction('שלום עולם'), 'rtl')
    assert.equal(await direction('said'), 'ltr')
    // What is too wide scrolls in its own part.
    assert.equal(await page.evaluate(overflow), 0)
    await prose.getByRole('button', { name: 'Copy this code' }).click()
    assert.equal(await page.evaluate(clipboardText), `let a = '${'x'.repeat(300)}'`)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      assert.deepEqual(await axeViolations(page), [])
    }
  })

  it('call tools, whose results a person gives', async () => {
    const chat = new ScriptedChat(
      [
        text('Let me see.'),
        ...call(0, 'call_a', 'weather', '{"town":', '"Rome"}'),
        ...call(1, 'call_b', 'weather', '{"town":"Oslo"}'),
        finish('tool-calls'),
      ],
      [text('Sunny in Rome.'), finish('stop')],
    )
    await using app = await openTestApp({ page: true, chat })
    await using session = await visit(browser, await app.listen())
    const { page } = session
    await setJson(page, 'A list of tools, as in a request', JSON.stringify([TOOL]))
    const asked = page.waitForRequest(/chat\/completions/)
    await askOn(page, 'how is the weather?')
    const first = (await asked).postDataJSON()
    assert.deepEqual([first.tools, first.tool_choice], [[TOOL], 'auto'])
    const calls = page.getByRole('list', { name: 'Calls of tools' })
    assert.deepEqual(
      (await calls.locator('pre').allTextContents()).map((json) => JSON.parse(json)),
      [{ town: 'Rome' }, { town: 'Oslo' }],
    )
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      assert.deepEqual(await axeViolations(page), [])
    }
    // Over a reload the calls wait for their results all the same.
    await page.reload()
    await page.getByRole('textbox', { name: 'What weather gives' }).first().fill('sunny')
    await page.getByRole('textbox', { name: 'What weather gives' }).last().fill('snow')
    const again = page.waitForRequest(/chat\/completions/)
    await page.getByRole('button', { name: 'Send to the model' }).click()
    const { messages } = (await again).postDataJSON()
    assert.deepEqual(messages.slice(1), [
      {
        role: 'assistant',
        content: 'Let me see.',
        tool_calls: [
          {
            ...{ id: 'call_a', type: 'function' },
            function: { name: 'weather', arguments: '{"town":"Rome"}' },
          },
          {
            ...{ id: 'call_b', type: 'function' },
            function: { name: 'weather', arguments: '{"town":"Oslo"}' },
          },
        ],
      },
      { role: 'tool', tool_call_id: 'call_a', content: 'sunny' },
      { role: 'tool', tool_call_id: 'call_b', content: 'snow' },
    ])
    assert.equal(await answerOf(page, 2), 'Sunny in Rome.')
    assert.equal(await page.getByRole('button', { name: 'Send to the model' }).count(), 0)
  })

  it('are JSON of a schema, which has to be JSON itself', async () => {
    const chat = new ScriptedChat([text('{"count":3}'), finish('stop')])
    await using app = await openTestApp({ page: true, chat })
    await using session = await visit(browser, await app.listen())
    const { page } = session
    await setJson(page, 'JSON Schema', '{"type": ')
    await page.getByRole('textbox', { name: 'Your question' }).fill('how many?')
    await page.keyboard.press('Enter')
    const refused = page.locator('.failure')
    await refused.getByText(/^The schema of answers in the settings is not JSON/).waitFor()
    await refused.getByText('response_format', { exact: true }).waitFor()
    assert.equal(chat.requests.length, 0)

    const schema = { type: 'object', properties: { count: { type: 'integer' } } }
    await setJson(page, 'JSON Schema', JSON.stringify(schema))
    const asked = page.waitForRequest(/chat\/completions/)
    await page.getByRole('button', { name: 'Try again' }).click()
    assert.deepEqual((await asked).postDataJSON().response_format, {
      type: 'json_schema',
      json_schema: { name: 'answer', strict: true, schema },
    })
    await page.getByText('"count": 3').waitFor()
    assert.equal(
      await page.locator('.answer .prose pre').textContent(),
      JSON.stringify({ count: 3 }, null, 2),
    )
  })
})
