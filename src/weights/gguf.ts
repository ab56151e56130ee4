/** A GGUF file on disk: its header, read as far as it goes. */
import { type FileHandle, open, realpath } from 'node:fs/promises'
import { AerieError } from '../errors.ts'
import { readExactly } from './checkpoint.ts'
import { type GgufHeader, MoreBytesNeeded, parseGgufHeader } from './gguf-header.ts'
import { GgufMetadata } from './gguf-metadata.ts'

/** Headers are metadata of a few kilobytes and a vocabulary of a few megabytes. */
const FIRST_READ_BYTES = 1 << 20
const LARGEST_HEADER_BYTES = 1 << 28

export interface GgufFile extends Pick<GgufHeader, 'version' | 'tensors'> {
  /** With every symbolic link followed. */
  readonly path: string
  readonly metadata: GgufMetadata
}

/** Reads the header of a GGUF file. Throws `invalid_package`, naming the file. */
export async function readGguf(path: string): Promise<GgufFile> {
  await using handle = await openGguf(path)
  const { version, metadata, tensors } = await readHeader(handle, path)
  return { path: await realpath(path), version, tensors, metadata: new GgufMetadata(metadata) }
}

async function openGguf(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (cause) {
    throw new AerieError('invalid_package', `${path} cannot be opened`, { cause })
  }
}

async function readHeader(handle: FileHandle, path: string): Promise<GgufHeader> {
  const { size } = await handle.stat()
  for (let length = FIRST_READ_BYTES; ; ) {
    const bytes = await readExactly(handle, { path, offset: 0, length: Math.min(length, size) })
    try {
      return parseGgufHeader(bytes, size)
    } catch (error) {
      if (!(error instanceof MoreBytesNeeded)) throw named(path, error)
      if (error.bytes > LARGEST_HEADER_BYTES)
        throw named(path, tooLarge(`the header has more than ${LARGEST_HEADER_BYTES} bytes`))
      length = Math.min(LARGEST_HEADER_BYTES, Math.max(error.bytes, length * 4))
    }
  }
}

function tooLarge(message: string): AerieError {
  return new AerieError('invalid_package', `GGUF: ${message}`)
}

function named(path: string, error: unknown): unknown {
  if (!(error instanceof AerieError)) return error
  return new AerieError('invalid_package', `${path}: ${error.message}`, { cause: error })
}
