/**
 * The official client's own tests of its resources, from a clone of openai/openai-node, pointed at Aerie by the variable that
 * they read. They are run as they are, by a process of its own: Node's runner ends when nothing is left to do, and here the
 * server is.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { access, readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import type { TestResult } from './openai-node-process.ts'
import type { CaseResult, Suite } from './suite.ts'

const PROGRAM = resolve(import.meta.dirname, 'openai-node-process.ts')
/** Tests of what the client does without a server. */
const CLIENT_ALONE = ['webhooks.test.ts']
const OFF_PATH = /request options( and params)? are passed correctly$/

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
      const files = globSync('**/*.test.ts', { cwd: folder, exclude: [...CLIENT_ALONE] }).sort()
      const child = fork(
        PROGRAM,
        files.map((file) => join(folder, file)),
        {
          env: { ...process.env, TEST_API_BASE_URL: `${url}/v1` },
          // What Node's runner prints beside its events.
          stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        },
      )
      const cases: CaseResult[] = []
      child.on('message', ({ file, ...result }: TestResult) => {
        cases.push({ group: relative(folder, file).replace(/\.test\.ts$/, ''), ...result })
      })
      await once(child, 'close')
      log(`${files.length} files, ${cases.length} tests`)
      const offPath = cases.filter(
        ({ name, outcome }) => outcome === 'passed' && OFF_PATH.test(name),
      )
      const notes = [
        `${offPath.length} of those that passed ask a path that no server has and expect 404: they test the client, and say nothing of this server`,
      ]
      return { version: await versionOf(), cases, notes }
    },
  }

  async function versionOf(): Promise<string> {
    const read = async (path: string): Promise<string> =>
      JSON.parse(await readFile(path, 'utf8')).version
    const installed = new URL('../../node_modules/openai/package.json', import.meta.url)
    return `tests of ${await read(join(clone!, 'package.json'))}, client ${await read(installed.pathname)}`
  }
}
