/**
 * The official client's own tests of its resources, from a clone of openai/openai-node, pointed at Aerie by the variable that
 * they read. They are run as they are: `jest-globals.ts` gives them `describe`, `test` and `expect`, and the client that is
 * installed here.
 */

import { globSync } from 'node:fs'
import { access, readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { run } from 'node:test'
import type { CaseResult, Suite } from './suite.ts'

const GLOBALS = resolve(import.meta.dirname, 'jest-globals.ts')
/** Of one file; a server that does not answer is a failure and not a wait. */
const TIMEOUT_MS = 120_000

export function openaiNodeSuite(clone: string | undefined): Suite {
  return {
    id: 'openai-node',
    title: "openai: the official JavaScript client's own resource tests",
    source:
      'tests/api-resources of openai/openai-node, which no registry carries: `--openai-node <clone>`',
    async missing() {
      if (clone === undefined) return 'no clone was named: --openai-node <folder>'
      const tests = join(clone, 'tests/api-resources')
      return await access(tests).then(
        () => undefined,
        () => `${tests} is not there`,
      )
    },
    async run({ url, log }) {
      const folder = join(resolve(clone!), 'tests/api-resources')
      const files = globSync('**/*.test.ts', { cwd: folder }).sort()
      process.env['TEST_API_BASE_URL'] = `${url}/v1`
      const cases: CaseResult[] = []
      const events = run({
        files: files.map((file) => join(folder, file)),
        concurrency: 2,
        timeout: TIMEOUT_MS,
        execArgv: ['--import', GLOBALS],
      })
      events.on('test:pass', (event) => {
        if (event.details.type === 'suite' || event.file === undefined) return
        if (event.name === event.file) return
        const outcome = event.skip === undefined ? 'passed' : 'skipped'
        cases.push({ ...placeOf(event.file), name: event.name, outcome })
      })
      events.on('test:fail', (event) => {
        if (event.details.type === 'suite' || event.file === undefined) return
        const { cause } = event.details.error
        const message =
          cause instanceof Error ? cause.message : String(cause ?? event.details.error)
        // A suite fails because its tests do.
        if (message.includes('subtests failed')) return
        cases.push({ ...placeOf(event.file), name: event.name, outcome: 'failed', message })
      })
      for await (const _ of events);
      log(`${files.length} files, ${cases.length} tests`)
      return { version: await versionOf(), cases }

      function placeOf(file: string): { readonly group: string } {
        return { group: relative(folder, file).replace(/\.test\.ts$/, '') }
      }
    },
  }

  async function versionOf(): Promise<string> {
    const read = async (path: string): Promise<string> =>
      JSON.parse(await readFile(path, 'utf8')).version
    const installed = new URL('../../node_modules/openai/package.json', import.meta.url)
    return `tests of ${await read(join(clone!, 'package.json'))}, client ${await read(installed.pathname)}`
  }
}
