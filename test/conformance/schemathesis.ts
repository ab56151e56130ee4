/** Schemathesis: requests made of openapi.yaml, right and wrong ones, and every answer held to it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readOpenApi } from '../../src/http/openapi-document.ts'
import { honouredDocument } from './honoured-document.ts'
import { pythonProgram } from './python.ts'
import { readFindings } from './schemathesis-report.ts'
import type { CaseResult, Suite, SuiteContext } from './suite.ts'

export function schemathesisSuite(): Suite {
  return {
    id: 'schemathesis',
    title: 'Schemathesis: requests made of `openapi.yaml`, every answer held to it',
    source:
      'schemathesis of PyPI, all checks in all phases, against a server with an API key. A test is a check of an operation; one that fails is counted once for each reason, of all requests that were made',
    withKey: true,
    missing: async () => undefined,
    run,
  }
}

async function run({ url, apiKey, python, minutes, seed }: SuiteContext) {
  const program = await pythonProgram(python, 'schemathesis')
  const folder = await mkdtemp(join(tmpdir(), 'aerie-schemathesis-'))
  try {
    const document = join(folder, 'openapi.json')
    await writeFile(document, JSON.stringify(honouredDocument(await readOpenApi())))
    const events = join(folder, 'events.ndjson')
    const printed = join(folder, 'printed.txt')
    const child = spawn(
      program,
      [
        ...['run', document, '--url', url, '--header', `Authorization: Bearer ${apiKey}`],
        ...['--checks', 'all', '--max-time', String(minutes * 60), '--request-timeout', '60'],
        ...['--continue-on-failure', '--report-ndjson-path', events],
        ...['--generation-database', 'none', '--no-color'],
        ...(seed === undefined ? [] : ['--seed', seed]),
      ],
      // Where it keeps what it found before: each run is a first one.
      { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] },
    )
    child.stdout.pipe(createWriteStream(printed))
    const [code] = await once(child, 'close')
    // 0 and 1 are runs that came to their end.
    if (code !== 0 && code !== 1)
      throw new Error(
        `schemathesis ended with ${code}: ${(await readFile(printed, 'utf8')).slice(-2000)}`,
      )
    const { version, seed: used, requests, cases } = await readFindings(events)
    return {
      version: `schemathesis ${version}`,
      cases,
      notes: [`${requests} requests in ${minutes} minutes, seed ${used}`],
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** A request that the contract allows, refused with a field and a sentence: mostly a rule that no JSON Schema can say. */
export function isNamedRefusal({ name, message = '' }: CaseResult): boolean {
  return name === 'Schema-valid request rejected' && /^4\d\d [^ ]+: ./.test(message)
}
