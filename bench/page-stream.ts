/**
 * A long answer as the page draws it while it comes: `node bin/node.js bench/page-stream.ts [tokens]`. Prints, of each quarter of the
 * answer, what the browser's main thread did for a thousand tokens, and the tasks during which nothing else could be done on the
 * page (50 ms or more). An answer whose words cost more the longer it gets shows in the last quarter.
 */
import { cpus } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { ChatEvent } from '../src/chat/contract.ts'
import { ask, openBrowser, visit } from '../test/support/browser.ts'
import { openTestApp } from '../test/support/http-app.ts'
import { longTasks, watchLongTasks } from '../test/support/in-page.js'
import { finish, ScriptedChat, text } from '../test/support/scripted-chat.ts'

const QUARTERS = 4
const tokens = Number(process.argv[2] ?? 5000)
const PER_QUARTER = Math.ceil(tokens / QUARTERS)
/** Of headings, paragraphs, lists, tables and code, about four characters a token. */
const PIECE = [
  '## What is *there*',
  'A **house** with a red roof, and a `tree` beside it, as far as can be told. '.repeat(4),
  '- a house\n- a tree\n  - with leaves\n- a car',
  '| thing | colour |\n|---|---|\n| house | red |\n| car | blue |',
  '```js\nconst seen = ["house", "tree"]\nconsole.log(seen.length)\n```',
].join('\n\n')
const answer = `${PIECE}\n\n`.repeat(Math.ceil((tokens * 4) / PIECE.length)).slice(0, tokens * 4)
const PAUSE_MS = 4
/** Until the page has drawn what came last. */
const SETTLED_MS = 1000

/** One quarter after the other, as it is told to go on. */
class Paced extends ScriptedChat {
  go = Promise.withResolvers<void>()
  come = Promise.withResolvers<void>()

  override async *complete(...args: Parameters<ScriptedChat['complete']>) {
    for await (const event of super.complete(...args)) {
      yield event
      if (event.type === 'start') yield* this.#words()
    }
  }

  async *#words(): AsyncGenerator<ChatEvent> {
    for (let i = 0; i < tokens; i++) {
      if (i % PER_QUARTER === 0) await this.#turn()
      await delay(PAUSE_MS)
      yield text(answer.slice(i * 4, i * 4 + 4))
    }
    this.come.resolve()
  }

  async #turn() {
    this.come.resolve()
    await this.go.promise
    this.go = Promise.withResolvers()
    this.come = Promise.withResolvers()
  }
}

const chat = new Paced([finish('stop')])
await using app = await openTestApp({ page: true, chat })
const browser = await openBrowser()
try {
  await using session = await visit(browser, await app.listen())
  const { page } = session
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('Performance.enable')
  await page.evaluate(watchLongTasks)
  await ask(page, 'what is there?')
  await delay(SETTLED_MS)
  let before = await measure()
  for (let i = 1; i <= QUARTERS; i++) {
    chat.go.resolve()
    await delay(SETTLED_MS)
    await chat.come.promise
    await delay(SETTLED_MS)
    const after = await measure()
    const per = (name: keyof typeof after) =>
      (((after[name] - before[name]) * 1000) / PER_QUARTER).toFixed(0)
    console.log(
      `quarter ${i}: of 1000 tokens, scripts ${per('script')} ms, style and layout ${per('layout')} ms, all tasks ${per('task')} ms`,
    )
    before = after
  }
  const long = await page.evaluate(longTasks)
  console.log(
    `${tokens} tokens, ${answer.length} characters: ${long.length} tasks of 50 ms or more, the longest ${Math.max(0, ...long).toFixed(0)} ms; ${cpus()[0]?.model}, ${cpus().length} cores`,
  )

  /** Milliseconds of the main thread since it began. */
  async function measure() {
    const { metrics } = await devtools.send('Performance.getMetrics')
    const of = (name: string) => (metrics.find((metric) => metric.name === name)?.value ?? 0) * 1000
    return {
      script: of('ScriptDuration'),
      layout: of('LayoutDuration') + of('RecalcStyleDuration'),
      task: of('TaskDuration'),
    }
  }
} finally {
  await browser.close()
}
