/** The index of a checkpoint that is split over several files. */
import { AerieError } from '../errors.ts'
import { FILE_LIMITS, isJsonObject, readJson } from '../model-folder.ts'

export const INDEX_FILE = 'model.safetensors.index.json'

/** Tensor name → file name, or undefined when the folder has no index. Throws `invalid_package`. */
export async function readIndex(directory: string): Promise<Map<string, string> | undefined> {
  const index = await readJson(directory, INDEX_FILE, FILE_LIMITS.index)
  return index === undefined ? undefined : parseIndex(index)
}

/** As {@link readIndex}, of a parsed file. */
export function parseIndex(index: unknown): Map<string, string> {
  const map = isJsonObject(index) ? index['weight_map'] : undefined
  if (!isJsonObject(map)) throw invalid('has no weight_map')
  const files = new Map<string, string>()
  for (const [name, file] of Object.entries(map)) {
    // A name with a separator would lead out of the folder.
    if (typeof file !== 'string' || !/^[\w-][\w.-]{0,200}\.safetensors$/.test(file)) {
      throw invalid(
        `places tensor ${cut(name)} in ${cut(JSON.stringify(file))}, which is not a file name`,
      )
    }
    files.set(name, file)
  }
  return files
}

function invalid(what: string): AerieError {
  return new AerieError('invalid_package', `${INDEX_FILE} ${what}`)
}

/** Names come from outside: cut to a length that a log can carry. */
function cut(text: string): string {
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}
