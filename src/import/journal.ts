/**
 * What an import has done, in a file beside the package that grows by a line a finished file, so that one that was killed at
 * any point goes on where it was.
 */
import { appendFile, mkdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isJsonObject } from '../model-folder.ts'
import type { TakenFile } from './file-taker.ts'
import { lockFolder } from './lock.ts'

/** A folder that becomes a package by being renamed, and what is written about it meanwhile. */
export interface Workplace {
  /** What will be the package. */
  readonly packageDir: string
  /** Finished files by their path below it. */
  readonly finished: ReadonlyMap<string, TakenFile>
  finish(path: string, taken: TakenFile): Promise<void>
  /** Leaves everything in place for the next attempt. */
  release(): Promise<void>
  /** Removes everything. */
  remove(): Promise<void>
}

const JOURNAL = 'journal.jsonl'

/**
 * Opens `directory`, or what an earlier import of the same source left of it. `source` says what is imported: another one
 * starts over. Rejects with `invalid_package` while another import holds it.
 */
export async function openWorkplace(directory: string, source: string): Promise<Workplace> {
  await mkdir(directory, { recursive: true })
  const unlock = await lockFolder(directory)
  try {
    const packageDir = join(directory, 'package')
    const journal = join(directory, JOURNAL)
    let finished = await readJournal(journal, source, packageDir)
    if (finished === undefined) {
      await rm(packageDir, { recursive: true, force: true })
      await rm(journal, { force: true })
      await appendFile(journal, `${JSON.stringify({ source })}\n`)
      finished = new Map()
    }
    await mkdir(packageDir, { recursive: true })
    return {
      packageDir,
      finished,
      finish: async (path, taken) => {
        await appendFile(journal, `${JSON.stringify({ path, ...taken })}\n`)
      },
      release: unlock,
      remove: () => rm(directory, { recursive: true, force: true }),
    }
  } catch (error) {
    await unlock()
    throw error
  }
}

/** Finished files that are still there; undefined when the journal is of another source, or unreadable. */
async function readJournal(
  path: string,
  source: string,
  packageDir: string,
): Promise<Map<string, TakenFile> | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  // Behind the last line break there is what a killed process did not write to its end.
  const [head, ...lines] = text.split('\n').slice(0, -1).map(parseLine)
  if (head?.['source'] !== source) return undefined
  const finished = new Map<string, TakenFile>()
  for (const line of lines) {
    if (line === undefined) return undefined
    const { path: file, bytes, sha256 } = line
    if (typeof file !== 'string' || typeof bytes !== 'number' || typeof sha256 !== 'string')
      return undefined
    if ((await sizeOf(join(packageDir, file))) === bytes) finished.set(file, { bytes, sha256 })
  }
  return finished
}

function parseLine(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isJsonObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
