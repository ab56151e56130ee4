/** docs/conformance.json: how each suite went when it was last run. */
import { readFile, writeFile } from 'node:fs/promises'
import type { CaseResult } from './suite.ts'

export interface Recorded {
  readonly id: string
  /** YYYY-MM-DD. */
  readonly date: string
  readonly version: string
  readonly notes: readonly string[]
  readonly cases: readonly CaseResult[]
}

const FILE = new URL('../../docs/conformance.json', import.meta.url)

export async function readRecorded(): Promise<Recorded[]> {
  try {
    return JSON.parse(await readFile(FILE, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** What was run now in place of what was recorded of the same suites. Messages are cut to their first line. */
export async function writeRecorded(
  before: readonly Recorded[],
  fresh: readonly Recorded[],
): Promise<Recorded[]> {
  const kept = before.filter(({ id }) => !fresh.some((suite) => suite.id === id))
  const all = [...kept, ...fresh.map(short)].sort((a, b) => (a.id < b.id ? -1 : 1))
  await writeFile(FILE, `${JSON.stringify(all, null, 1)}\n`)
  return all
}

function short(suite: Recorded): Recorded {
  const cases = suite.cases.map(({ message, ...one }) => ({
    ...one,
    ...(message !== undefined && { message: message.split('\n')[0]!.slice(0, 300) }),
  }))
  return { ...suite, cases }
}
