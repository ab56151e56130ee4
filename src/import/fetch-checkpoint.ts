/** Fetches from a hub what a checkpoint is made of: the small files first, and the weights only if they can be served. */
import { join } from 'node:path'
import { loadModelConfig, wantedConfigFiles } from '../../models/load-config.ts'
import { AerieError } from '../errors.ts'
import type { HubClient } from '../hub/hub-client.ts'
import type { HubFile, Repository } from '../hub/repository.ts'
import { INDEX_FILE, readIndex } from '../weights/checkpoint-index.ts'
import { type FetchOptions, fetchFiles, isSmall } from './fetch-files.ts'
import { familyFolders } from './folder-form.ts'
import { isKept, isPickle, pickleRefused } from './survey.ts'

const SINGLE_FILE = 'model.safetensors'

/** Rejects with `invalid_package`, `download_failed`, `insufficient_storage` or the signal's reason. */
export async function fetchCheckpoint(
  client: HubClient,
  repository: Repository,
  options: FetchOptions,
): Promise<void> {
  const { directory } = options
  const fetchAll = (files: readonly HubFile[]) => fetchFiles(client, repository, files, options)
  const small = (folder: string) =>
    [...repository.files.values()].filter((file) => {
      const { path } = file
      const inside = folder === '' ? path : path.slice(folder.length + 1)
      const isHere = folder === '' || path.startsWith(`${folder}/`)
      return isHere && !inside.includes('/') && isKept(inside) && isSmall(file)
    })
  await fetchAll(small(''))
  const wanted = await wantedConfigFiles(directory)
  await fetchAll(wanted.flatMap((path) => repository.files.get(path) ?? []).filter(isSmall))
  const config = await loadModelConfig(directory)
  const folders = config.family.weightFolders ?? ['']
  await fetchAll([...new Set(familyFolders(config))].flatMap(small))
  const weights: HubFile[] = []
  for (const folder of folders) weights.push(...(await weightFiles(repository, directory, folder)))
  await fetchAll(weights)
}

/** The files that the folder's index names, or the only one. */
async function weightFiles(
  { id, files }: Repository,
  directory: string,
  folder: string,
): Promise<HubFile[]> {
  const prefix = folder === '' ? '' : `${folder}/`
  const index = files.has(prefix + INDEX_FILE)
    ? await readIndex(join(directory, folder))
    : undefined
  const names = index ? [...new Set(index.values())] : [SINGLE_FILE]
  return names.map((name) => {
    const file = files.get(prefix + name)
    if (file) return file
    const pickle = [...files.keys()].find(
      (path) => path.startsWith(prefix) && isPickle(path.slice(prefix.length)),
    )
    if (pickle !== undefined && !index)
      throw pickleRefused(`${id}: ${pickle}`, `<folder with the files of ${id}>`)
    throw new AerieError('invalid_package', `${id} has no ${prefix}${name}`)
  })
}
