/** The compliance tests of the Open Responses specification, from a clone, by bun, for which they are written. */
import { spawn } from 'node:child_process'
import { access, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Suite } from './suite.ts'

interface Results {
  readonly results: readonly {
    readonly id: string
    readonly name: string
    readonly status: 'passed' | 'failed' | 'skipped'
    readonly errors?: readonly string[]
  }[]
}

export function openResponsesSuite(clone: string | undefined, bun: string): Suite {
  const program = clone && join(resolve(clone), 'bin/compliance-test.ts')
  return {
    id: 'open-responses',
    title: 'Open Responses: the compliance tests of the specification',
    source:
      'bin/compliance-test.ts of openresponses/openresponses, which no registry carries: `--open-responses <clone>`, with `npm install` done there; `--bun <program>` unless bun is on the PATH',
    async missing() {
      if (program === undefined) return 'no clone was named: --open-responses <folder>'
      return await access(program).then(
        () => undefined,
        () => `${program} is not there`,
      )
    },
    async run({ url, model, apiKey }) {
      const flags = ['--base-url', `${url}/v1`, '--api-key', apiKey, '--model', model, '--json']
      const child = spawn(bun, [program!, ...flags], {
        cwd: resolve(clone!),
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const failed = new Promise<never>((_, reject) => child.once('error', reject))
      const printed = await Promise.race([text(child.stdout), failed])
      const { results } = JSON.parse(printed) as Results
      const version = JSON.parse(await readFile(join(clone!, 'package.json'), 'utf8')).version
      return {
        version: `${version ?? 'without a version'}, model ${model}`,
        cases: results.map(({ id, name, status, errors }) => ({
          group: id,
          name,
          outcome: status,
          ...(errors && errors.length > 0 && { message: errors.join('; ') }),
        })),
      }
    },
  }
}
