/** Clients of others, driven by tests of ours against a real server: how many of those pass, client by client. */
import { readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { run } from 'node:test'
import type { CaseResult, Suite } from './suite.ts'

const ROOT = resolve(import.meta.dirname, '../..')

interface Client {
  readonly id: string
  readonly title: string
  readonly packages: readonly string[]
  readonly files: readonly string[]
  /** Of `file, groups: name` of the tests that are this client's. */
  readonly tests: RegExp
}

const CLIENTS: readonly Client[] = [
  {
    id: 'openai',
    title: 'openai: the official JavaScript client',
    packages: ['openai'],
    files: ['test/e2e/openai-client.test.ts', 'test/e2e/responses-clients.test.ts'],
    tests: /official (openai )?client/,
  },
  {
    id: 'anthropic',
    title: "Anthropic's official JavaScript client",
    packages: ['@anthropic-ai/sdk'],
    files: ['test/http/anthropic-client.test.ts', 'test/e2e/messages.test.ts'],
    tests: /^(?!.*AI SDK)/,
  },
  {
    id: 'ai-sdk',
    title: 'Vercel AI SDK',
    packages: ['ai', '@ai-sdk/openai-compatible', '@ai-sdk/openai', '@ai-sdk/anthropic'],
    files: [
      'test/e2e/other-clients.test.ts',
      'test/e2e/responses-clients.test.ts',
      'test/http/anthropic-client.test.ts',
    ],
    tests: /AI SDK/,
  },
  {
    id: 'langchain',
    title: 'LangChain.js',
    packages: ['@langchain/openai', '@langchain/core'],
    files: ['test/e2e/other-clients.test.ts', 'test/e2e/responses-clients.test.ts'],
    tests: /LangChain/,
  },
]

export function clientSuites(): Suite[] {
  return CLIENTS.map(suiteOf)
}

function suiteOf({ id, title, packages, files, tests }: Client): Suite {
  return {
    id,
    title,
    source: `Tests of ours in ${files.map((file) => `\`${file}\``).join(', ')}, each against a server of its own`,
    missing: async () => undefined,
    async run() {
      const cases: CaseResult[] = []
      // By file, as files run side by side: the groups that a test stands in.
      const paths = new Map<string, string[]>()
      const events = run({ files: files.map((file) => join(ROOT, file)), cwd: ROOT })
      events.on('test:start', ({ file = '', nesting, name }) => {
        paths.set(file, [...(paths.get(file) ?? []).slice(0, nesting), name])
      })
      const note = (
        { file = '', nesting, name }: { file?: string; nesting: number; name: string },
        outcome: CaseResult['outcome'],
        message?: string,
      ) => {
        const groups = (paths.get(file) ?? []).slice(0, nesting)
        const group = [relative(ROOT, file), ...groups].join(', ')
        if (!tests.test(`${group}: ${name}`)) return
        cases.push({ group, name, outcome, ...(message !== undefined && { message }) })
      }
      events.on('test:pass', (test) => {
        if (isTest(test)) note(test, test.skip === undefined ? 'passed' : 'skipped')
      })
      events.on('test:fail', (test) => {
        if (isTest(test)) note(test, 'failed', test.details.error.message)
      })
      for await (const _ of events);
      const versions = await Promise.all(packages.map(versionOf))
      return { version: versions.join(', '), cases }
    },
  }
}

/** Neither a group nor a whole file, which is a test to Node's runner. */
function isTest({
  details,
  file,
  name,
}: {
  details: { type?: string }
  file?: string
  name: string
}) {
  return (
    details.type !== 'suite' && file !== undefined && name !== file && name !== relative(ROOT, file)
  )
}

async function versionOf(name: string): Promise<string> {
  const file = join(ROOT, 'node_modules', name, 'package.json')
  return `${name} ${JSON.parse(await readFile(file, 'utf8')).version}`
}
