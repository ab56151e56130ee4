/** Takes the pictures of docs/playground.md of the page itself: `npm run pictures`, with Chromium and ffmpeg. */
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import {
  answerOf,
  askOn,
  drop,
  openBrowser,
  type VisitOptions,
  visit,
} from '../../test/support/browser.ts'
import { startTestServer } from '../../test/support/server.ts'

const picture = (name: string) => fileURLToPath(new URL(`../pictures/${name}`, import.meta.url))
const EAGLE = fileURLToPath(
  new URL('../../test/fixtures/eagle2/eagle2.5-variant-select-layer/checkpoint', import.meta.url),
)

type Session = Awaited<ReturnType<typeof visit>>['page']

await using cleanup = new AsyncDisposableStack()
const browser = await openBrowser()
cleanup.defer(() => browser.close())
const starter = await startTestServer()
cleanup.defer(() => starter.close())

await take(starter.url, 'asked.png', { width: 1180, height: 1000 }, async (page) => {
  await drop(page, [picture('house-tree-car.jpg')])
  await askOn(page, 'describe the picture.')
})
await take(
  starter.url,
  'clip-dark.png',
  { width: 1180, height: 1000, colorScheme: 'dark' },
  async (page) => {
    await page.getByRole('button', { name: 'Settings' }).click()
    await page.getByRole('spinbutton', { name: 'Frames at most' }).fill('6')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'what is in the picture?' }).click()
    await answerOf(page, 1)
    await page.locator('.frames img').nth(5).waitFor()
    await page.waitForFunction("document.querySelector('.clip-seen video').readyState > 2")
  },
)
await take(starter.url, 'phone.png', { width: 390, height: 800, hasTouch: true }, async (page) => {
  await page.getByRole('button', { name: 'what color is the circle?' }).click()
  await answerOf(page, 1)
})
await take(
  starter.url,
  'phone-dark.png',
  { width: 390, height: 800, hasTouch: true, colorScheme: 'dark' },
  async () => undefined,
)
await take(starter.url, 'batches.png', { width: 1180, height: 620 }, async (page) => {
  await page.getByRole('link', { name: 'Batches' }).click()
  await page.getByRole('button', { name: 'Run six example questions' }).click()
  await page.locator('.batch.is-completed').first().waitFor()
})
const TOOL = {
  type: 'function',
  function: {
    ...{ name: 'count_shapes', strict: true },
    parameters: {
      type: 'object',
      properties: { shape: { enum: ['circle', 'square', 'star'] } },
      ...{ required: ['shape'], additionalProperties: false },
    },
  },
}
await take(starter.url, 'tools.png', { width: 1180, height: 760 }, async (page) => {
  await page.getByRole('button', { name: 'Settings' }).click()
  const field = page.getByRole('textbox', { name: 'A list of tools, as in a request' })
  await field.fill(JSON.stringify([TOOL]))
  await page.getByText('at least one', { exact: true }).click()
  await page.keyboard.press('Escape')
  await drop(page, [picture('red-circle-blue-square.png')])
  await page.getByRole('textbox', { name: 'Your question' }).fill('how many shapes are there?')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Send to the model' }).waitFor()
  await page.getByRole('button', { name: 'What the model saw' }).click()
})
await take(starter.url, 'conversations.png', { width: 1180, height: 620 }, async (page) => {
  await page.getByRole('button', { name: 'what color is the circle?' }).click()
  await answerOf(page, 1)
  await page.getByRole('button', { name: 'New conversation' }).click()
  await page.getByRole('button', { name: 'how many stars are there?' }).click()
  await answerOf(page, 1)
  await page.getByRole('button', { name: 'Conversations' }).click()
  await page
    .getByRole('button', { name: /^Rename/ })
    .first()
    .click()
})
const tiling = await startTestServer({ model: EAGLE })
cleanup.defer(() => tiling.close())
await take(
  tiling.url,
  'tiles.png',
  { width: 900, height: 800 },
  async (page) => {
    await drop(page, [picture('three-stars.jpg')])
    await askOn(page, 'how many stars?')
  },
  '.picture-seen',
)

/** `part` alone, if that is given; else the whole window. */
async function take(
  url: string,
  name: string,
  options: VisitOptions,
  go: (page: Session) => Promise<void>,
  part?: string,
): Promise<void> {
  await using session = await visit(browser, url, options)
  const { page } = session
  await page.emulateMedia({ reducedMotion: 'reduce' })
  await go(page)
  await page.waitForLoadState('networkidle')
  const png = await (part === undefined ? page.screenshot() : page.locator(part).screenshot())
  const small = sharp(png).png({ palette: true, colours: 128, effort: 10 })
  await small.toFile(fileURLToPath(new URL(name, import.meta.url)))
  process.stdout.write(`docs/playground/${name}\n`)
}
