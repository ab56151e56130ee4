/** Schemathesis: requests made of openapi.yaml, right and wrong ones, and every answer held to it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readOpenApi } from '../../src/http/openapi-document.ts'
import { honouredDocument } from './honoured-document.ts'
import { pythonProgram } from './python.ts'
import type { CaseResult, Suite, SuiteContext } from './suite.ts'

const METHODS = new Set(['get', 'post', 'put', 'patch', 'delete'])

/** What of its report is looked at. */
interface Report {
  readonly schemathesis_version: string
  readonly seed: string | number
  readonly stop_reason: string
  readonly running_time: number
  readonly test_cases: { readonly generated: number }
  readonly failures: readonly {
    readonly code: string
    readonly title: string
    readonly operations: readonly string[]
  }[]
}

export function schemathesisSuite(): Suite {
  return {
    id: 'schemathesis',
    title: 'Schemathesis: requests made of `openapi.yaml`, every answer held to it',
    source: 'schemathesis of PyPI, all checks, against a server with an API key',
    withKey: true,
    missing: async () => undefined,
    run,
  }
}

async function run({ url, apiKey, python, minutes }: SuiteContext) {
  const program = await pythonProgram(python, {
    requirement: 'schemathesis==4.32.5',
    program: 'schemathesis',
  })
  const folder = await mkdtemp(join(tmpdir(), 'aerie-schemathesis-'))
  try {
    const document = join(folder, 'openapi.json')
    await writeFile(document, JSON.stringify(honouredDocument(await readOpenApi())))
    const child = spawn(
      program,
      [
        ...['run', document, '--url', url, '--header', `Authorization: Bearer ${apiKey}`],
        ...['--checks', 'all', '--max-time', String(minutes * 60), '--request-timeout', '60'],
        ...['--continue-on-failure', '--report', 'json,junit', '--report-dir', folder],
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    await once(child, 'exit')
    const files = await readdir(folder)
    const read = async (kind: string) => {
      const file = files.find((name) => name.startsWith(kind))
      if (file === undefined) throw new Error(`schemathesis wrote no ${kind} report`)
      return await readFile(join(folder, file), 'utf8')
    }
    const report = JSON.parse(await read('json')) as Report
    const { test_cases: tests, seed, running_time: seconds, stop_reason: reason } = report
    return {
      version: `schemathesis ${report.schemathesis_version}`,
      cases: await casesOf(report, await read('junit')),
      notes: [
        `${tests.generated} requests in ${Math.round(seconds / 60)} minutes (${reason}), seed ${seed}`,
      ],
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** One for each operation of the document, or each check that it failed. */
async function casesOf({ failures }: Report, junit: string): Promise<CaseResult[]> {
  const { paths } = await readOpenApi()
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item)
      .filter((method) => METHODS.has(method))
      .map((method) => `${method.toUpperCase()} ${path}`),
  )
  return [...operations, 'Stateful tests'].flatMap((operation): CaseResult[] => {
    const failed = failures.filter((failure) => failure.operations.includes(operation))
    if (failed.length === 0) return [{ group: operation, name: 'all checks', outcome: 'passed' }]
    return failed.map(({ code, title }) => ({
      ...{ group: operation, name: `${code} ${title}`, outcome: 'failed' },
      message: messageOf(junit, operation, title),
    }))
  })
}

/** What the JUnit report, which alone has it, says of a failure, on one line. */
function messageOf(junit: string, operation: string, title: string): string {
  const escaped = operation.replaceAll('&', '&amp;')
  const from = junit.indexOf(`name="${escaped}"`)
  const to = junit.indexOf('</testcase>', from)
  const text = junit
    .slice(from, to)
    .replaceAll('&quot;', '"')
    .replaceAll('&#10;', '\n')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
  const at = text.indexOf(title)
  return text.slice(Math.max(at, 0), at + 1500).replace(/\s+/g, ' ')
}
