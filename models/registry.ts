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

/** Published configs whose `model_type` is empty, by the class that they name instead. */
const UNTYPED: Readonly<Record<string, string>> = { RADIOModel: 'radio' }

/** The `model_type` of a parsed config.json; undefined when it says nothing of the kind. */
export function modelTypeOf(raw: unknown): unknown {
  if (typeof raw !== 'object' || raw === null) return undefined
  const { model_type: modelType, architectures } = raw as {
    readonly model_type?: unknown
    readonly architectures?: unknown
  }
  if ((modelType ?? '') !== '') return modelType
  const named: unknown = Array.isArray(architectures) ? architectures[0] : undefined
  const known = typeof named === 'string' && Object.hasOwn(UNTYPED, named)
  return known ? UNTYPED[named] : modelType
}

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
