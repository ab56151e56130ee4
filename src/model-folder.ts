/**
 * Reads the small files of a model folder. The folder came from anywhere: nothing outside it is read, and nothing
 * beyond a limit.
 */
import { type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { AerieError } from './errors.ts'

const MiB = 2 ** 20

/** Largest size of each kind of file; several times what any published checkpoint has. */
export const FILE_LIMITS = {
  /** config.json, generation_config.json and the like. */
  config: 4 * MiB,
  /** model.safetensors.index.json: a line a tensor. */
  index: 64 * MiB,
  /** tokenizer.json, tokenizer.model, spiece.model, vocab.json, merges.txt. */
  vocabulary: 64 * MiB,
  /** tokenizer_config.json: names every added token. */
  tokenizerConfig: 16 * MiB,
  template: 1 * MiB,
} as const

/** Folders below a hub cache's `snapshots` consist of links into the `blobs` beside it. */
const SNAPSHOT = /^(.*)[\\/]snapshots[\\/][^\\/]+(?:[\\/].*)?$/

/**
 * Path of a file or sub-folder of a model folder with every symbolic link followed; undefined when there is none of that
 * name. Throws `invalid_package` when it lies outside the folder, a hub cache's blobs excepted, and for a pipe, a socket or a
 * device, of which some are waited for without end.
 */
export async function resolveInside(directory: string, name: string): Promise<string | undefined> {
  let root: string
  let path: string
  try {
    root = await realpath(directory)
    path = await realpath(join(root, name))
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw invalid(`${join(directory, name)}: ${message}`, cause)
  }
  const blobs = SNAPSHOT.exec(root)?.[1]
  const isInside =
    isBelow(root, path) || (blobs !== undefined && isBelow(join(blobs, 'blobs'), path))
  if (!isInside) {
    throw invalid(`${join(directory, name)} leads out of the model folder`)
  }
  const found = await stat(path)
  if (!found.isFile() && !found.isDirectory())
    throw invalid(`${join(directory, name)} is neither a file nor a folder`)
  return path
}

/** Names in a folder. Throws `invalid_package`. */
export async function listFolder(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const what = code === 'ENOENT' ? 'there is no such folder' : message
    throw invalid(`${directory}: ${what}`, cause)
  }
}

/** The file's bytes; undefined when there is none. Throws `invalid_package` past `limit` bytes, and as {@link resolveInside}. */
export async function readBytes(
  directory: string,
  name: string,
  limit: number,
): Promise<Buffer | undefined> {
  const path = await resolveInside(directory, name)
  if (path === undefined) return undefined
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'r')
    const { size } = await handle.stat()
    if (size > limit) {
      throw invalid(`${join(directory, name)} has ${size} bytes, at most ${limit} are read`)
    }
    const bytes = Buffer.alloc(size)
    let done = 0
    while (done < size) {
      const { bytesRead } = await handle.read(bytes, done, size - done, done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return bytes.subarray(0, done)
  } catch (cause) {
    if (cause instanceof AerieError) throw cause
    throw invalid(`${join(directory, name)}: ${(cause as Error).message}`, cause)
  } finally {
    await handle?.close()
  }
}

/** As {@link readBytes}, as text in UTF-8. */
export async function readText(
  directory: string,
  name: string,
  limit: number,
): Promise<string | undefined> {
  return (await readBytes(directory, name, limit))?.toString('utf8')
}

/** As {@link readBytes}, parsed; also throws `invalid_package` for what is not JSON. */
export async function readJson(directory: string, name: string, limit: number): Promise<unknown> {
  const text = await readText(directory, name, limit)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw invalid(`${join(directory, name)}: not valid JSON`, cause)
  }
}

/** As {@link readJson}; a file that is missing or holds no object is an error, too. */
export async function readJsonObject(
  directory: string,
  name: string,
  limit: number,
): Promise<Readonly<Record<string, unknown>>> {
  const value = await readJson(directory, name, limit)
  if (value === undefined) throw invalid(`${join(directory, name)} is missing`)
  if (!isJsonObject(value)) throw invalid(`${join(directory, name)}: expected a JSON object`)
  return value
}

export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isBelow(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)
}

function invalid(message: string, cause?: unknown): AerieError {
  return new AerieError('invalid_package', message, { cause })
}
