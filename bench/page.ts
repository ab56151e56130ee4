/**
 * First visits to the page of a server with the starter, each with a browser cache of its own: `node bin/node.js bench/page.ts [visits]`.
 * Prints bytes over the wire and the first contentful paint of each, and fails unless the best paints within a second and none
 * transfers 300 kB.
 */
import { cpus } from 'node:os'
import { openBrowser, visit } from '../test/support/browser.ts'
import { firstPaint } from '../test/support/in-page.js'
import { startTestServer } from '../test/support/server.ts'

const MOST_MS = 1000
const MOST_BYTES = 300_000

const visits = Number(process.argv[2] ?? 5)
const server = await startTestServer()
const browser = await openBrowser()
const paints: number[] = []
const sizes: number[] = []
try {
  for (let i = 1; i <= visits; i++) {
    await using session = await visit(browser, server.url)
    await session.page.waitForLoadState('networkidle')
    const paint = await session.page.evaluate(firstPaint)
    if (paint === undefined) throw new Error('nothing was painted')
    const bytes = await session.transferred()
    paints.push(paint)
    sizes.push(bytes)
    const what = `${session.requests.length} requests, ${(bytes / 1000).toFixed(1)} kB`
    console.log(`visit ${i}: first contentful paint after ${paint.toFixed(0)} ms; ${what}`)
  }
} finally {
  await browser.close()
  await server.close()
}
const [best, largest] = [Math.min(...paints), Math.max(...sizes)]
console.log(
  `best of ${visits}: ${best.toFixed(0)} ms (at most ${MOST_MS}); most bytes ${largest} (less than ${MOST_BYTES}); ${cpus()[0]?.model}, ${cpus().length} cores`,
)
if (best > MOST_MS || largest >= MOST_BYTES) process.exitCode = 1
