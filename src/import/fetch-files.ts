/** Fetches files of a repository one after another, if the disk has room for all. */
import { join } from 'node:path'
import { bytesThere, downloadFile } from '../hub/download.ts'
import type { HubClient } from '../hub/hub-client.ts'
import type { HubFile, Repository } from '../hub/repository.ts'
import { FILE_LIMITS } from '../model-folder.ts'
import { freeBytesAt, tooLittleRoom } from './free-space.ts'
import type { OnProgress } from './progress.ts'

/** What the import itself needs beside the weights, which it shares with the download. */
const SPARE_BYTES = 256 * 2 ** 20

export interface FetchOptions {
  /** Where the files go; what is there from an earlier attempt is used. */
  readonly directory: string
  readonly onProgress?: OnProgress | undefined
}

/** `nameOf` says where in the folder a file goes. Rejects with `download_failed`, `insufficient_storage` or the signal's reason. */
export async function fetchFiles(
  client: HubClient,
  repository: Repository,
  files: readonly HubFile[],
  {
    directory,
    onProgress,
    nameOf = ({ path }) => path,
  }: FetchOptions & { readonly nameOf?: (file: HubFile) => string },
): Promise<void> {
  const placed = files.map((file) => ({ file, path: join(directory, nameOf(file)) }))
  let needed = SPARE_BYTES
  for (const { file, path } of placed) needed += file.bytes - (await bytesThere(path, file))
  const free = await freeBytesAt(directory)
  if (free < needed) throw tooLittleRoom(directory, needed, free)
  const totalBytes = files.reduce((sum, { bytes }) => sum + bytes, 0)
  let doneBytes = 0
  for (const { file, path } of placed) {
    await downloadFile(client, repository, file, {
      path,
      onBytes: (bytes) => {
        doneBytes += bytes
        onProgress?.({ what: 'downloading', doneBytes, totalBytes, file: file.path })
      },
    })
  }
}

/** Whether it is no larger than any file beside the weights may be. */
export function isSmall({ bytes }: HubFile): boolean {
  return bytes <= FILE_LIMITS.vocabulary
}
