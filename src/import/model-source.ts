/** What a user names when a model is wanted: a folder, a GGUF file, or a model of the hub. */
import { stat } from 'node:fs/promises'
import { AerieError } from '../errors.ts'

export interface ModelSource {
  /** A folder, a GGUF file, or `owner/name` or `owner/name:variant` of the hub. */
  readonly model: string
  /** Branch, tag or commit of the hub's repository. */
  readonly revision?: string | undefined
}

/** Whether there is a folder of that name. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    throw error
  }
}

export function noSuchModel(model: string): AerieError {
  return new AerieError(
    'invalid_package',
    `model ${JSON.stringify(model)}: expected a folder, a GGUF file, or a hub id such as owner/name or owner/name:Q4_K_M`,
  )
}
