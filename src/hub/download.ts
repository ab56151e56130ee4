/** Fetches a file of a repository: goes on where an earlier attempt was cut off, and checks size and digest. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { writeAll } from '../write-all.ts'
import { failed, type HubClient, TryAgain } from './hub-client.ts'
import type { HubFile, Repository } from './repository.ts'

/**
 * Writes the file to `target`, by way of `target.part`, which stays when the download is cut off. A file that is there in its
 * full size was checked when it got its name. `onBytes` is told what comes; negative when something has to come again.
 * Rejects with `download_failed` or the signal's reason.
 */
export async function downloadFile(
  client: HubClient,
  repository: Repository,
  file: HubFile,
  target: { readonly path: string; readonly onBytes?: (bytes: number) => void },
): Promise<void> {
  const { path, onBytes = () => undefined } = target
  if ((await sizeOf(path)) === file.bytes) return onBytes(file.bytes)
  await mkdir(dirname(path), { recursive: true })
  const part = `${path}.part`
  // Once more from the beginning where the digest is wrong: what was on the disk may be of another time.
  for (let attempt = 1; ; attempt++) {
    await fetchPart(client, repository, file, { path: part, onBytes })
    const digest = await digestOf(part, file)
    if (digest === file.digest.hex) break
    await rm(part)
    onBytes(-file.bytes)
    if (attempt === 2) {
      throw failed(
        `${repository.id}: ${file.path} has the digest ${digest}, expected ${file.digest.hex}`,
      )
    }
  }
  await rename(part, path)
}

/** Where a file's content is. */
export function fileUrl(
  { endpoint }: HubClient,
  { id, revision }: Repository,
  { path }: HubFile,
): string {
  return `${endpoint}/${id}/resolve/${revision}/${path.split('/').map(encodeURIComponent).join('/')}`
}

/** Bytes that the next attempt will not have to fetch. */
export async function bytesThere(path: string, file: HubFile): Promise<number> {
  if ((await sizeOf(path)) === file.bytes) return file.bytes
  const have = (await sizeOf(`${path}.part`)) ?? 0
  return have > file.bytes ? 0 : have
}

async function fetchPart(
  client: HubClient,
  repository: Repository,
  file: HubFile,
  { path, onBytes }: { readonly path: string; readonly onBytes: (bytes: number) => void },
): Promise<void> {
  await using part = await open(path, 'a+')
  let have = (await part.stat()).size
  if (have > file.bytes) {
    await part.truncate(0)
    have = 0
  }
  onBytes(have)
  const url = fileUrl(client, repository, file)
  await client.persist(
    async () => {
      while (have < file.bytes) {
        const response = await client.request(url, {
          'accept-encoding': 'identity',
          ...(have > 0 ? { range: `bytes=${have}-` } : {}),
        })
        if (have > 0 && response.status !== 206) {
          // The whole file comes, whatever was asked for.
          await part.truncate(0)
          onBytes(-have)
          have = 0
        }
        checkHead(response, file, have)
        for await (const chunk of client.bodyOf(response)) {
          if (have + chunk.byteLength > file.bytes)
            throw failed(`${repository.id}: ${file.path} is longer than its ${file.bytes} bytes`)
          await writeAll(part, chunk)
          have += chunk.byteLength
          onBytes(chunk.byteLength)
        }
        if (have < file.bytes)
          throw new TryAgain(`${file.path} ends after ${have} of ${file.bytes} bytes`)
      }
    },
    () => have,
  )
}

/** What the answer says about itself must be what was asked for: the file from byte `have` on. Throws `download_failed`. */
export function checkHead(response: Response, file: HubFile, have: number): void {
  const range = response.headers.get('content-range')
  if (response.status === 206 && range !== null) {
    const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? []
    const isRight = Number(start) === have && (total === '*' || Number(total) === file.bytes)
    if (!isRight)
      throw failed(
        `${file.path}: the hub sends ${range}, expected bytes ${have} and on of ${file.bytes}`,
      )
  }
  const length = response.headers.get('content-length')
  const isEncoded = response.headers.has('content-encoding')
  if (length !== null && !isEncoded && Number(length) !== file.bytes - have)
    throw failed(`${file.path}: the hub sends ${length} bytes, expected ${file.bytes - have}`)
}

async function digestOf(path: string, file: HubFile): Promise<string> {
  const hash = createHash(file.digest.kind === 'sha256' ? 'sha256' : 'sha1')
  // git hashes a header with the content.
  if (file.digest.kind === 'git-sha1') hash.update(`blob ${file.bytes}\0`)
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 22 }), hash)
  return hash.digest('hex')
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
