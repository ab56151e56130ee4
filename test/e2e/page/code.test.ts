/** Turns copied as programs, beyond questions about a picture: they are run, and give what the page shows. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import {
  answerOf,
  askOn,
  drop,
  NO_CHROMIUM,
  openBrowser,
  paste,
  visit,
} from '../../support/browser.ts'
import { openTestApp } from '../../support/http-app.ts'
import { clipboardText } from '../../support/in-page.js'
import { call, finish, ScriptedChat, text } from '../../support/scripted-chat.ts'
import { startTestServer } from '../../support/server.ts'
import { SPEECH_WAV, TINY_WHISPER } from '../../support/speech-fixture.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const picture = (name: string) => join(ROOT, 'docs/pictures', name)

const run = promisify(execFile)

const NO_OPENAI = await run('python3', ['-c', 'import openai']).then(
  () => false,
  () => 'python3 does not have the package openai',
)

const TOOL = { type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }

describe('a turn as a program', { skip: NO_CHROMIUM, timeout: 300_000 }, () => {
  let browser: Browser
  let folder: string
  before(async () => {
    browser = await openBrowser()
    folder = mkdtempSync(join(tmpdir(), 'aerie-code-'))
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  })
  after(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** What each language's program prints. */
  const programs: Readonly<Record<string, (code: string) => Promise<string>>> = {
    curl: async (code) => (await run('sh', ['-c', code], { cwd: folder })).stdout,
    JavaScript: async (code) => {
      writeFileSync(join(folder, 'ask.mjs'), code)
      return (await run(process.execPath, ['ask.mjs'], { cwd: folder })).stdout
    },
    ...(!NO_OPENAI && {
      Python: async (code) => {
        writeFileSync(join(folder, 'ask.py'), code)
        return (await run('python3', ['ask.py'], { cwd: folder })).stdout
      },
    }),
  }

  it('reads each file by a name of its own, though all were pasted by one, and saves them', async () => {
    await using server = await serving()
    await using session = await visit(browser, server.url)
    const { page } = session
    for (const name of ['red-circle-blue-square.png', 'purple-heart.png']) {
      const path = join(folder, `pasted-${name}`, 'image.png')
      mkdirSync(dirname(path))
      writeFileSync(path, readFileSync(picture(name)))
      await paste(page, [path])
    }
    // The first one once more is the same file.
    await paste(page, [join(folder, 'pasted-red-circle-blue-square.png', 'image.png')])
    const answer = await askOn(page, 'what color is the heart?')
    const dialog = await openCode(page)
    const links = dialog.locator('a[download]')
    assert.deepEqual(await links.allTextContents(), ['image.png', 'image-2.png'])
    for (const link of await links.all()) {
      const saving = page.waitForEvent('download')
      await link.click()
      const file = await saving
      await file.saveAs(join(folder, file.suggestedFilename()))
    }
    assert.deepEqual(
      readFileSync(join(folder, 'image-2.png')),
      readFileSync(picture('purple-heart.png')),
    )
    await page.keyboard.press('Escape')
    for (const language of ['JavaScript', 'Python'])
      assert.equal(
        (await programs[language]?.(await copied(page, language, 'image-2.png')))?.trim() ?? answer,
        answer,
      )
    const events = await programs['curl']!(await copied(page, 'curl', 'image-2.png'))
    const words = events
      .split('\n')
      .filter((line) => line.startsWith('data: {'))
      .map((line) => JSON.parse(line.slice(6)).choices[0]?.delta.content ?? '')
    assert.equal(words.join(''), answer)
  })

  it('prints the calls of tools', async () => {
    const chat = new ScriptedChat([
      text('Let me see.'),
      ...call(0, 'call_a', 'weather', '{"town":', '"Rome"}'),
      ...call(1, 'call_b', 'weather', '{"town":"Oslo"}'),
      finish('tool-calls'),
    ])
    await using app = await openTestApp({ page: true, chat })
    await using session = await visit(browser, await app.listen())
    const { page } = session
    await page.getByRole('button', { name: 'Settings' }).click()
    const tools = page.getByRole('textbox', { name: 'A list of tools, as in a request' })
    await tools.fill(JSON.stringify([TOOL]))
    await page.keyboard.press('Escape')
    await askOn(page, 'how is the weather?')
    for (const language of ['JavaScript', 'Python']) {
      const printed = await programs[language]?.(await copied(page, language, 'tool_calls'))
      if (printed === undefined) continue
      assert.equal(
        printed,
        'Let me see.\nweather {"town":"Rome"}\nweather {"town":"Oslo"}\n',
        language,
      )
    }
  })

  it('writes down a sound', async () => {
    await using server = await serving({ model: TINY_WHISPER, threads: 1 })
    await using session = await visit(browser, server.url)
    const { page } = session
    // Nothing of it may mean anything to a shell, to curl's forms, or to a program.
    const path = join(folder, `it's "so", ;type=x $(y).wav`)
    writeFileSync(path, readFileSync(SPEECH_WAV))
    await drop(page, [path, SPEECH_WAV])
    // The route takes one; a second would not be heard.
    await page.getByRole('button', { name: 'Send' }).click({ force: true })
    await page.getByText('One sound or clip at a time: remove the others first').waitFor()
    await page.getByRole('button', { name: 'Remove speech.wav' }).click()
    await page.getByRole('button', { name: 'Send' }).click()
    const answer = await answerOf(page, 1)
    assert.notEqual(answer, '')
    for (const media of ['as files', 'as data'])
      for (const [language, program] of Object.entries(programs)) {
        const printed = await program(await copied(page, language, 'verbose_json', media))
        const words = language === 'curl' ? JSON.parse(printed).text : printed
        assert.equal(words.trim(), answer, `${language} ${media}`)
      }
  })

  it('compares pictures', async () => {
    const model = join(ROOT, 'test/fixtures/radio/radio-v25-norm-adaptors/checkpoint')
    await using server = await serving({ model, maxPatches: 64 })
    await using session = await visit(browser, server.url)
    const { page } = session
    const inputs = [picture('three-stars.jpg'), picture('purple-heart.png')]
    for (const path of inputs) writeFileSync(join(folder, basename(path)), readFileSync(path))
    await drop(page, inputs)
    await page.getByRole('button', { name: 'Send' }).click()
    await page.locator('.likeness table').waitFor()
    const shown = await page.locator('.likeness tbody td').allTextContents()
    for (const media of ['as files', 'as data'])
      for (const [language, program] of Object.entries(programs)) {
        const printed = await program(await copied(page, language, 'embeddings', media))
        if (language === 'curl') assert.equal(JSON.parse(printed).data.length, 2)
        else assert.deepEqual(printed.trim().split(/\s+/), shown, `${language} ${media}`)
      }
  })

  it('is of the model that has answered, and says what is wrong where the settings make no request', async () => {
    await using app = await openTestApp({ page: true })
    await using session = await visit(browser, await app.listen())
    const { page } = session
    await askOn(page, 'one two')
    await page.getByRole('combobox', { name: 'Model' }).selectOption({ index: 1 })
    assert.match(await copied(page, 'curl', 'one two'), /"model":"echo"/)
    await page.getByRole('button', { name: 'Settings' }).click()
    await page.getByText('JSON of a schema', { exact: true }).click()
    await page.getByRole('textbox', { name: 'JSON Schema' }).fill('{')
    await page.keyboard.press('Escape')
    const dialog = await openCode(page)
    await dialog.getByText('The schema of answers in the settings is not JSON').waitFor()
    assert.equal(await dialog.getByRole('button', { name: 'Copy the code' }).count(), 0)
  })
})

async function serving(options?: Parameters<typeof startTestServer>[0]) {
  const server = await startTestServer(options)
  return { url: server.url, [Symbol.asyncDispose]: () => server.close() }
}

async function openCode(page: Page) {
  await page.getByRole('button', { name: 'Copy the request as code' }).click()
  return page.getByRole('dialog', { name: 'The request as code' })
}

/** The program as it is copied, once it is the one that was chosen. */
async function copied(page: Page, language: string, marker: string, media?: string) {
  const dialog = await openCode(page)
  await dialog.getByText(language, { exact: true }).click()
  if (media !== undefined) await dialog.getByText(media, { exact: true }).click()
  const isData = media === 'as data'
  const own = { curl: 'curl -s', JavaScript: 'new OpenAI', Python: 'from openai' }[language]!
  // What comes after much of data is not shown.
  const signs = isData && language === 'curl' ? ['printf %s '] : [own, marker]
  const program = signs.reduce((pre, hasText) => pre.filter({ hasText }), dialog.locator('pre'))
  const hasNotText = /base64 <|readFileSync|createReadStream|open\(|file=@"/
  await (isData ? program.filter({ hasNotText }) : program).waitFor()
  await dialog.getByRole('button', { name: 'Copy the code' }).click()
  await page.keyboard.press('Escape')
  return page.evaluate(clipboardText)
}
