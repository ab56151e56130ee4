/** Finds the file of a model family by the checkpoint's `model_type`. */
import { readdir } from 'node:fs/promises'
import type { Family } from './family.ts'

const FOLDER = new URL('./', import.meta.url)
/** The other files of this folder; every remaining `.ts` file is a family. */
const NOT_FAMILIES: ReadonlySet<string> = new Set([
  'config-reader.ts',
  'family.ts',
  'load-config.ts',
  'preprocessing.ts',
  'registry.ts',
  'text-family.ts',
])

/** The `model_type`s that this server knows, in alphabetical order: the family files' names. */
export async function listFamilies(): Promise<string[]> {
  const files = await readdir(FOLDER)
  return files
    .filter((file) => file.endsWith('.ts') && !NOT_FAMILIES.has(file))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort()
}

/**
 * The family of a `model_type`. Throws an Error that names the supported ones for any other; an
 * error inside a family file is thrown as itself.
 */
export async function findFamily(modelType: unknown): Promise<Family<unknown>> {
  const families = await listFamilies()
  // Only a name from the listing ever becomes part of a path.
  const known = families.find((name) => name === modelType)
  if (known === undefined) {
    throw new Error(
      `model_type ${JSON.stringify(modelType)} is not supported; supported: ${families.join(', ')}`,
    )
  }
  const module = (await import(new URL(`${known}.ts`, FOLDER).href)) as {
    readonly family: Family<unknown>
  }
  return module.family
}
