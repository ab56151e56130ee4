/** Tells in which form a checkpoint was published: a folder as the hub has it, or one GGUF file, alone or in a folder. */
import { basename, extname, join, resolve } from 'node:path'
import { AerieError } from '../errors.ts'
import { isModelFile } from '../model-file.ts'
import type { CheckpointForm } from './examine.ts'
import { folderForm } from './folder-form.ts'
import { ggufForm } from './gguf-form.ts'
import { listFolder } from './survey.ts'

/** Rejects with `invalid_package` for a folder of several GGUF files. */
export async function checkpointForm(path: string): Promise<CheckpointForm> {
  const whole = resolve(path)
  if (await isModelFile(whole)) return ggufForm(whole)
  const name = await onlyGguf(whole)
  return name === undefined ? folderForm(whole) : ggufForm(join(whole, name), whole)
}

/** The name under which a folder or file is served. */
export async function checkpointName(path: string): Promise<string> {
  const whole = resolve(path)
  return (await isModelFile(whole)) ? basename(whole, extname(whole)) : basename(whole)
}

/** The GGUF file of a folder that has no config; undefined when there is none. */
async function onlyGguf(folder: string): Promise<string | undefined> {
  const names = await listFolder(folder)
  const files = names.filter((name) => /\.gguf$/i.test(name)).sort()
  if (names.includes('config.json') || files.length < 2) {
    return names.includes('config.json') ? undefined : files[0]
  }
  const listed = files.slice(0, 4).join(', ')
  throw new AerieError(
    'invalid_package',
    `${folder} has ${files.length} GGUF files (${listed}${files.length > 4 ? ', …' : ''}), expected one, or the path of one`,
  )
}
