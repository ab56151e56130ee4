/** The index of a checkpoint that is split over several files. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AerieError } from '../errors.ts'

const INDEX_FILE = 'model.safetensors.index.json'

/** Tensor name → file name, or undefined when the folder has no index. Throws `invalid_package`. */
export async function readIndex(directory: string): Promise<Map<string, string> | undefined> {
  let text: string
  try {
    text = await readFile(join(directory, INDEX_FILE), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw invalid('cannot be read', error)
  }
  let index: unknown
  try {
    index = JSON.parse(text)
  } catch (cause) {
    throw invalid('is not valid JSON', cause)
  }
  const map = isObject(index) ? index['weight_map'] : undefined
  if (!isObject(map)) throw invalid('has no weight_map')
  const files = new Map<string, string>()
  for (const [name, file] of Object.entries(map)) {
    // A name with a separator would lead out of the folder.
    if (typeof file !== 'string' || !/^[\w-][\w.-]*\.safetensors$/.test(file)) {
      throw invalid(`places tensor ${name} in ${JSON.stringify(file)}, which is not a file name`)
    }
    files.set(name, file)
  }
  return files
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(what: string, cause?: unknown): AerieError {
  return new AerieError('invalid_package', `${INDEX_FILE} ${what}`, { cause })
}
