/**
 * `npm run conformance`: what others wrote to test such a server, against this one, and docs/conformance.md made anew of how it
 * went. Suites that are not named with `--only`, or cannot run here, keep what was recorded of them before, with its date.
 */
import { parseArgs } from 'node:util'
import { clientSuites } from './clients.ts'
import { explain } from './explanations.ts'
import { guidellmSuite } from './guidellm.ts'
import { openResponsesSuite } from './open-responses.ts'
import { openaiNodeSuite } from './openai-node.ts'
import { type Recorded, readRecorded, writeRecorded } from './recorded.ts'
import { writeReport } from './report.ts'
import { isNamedRefusal, schemathesisSuite } from './schemathesis.ts'
import { startConformanceServer } from './server.ts'
import { softwareSuites } from './software.ts'
import type { Suite } from './suite.ts'

const { values } = parseArgs({
  options: {
    'openai-node': { type: 'string' },
    'open-responses': { type: 'string' },
    bun: { type: 'string', default: 'bun' },
    python: { type: 'string', default: '.cache/conformance' },
    only: { type: 'string' },
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string' },
    'no-record': { type: 'boolean', default: false },
    // How far a search comes in its time is the machine's; what it finds that a rule refuses by name is then told, and no failure.
    'allow-refusals': { type: 'boolean', default: false },
  },
})

const suites: readonly Suite[] = [
  openaiNodeSuite(values['openai-node']),
  openResponsesSuite(values['open-responses'], values.bun),
  ...clientSuites(),
  ...softwareSuites(),
  schemathesisSuite(),
  guidellmSuite(),
]
const wanted = values.only?.split(',')
const unknown = wanted?.find((id) => !suites.some((suite) => suite.id === id))
if (unknown !== undefined) {
  const known = suites.map(({ id }) => id).join(', ')
  console.error(`--only: expected some of ${known}, got ${unknown}`)
  process.exit(2)
}

const log = (line: string) => console.log(`  ${line}`)
const fresh: Recorded[] = []
for (const suite of suites) {
  if (wanted && !wanted.includes(suite.id)) continue
  console.log(suite.id)
  const missing = await suite.missing()
  if (missing !== undefined) {
    log(`skipped: ${missing}`)
    continue
  }
  await using server = await startConformanceServer(suite.withKey ?? false)
  const { url, model, apiKey } = server
  const context = {
    url,
    model,
    apiKey,
    python: values.python,
    minutes: Number(values.minutes),
    seed: values.seed,
    log,
  }
  const { version, cases, notes = [] } = await suite.run(context)
  const count = (outcome: string) => cases.filter((one) => one.outcome === outcome).length
  log(
    `${version}: ${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`,
  )
  for (const note of notes) log(note)
  const date = new Date().toISOString().slice(0, 10)
  fresh.push({ id: suite.id, date, version, notes, cases })
}

const recorded = values['no-record'] ? fresh : await writeRecorded(await readRecorded(), fresh)
// Reasons are not recorded: those that are written later hold for what was run before.
const unexplained = recorded.flatMap(({ id, cases }) =>
  cases
    .filter((one) => one.outcome === 'failed' && explain(id, one) === undefined)
    .map((one) => ({
      line: `${id}: ${one.group}: ${one.name}: ${one.message?.split('\n')[0]}`,
      isAllowed: values['allow-refusals'] && isNamedRefusal(one),
    })),
)
for (const { line } of unexplained) console.log(`not explained: ${line}`)
if (!values['no-record']) await writeReport(suites, recorded)
console.log(`${unexplained.length} failures without an explanation`)
process.exitCode = unexplained.some(({ isAllowed }) => !isAllowed) ? 1 : 0
