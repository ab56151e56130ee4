/** docs/conformance.md, from what was recorded. */
import { writeFile } from 'node:fs/promises'
import { explain } from './explanations.ts'
import type { Recorded } from './recorded.ts'
import type { Suite } from './suite.ts'

const FILE = new URL('../../docs/conformance.md', import.meta.url)

const INTRO = `<!-- Made by \`npm run conformance\`; do not edit. -->
# Conformance

What others wrote to test a server with OpenAI's API, run against this one. \`npm run conformance\` runs what a registry carries;
suites that none carries run from a clone that you name, and keep the figures of their last run where you name none. Each failure
has its reason below, and one without a reason fails the command. Our own tests, \`npm test\`, are more and stricter; they are not
counted here, but for those that drive the clients named.
`

export async function writeReport(
  suites: readonly Suite[],
  recorded: readonly Recorded[],
): Promise<void> {
  const rows = suites.map((suite) => {
    const found = recorded.find(({ id }) => id === suite.id)
    if (!found) return `| [${suite.title}](#${suite.id}) | not run yet | | | |`
    const count = (outcome: string) => found.cases.filter((one) => one.outcome === outcome).length
    const counts = `${count('passed')} | ${count('failed')} | ${count('skipped')}`
    return `| [${suite.title}](#${suite.id}) | ${found.date} | ${counts} |`
  })
  const table = [
    '| Suite | Last run | Passed | Failed | Skipped |',
    '|---|---|---|---|---|',
    ...rows,
  ]
  const sections = suites.flatMap((suite) => {
    const found = recorded.find(({ id }) => id === suite.id)
    return found ? [section(suite, found)] : []
  })
  await writeFile(FILE, `${[INTRO, table.join('\n'), ...sections].join('\n')}\n`)
}

function section(suite: Suite, { date, version, notes, cases }: Recorded): string {
  const groups = new Map<string, { passed: number; failed: number; skipped: number }>()
  for (const { group, outcome } of cases) {
    const counts = groups.get(group) ?? { passed: 0, failed: 0, skipped: 0 }
    counts[outcome]++
    groups.set(group, counts)
  }
  const offered = [...groups].filter(([, { passed }]) => passed > 0)
  const rows = offered.map(
    ([group, { passed, failed, skipped }]) => `| ${group} | ${passed} | ${failed} | ${skipped} |`,
  )
  const reasons = new Map<string, string[]>()
  for (const one of cases) {
    const { outcome, group, name } = one
    if (outcome !== 'failed') continue
    const why = explain(suite.id, one) ?? 'NOT EXPLAINED'
    reasons.set(why, [...(reasons.get(why) ?? []), `${group}: ${name}`])
  }
  return [
    `\n## ${suite.id}\n`,
    `${suite.title}. ${suite.source}.\n`,
    `Run ${date}: ${version}.\n`,
    ...notes.map((note) => `- ${note}`),
    ...(notes.length > 0 ? [''] : []),
    '| | Passed | Failed | Skipped |',
    '|---|---|---|---|',
    ...rows,
    ...[...reasons].map(
      ([why, tests]) => `\n**${why}** (${tests.length})\n\n${folded(tests).join('; ')}.`,
    ),
  ].join('\n')
}

/** Names of tests, those of one group together. */
function folded(tests: readonly string[]): string[] {
  const groups = new Map<string, string[]>()
  for (const test of tests) {
    const at = test.indexOf(': ')
    const group = test.slice(0, at)
    groups.set(group, [...(groups.get(group) ?? []), test.slice(at + 2)])
  }
  return [...groups].map(([group, names]) => `\`${group}\`: ${names.join(', ')}`)
}
