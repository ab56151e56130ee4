/** Clients of others, driven by tests of ours against a real server: how many of those pass, client by client. */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { run } from 'node:test'
import type { CaseResult, Suite } from './suite.ts'

const ROOT = resolve(import.meta.dirname, '../..')

interface Client {
  readonly id: string
  readonly title: string
  readonly packages: readonly string[]
  readonly files: readonly string[]
  /** Of the groups that are this client's; absent: all. */
  readonly groups?: RegExp
}

const CLIENTS: readonly Client[] = [
  {
    id: 'openai',
    title: 'openai: the official JavaScript client',
    packages: ['openai'],
    files: ['test/e2e/openai-client.test.ts'],
  },
  {
    id: 'ai-sdk',
    title: 'Vercel AI SDK',
    packages: ['ai', '@ai-sdk/openai-compatible'],
    files: ['test/e2e/other-clients.test.ts'],
    groups: /AI SDK/,
  },
  {
    id: 'langchain',
    title: 'LangChain.js',
    packages: ['@langchain/openai', '@langchain/core'],
    files: ['test/e2e/other-clients.test.ts'],
    groups: /LangChain/,
  },
]

export function clientSuites(): Suite[] {
  return CLIENTS.map(suiteOf)
}

function suiteOf({ id, title, packages, files, groups }: Client): Suite {
  return {
    id,
    title,
    source: `${files.map((file) => `\`${file}\``).join(', ')}, each test against a server of its own`,
    missing: async () => undefined,
    async run() {
      const cases: CaseResult[] = []
      const path: string[] = []
      const events = run({ files: files.map((file) => join(ROOT, file)), cwd: ROOT })
      events.on('test:start', ({ nesting, name }) => {
        path.length = nesting
        path.push(name)
      })
      const note = (
        nesting: number,
        name: string,
        outcome: CaseResult['outcome'],
        message?: string,
      ) => {
        const group = path.slice(0, nesting).join(', ') || name
        if (groups && !groups.test(group)) return
        cases.push({ group, name, outcome, ...(message !== undefined && { message }) })
      }
      events.on('test:pass', ({ details, nesting, name, skip }) => {
        if (details.type === 'suite' || nesting === 0) return
        note(nesting, name, skip === undefined ? 'passed' : 'skipped')
      })
      events.on('test:fail', ({ details, nesting, name }) => {
        if (details.type === 'suite' || nesting === 0) return
        note(nesting, name, 'failed', details.error.message)
      })
      for await (const _ of events);
      const versions = await Promise.all(packages.map(versionOf))
      return { version: versions.join(', '), cases }
    },
  }
}

async function versionOf(name: string): Promise<string> {
  const file = join(ROOT, 'node_modules', name, 'package.json')
  return `${name} ${JSON.parse(await readFile(file, 'utf8')).version}`
}
