/**
 * Runs the tests: `node test/run.ts [--except path] [path…]`. Without a path all tiers, the fast ones first; a path is a
 * test file, a folder, or a part of a name; `--except`, which may come again, leaves out. Ends with `N passed, N failed, N skipped` alone on a line.
 */
import { existsSync, globSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { run } from 'node:test'
import type { TestEvent } from 'node:test/reporters'
import { spec } from 'node:test/reporters'
import { parseArgs } from 'node:util'

const ROOT = resolve(import.meta.dirname, '..')

/** What runs later because it is slow: whole programs, official clients, the trained model, root's chroot. */
const LATER = ['test/cli/', 'test/e2e/', 'test/starter', 'test/docker/']

/** A test that hangs fails by name instead of holding up everything. As many cases as PROPERTY_RUNS asks for may take an hour. */
const LONGEST_TEST_MS = (process.env['PROPERTY_RUNS'] === undefined ? 10 : 60) * 60_000

const {
  positionals,
  values: { except = [] },
} = parseArgs({
  allowPositionals: true,
  options: { except: { type: 'string', multiple: true } },
})
const files = selectFiles(positionals, except)
if (files.length === 0) {
  console.error(`no test file matches ${process.argv.slice(2).join(' ')}`)
  process.exitCode = 2
} else {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const tier of tiers(files)) await runTier(tier, counts)
  const { passed, failed, skipped } = counts
  console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`)
  if (failed > 0 || passed === 0) process.exitCode = 1
}

function selectFiles(wanted: readonly string[], unwanted: readonly string[]): string[] {
  const all = globSync('test/**/*.test.ts', { cwd: ROOT }).sort()
  const matches = (file: string, want: string) => {
    const path = resolve(want)
    if (!existsSync(path)) return file.includes(want)
    const inside = relative(path, join(ROOT, file))
    return statSync(path).isDirectory() ? !inside.startsWith('..') : inside === ''
  }
  return all.filter(
    (file) =>
      (wanted.length === 0 || wanted.some((want) => matches(file, want))) &&
      !unwanted.some((want) => matches(file, want)),
  )
}

function tiers(files: readonly string[]): string[][] {
  const isLater = (file: string) => LATER.some((prefix) => file.startsWith(prefix))
  return [files.filter((file) => !isLater(file)), files.filter(isLater)]
}

/** Adds to `counts` what the leaf tests of these files gave. */
async function runTier(
  files: readonly string[],
  counts: { passed: number; failed: number; skipped: number },
): Promise<void> {
  if (files.length === 0) return
  const events = run({
    files: files.map((file) => join(ROOT, file)),
    concurrency: 2,
    cwd: ROOT,
    timeout: LONGEST_TEST_MS,
  })
  const count = (event: TestEvent) => {
    if (event.type === 'test:pass') {
      const { skip, details } = event.data
      if (skip !== undefined && skip !== false) counts.skipped += 1
      else if (details.type !== 'suite') counts.passed += 1
    }
    // A suite fails with its tests; alone, it failed in its own hooks, and that must count.
    if (event.type === 'test:fail' && !isSubtestFailure(event.data.details.error)) {
      counts.failed += 1
    }
  }
  const reporter = spec()
  reporter.pipe(process.stdout, { end: false })
  for await (const event of events) {
    count(event)
    reporter.write(event)
  }
  reporter.end()
}

function isSubtestFailure(error: Error): boolean {
  return 'failureType' in error && error.failureType === 'subtestsFailed'
}
