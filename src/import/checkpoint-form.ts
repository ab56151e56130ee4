/** Tells in which form a checkpoint was published: a folder as the hub has it, or GGUF, named or in a folder. */
import { basename, extname, join, resolve } from 'node:path'
import { AerieError } from '../errors.ts'
import { ggufStem, groupShards, isGgufModel, shardOf } from '../gguf-name.ts'
import { isModelFile } from '../model-file.ts'
import { listFolder } from '../model-folder.ts'
import type { CheckpointForm } from './examine.ts'
import { folderForm } from './folder-form.ts'
import { ggufForm } from './gguf-form.ts'

/** Rejects with `invalid_package` for a folder of several GGUF models. */
export async function checkpointForm(path: string): Promise<CheckpointForm> {
  const whole = resolve(path)
  if (await isModelFile(whole)) return ggufForm(whole)
  const name = await onlyGguf(whole)
  return name === undefined ? folderForm(whole) : ggufForm(join(whole, name), whole)
}

/** The name under which a folder or file is served. */
export async function checkpointName(path: string): Promise<string> {
  const whole = resolve(path)
  if (!(await isModelFile(whole))) return basename(whole)
  return shardOf(basename(whole)) ? ggufStem(basename(whole)) : basename(whole, extname(whole))
}

/** The GGUF file of a folder that has no config, or the first of its shards; undefined when there is none. */
async function onlyGguf(folder: string): Promise<string | undefined> {
  const names = await listFolder(folder)
  if (names.includes('config.json')) return undefined
  const models = groupShards(names.filter(isGgufModel))
  const [only, ...others] = models
  if (only === undefined) return undefined
  if (others.length === 0) {
    if (only.files.includes(only.path)) return only.path
    throw new AerieError('invalid_package', `${join(folder, only.path)} is missing`)
  }
  const listed = models.slice(0, 4).map(({ path }) => path)
  throw new AerieError(
    'invalid_package',
    `${folder} has ${models.length} GGUF files (${listed.join(', ')}${models.length > 4 ? ', …' : ''}), expected one, or the path of one`,
  )
}
