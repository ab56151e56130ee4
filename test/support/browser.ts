/** The page in Debian's Chromium, without a screen, by Playwright. Whatever a browser complains about fails the test. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, delimiter, extname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Browser, chromium, type Page, type Request } from 'playwright-core'
import { dropFiles, isDropKept, pasteCells, pasteFiles, runAxe, transferOf } from './in-page.js'

const CHROMIUM = await findChromium()

/** Why tests that need a browser are skipped; false where it is there. */
export const NO_CHROMIUM: string | false = CHROMIUM ? false : 'chromium is not installed'

/** Other load on the machine may slow everything down; no test asserts how fast it is. */
const PATIENCE_MS = 60_000

export interface Visit extends AsyncDisposable {
  readonly page: Page
  /** What the page asked for, in order. */
  readonly requests: readonly Request[]
  /** Bytes of all responses so far, heads included, as they came over the wire. */
  transferred(): Promise<number>
  /** What went wrong in the browser so far: console errors, exceptions, requests to elsewhere. */
  readonly problems: string[]
}

export interface VisitOptions {
  readonly width?: number
  readonly height?: number
  readonly colorScheme?: 'dark' | 'light'
  /** The browser's zoom: 4 is 400 %, with a quarter of the pixels of CSS in each direction. */
  readonly zoom?: number
  /** A finger instead of a mouse. */
  readonly hasTouch?: boolean
  /** Complaints that are part of the test, such as an answer of 401. */
  readonly expected?: RegExp
}

export function openBrowser(): Promise<Browser> {
  // Chromium's sandbox refuses root, which tests in containers are.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return chromium.launch({ executablePath: CHROMIUM!, args })
}

/** A first visit, with storage of its own. When it is disposed of, it fails for whatever went wrong in the browser. */
export async function visit(
  browser: Browser,
  url: string,
  options: VisitOptions = {},
): Promise<Visit> {
  const { width = 1200, height = 850, zoom = 1, colorScheme = 'light', hasTouch = false } = options
  const viewport = { width: width / zoom, height: height / zoom }
  const context = await browser.newContext({
    ...{ viewport, deviceScaleFactor: zoom, colorScheme, hasTouch },
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  context.setDefaultTimeout(PATIENCE_MS)
  const page = await context.newPage()
  const problems: string[] = []
  const requests: Request[] = []
  const complain = (what: string) => {
    if (!options.expected?.test(what)) problems.push(what)
  }
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complain(message.text())
  })
  page.on('pageerror', (error) => complain(`exception: ${error.message}`))
  page.on('request', (request) => {
    requests.push(request)
    const at = request.url()
    if (!/^(blob|data):/.test(at) && !at.startsWith(url)) complain(`asks elsewhere: ${at}`)
  })
  await page.goto(url)
  await page.getByRole('form', { name: /^(Question|API key)$/ }).waitFor()
  return {
    page,
    requests,
    problems,
    async transferred() {
      const sizes = requests.map(async (request) => {
        const response = await request.response()
        if (!response || /^(blob|data):/.test(request.url())) return 0
        const { responseBodySize, responseHeadersSize } = await request.sizes()
        return responseBodySize + responseHeadersSize
      })
      return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0)
    },
    async [Symbol.asyncDispose]() {
      await context.close()
      assert.deepEqual(problems, [], 'the browser complained')
    },
  }
}

/** Drops files onto the page, as from a file manager. */
export async function drop(page: Page, files: readonly string[]): Promise<void> {
  await page.evaluate(dropFiles, await page.evaluateHandle(transferOf, readAll(files)))
}

/** Drops what lies at these paths, folders too, as a file manager does: the browser itself reads them. */
export async function dropPaths(page: Page, paths: readonly string[]): Promise<void> {
  const devtools = await page.context().newCDPSession(page)
  const data = { items: [], files: [...paths], dragOperationsMask: 1 }
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await devtools.send('Input.dispatchDragEvent', { type, x: 300, y: 300, data })
  await devtools.detach()
}

/** Pastes files, as after a screenshot. */
export async function paste(page: Page, files: readonly string[]): Promise<void> {
  await page.evaluate(pasteFiles, await page.evaluateHandle(transferOf, readAll(files)))
}

/** Pastes cells of a table into the field that has the focus; whether the browser is left to take their words. */
export async function pasteTable(page: Page, picture: string): Promise<boolean> {
  const data = await page.evaluateHandle(transferOf, readAll([picture]))
  return page.evaluate(pasteCells, data)
}

/** Whether the browser does not leave the page for a file that is dropped there. */
export async function isKeptAt(page: Page, selector: string, file: string): Promise<boolean> {
  const dataTransfer = await page.evaluateHandle(transferOf, readAll([file]))
  return page.evaluate(isDropKept, { selector, dataTransfer })
}

function readAll(files: readonly string[]) {
  return files.map((path) => ({
    name: basename(path),
    type: TYPES[extname(path)] ?? '',
    base64: readFileSync(path, 'base64'),
  }))
}

const TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.wav': 'audio/wav',
  '.mp4': 'video/mp4',
  '.jsonl': 'application/jsonl',
}

/** Complaints about requests that a page leaves behind as it goes. */
export const LEFT = /ERR_|the server responded with a status of/

export const question = (page: Page) => page.getByRole('textbox', { name: 'Your question' })

/** Writes a question and sends it. */
export async function ask(page: Page, words: string): Promise<void> {
  await question(page).fill(words)
  await page.keyboard.press('Enter')
}

/** What was asked in the conversation that is shown. */
export const turns = (page: Page) => page.locator('.bubble').allTextContents()

/** A machine that is busy is slow; what never comes fails by name. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (!(await isSo())) {
    assert.ok(Date.now() < end, `never: ${isSo}`)
    await delay(20)
  }
}

/** Waits for the turns to be these: what is kept is read a moment after it was asked for. */
export async function untilTurns(page: Page, expected: readonly string[]): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  let shown = await turns(page)
  while (shown.join('\n') !== expected.join('\n') && Date.now() < end) {
    await delay(20)
    shown = await turns(page)
  }
  assert.deepEqual(shown, expected)
}

/** Writes a question, sends it, and waits for the end of its answer; gives the answer's words. */
export async function askOn(page: Page, question: string): Promise<string> {
  const turns = await page.getByRole('article').count()
  await page.getByRole('textbox', { name: 'Your question' }).fill(question)
  await page.getByRole('button', { name: 'Send' }).click()
  return answerOf(page, turns + 1)
}

/** The words of a turn's answer once it has ended. */
export async function answerOf(page: Page, turn: number): Promise<string> {
  const article = page.getByRole('article', { name: `Turn ${turn}`, exact: true })
  await article.locator('.answer-foot').waitFor()
  return ((await article.locator('.prose').first().textContent()) ?? '').trim()
}

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/**
 * What axe-core has to say against the page as it is now: rule and elements. All of its rules, best practices too, but for those
 * that are off by themselves and not among `more`.
 */
export async function axeViolations(page: Page, ...more: string[]): Promise<string[]> {
  await page.evaluate(readFileSync(AXE, 'utf8'))
  return page.evaluate(runAxe, more)
}

async function findChromium(): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
      const path = join(folder, name)
      const isThere = await access(path).then(
        () => true,
        () => false,
      )
      if (isThere) return path
    }
  }
  return undefined
}
