/** A GGUF model on disk: the headers of its files, read as far as they go. */
import { type FileHandle, open, realpath } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { AerieError } from '../errors.ts'
import { resolveInside } from '../model-folder.ts'
import { readExactly } from './checkpoint.ts'
import { type GgufHeader, MoreBytesNeeded, parseGgufHeader } from './gguf-header.ts'
import { GgufMetadata } from './gguf-metadata.ts'
import {
  checkShard,
  type GgufFile,
  type GgufHead,
  joinShards,
  otherShards,
  type ShardTensors,
} from './gguf-split.ts'

/** Headers are metadata of a few kilobytes and a vocabulary of a few megabytes. */
const FIRST_READ_BYTES = 1 << 20
export const LARGEST_HEADER_BYTES = 1 << 28

/**
 * Reads the header of a GGUF file; of a split model, given by its first file, those of all. Throws `invalid_package`,
 * naming the file.
 */
export async function readGguf(path: string): Promise<GgufFile> {
  const first = await readHead(path, await realpathOf(path))
  try {
    const others: ShardTensors[] = []
    for (const [i, shard] of otherShards(path, first).entries()) {
      const found = await resolveInside(dirname(shard), basename(shard))
      if (found === undefined) throw invalid(`${shard} is missing`)
      others.push(checkShard(first, i + 1, await readHead(shard, found)))
    }
    return joinShards(first, others)
  } catch (error) {
    throw named(path, error)
  }
}

async function realpathOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (cause) {
    throw invalid(`${path} cannot be opened`, cause)
  }
}

/** `path` is how the user knows it, `source` where it is. */
async function readHead(path: string, source: string): Promise<GgufHead> {
  await using handle = await openGguf(source)
  const { size } = await handle.stat()
  const { version, metadata, tensors } = await readHeader(handle, path, size)
  return { path: source, bytes: size, version, tensors, metadata: new GgufMetadata(metadata) }
}

async function openGguf(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (cause) {
    throw invalid(`${path} cannot be opened`, cause)
  }
}

async function readHeader(handle: FileHandle, path: string, size: number): Promise<GgufHeader> {
  for (let length = FIRST_READ_BYTES; ; ) {
    const bytes = await readExactly(handle, { path, offset: 0, length: Math.min(length, size) })
    try {
      return parseGgufHeader(bytes, size)
    } catch (error) {
      if (!(error instanceof MoreBytesNeeded)) throw named(path, error)
      if (error.bytes > LARGEST_HEADER_BYTES)
        throw invalid(`${path}: GGUF: the header has more than ${LARGEST_HEADER_BYTES} bytes`)
      length = Math.min(LARGEST_HEADER_BYTES, Math.max(error.bytes, length * 4))
    }
  }
}

function invalid(message: string, cause?: unknown): AerieError {
  return new AerieError('invalid_package', message, { cause })
}

function named(path: string, error: unknown): unknown {
  if (!(error instanceof AerieError)) return error
  return new AerieError('invalid_package', `${path}: ${error.message}`, { cause: error })
}
