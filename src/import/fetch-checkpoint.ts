/** Fetches from a hub what a checkpoint is made of: the small files first, and the weights only if they can be served. */
import { join } from 'node:path'
import { loadModelConfig, wantedConfigFiles } from '../../models/load-config.ts'
import { AerieError } from '../errors.ts'
import { bytesThere, downloadFile } from '../hub/download.ts'
import type { HubClient } from '../hub/hub-client.ts'
import type { HubFile, Repository } from '../hub/repository.ts'
import { FILE_LIMITS } from '../model-folder.ts'
import { INDEX_FILE, readIndex } from '../weights/checkpoint-index.ts'
import { familyFolders } from './folder-form.ts'
import { freeBytesAt, tooLittleRoom } from './free-space.ts'
import type { OnProgress } from './progress.ts'
import { isKept, isPickle, pickleRefused } from './survey.ts'

const SINGLE_FILE = 'model.safetensors'
/** What the import itself needs beside the weights, which it shares with the download. */
const SPARE_BYTES = 256 * 2 ** 20

export interface FetchOptions {
  /** Where the files go; what is there from an earlier attempt is used. */
  readonly directory: string
  readonly onProgress?: OnProgress | undefined
}

/** Rejects with `invalid_package`, `download_failed`, `insufficient_storage` or the signal's reason. */
export async function fetchCheckpoint(
  client: HubClient,
  repository: Repository,
  { directory, onProgress }: FetchOptions,
): Promise<void> {
  const fetchAll = async (files: readonly HubFile[]) => {
    await checkFreeSpace(directory, files)
    const totalBytes = files.reduce((sum, { bytes }) => sum + bytes, 0)
    let doneBytes = 0
    for (const file of files) {
      await downloadFile(client, repository, file, {
        path: join(directory, file.path),
        onBytes: (bytes) => {
          doneBytes += bytes
          onProgress?.({ what: 'downloading', doneBytes, totalBytes, file: file.path })
        },
      })
    }
  }
  const isSmall = ({ bytes }: HubFile) => bytes <= FILE_LIMITS.vocabulary
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

async function checkFreeSpace(directory: string, files: readonly HubFile[]): Promise<void> {
  let needed = SPARE_BYTES
  for (const file of files) {
    needed += file.bytes - (await bytesThere(join(directory, file.path), file))
  }
  const free = await freeBytesAt(directory)
  if (free < needed) throw tooLittleRoom(directory, needed, free)
}
