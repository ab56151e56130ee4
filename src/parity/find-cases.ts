/** The cases below a folder. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { AerieError } from '../errors.ts'

/** Levels of folders below the given one that are looked into. */
const DEPTH = 4

/** Folders with an `expected.json`, in alphabetical order: the given one, or those below it. Throws `invalid_package`. */
export async function findCases(folder: string): Promise<string[]> {
  const cases = await search(folder, DEPTH)
  if (cases.length === 0) {
    throw new AerieError('invalid_package', `${folder}: there is no expected.json in it or below`)
  }
  return cases
}

async function search(folder: string, depth: number): Promise<string[]> {
  let entries: Awaited<ReturnType<typeof list>>
  try {
    entries = await list(folder)
  } catch (cause) {
    throw new AerieError('invalid_package', `${folder}: ${(cause as Error).message}`, { cause })
  }
  if (entries.some((entry) => entry.isFile() && entry.name === 'expected.json')) return [folder]
  if (depth === 0) return []
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  const below = await Promise.all(
    folders.sort().map((name) => search(join(folder, name), depth - 1)),
  )
  return below.flat()
}

function list(folder: string) {
  return readdir(folder, { withFileTypes: true })
}
