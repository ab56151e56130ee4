/** Blobs as files of one folder of this machine. A blob appears whole, by a rename, once its bytes are on the disk. */
import { createHash } from 'node:crypto'
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { AerieError } from '../errors.ts'
import { writeAll } from '../write-all.ts'
import {
  type Blob,
  type BlobEntry,
  type BlobStore,
  isBlobKey,
  type KeptBytes,
  type UnfinishedEntry,
} from './blob-store.ts'
import type { ByteRange } from './contract.ts'
import { onDisk } from './storage-error.ts'

const UNFINISHED = '.part'
/** Bytes read at a time for a client. */
const READ_BYTES = 256 * 2 ** 10

export class BlobFolder implements BlobStore {
  readonly #folder: string

  /** The folder must be there, and nobody else's. */
  constructor(folder: string) {
    this.#folder = folder
  }

  async receive(
    key: string,
    source: AsyncIterable<Uint8Array>,
    onBytes: (bytes: number) => void,
  ): Promise<KeptBytes> {
    try {
      return await this.#write(this.#path(key) + UNFINISHED, source, onBytes)
    } catch (error) {
      // What cannot even be removed is an orphan, and found as one later.
      await this.delete(key).catch(() => {})
      throw error
    }
  }

  async finish(key: string): Promise<void> {
    await onDisk(rename(this.#path(key) + UNFINISHED, this.#path(key)))
    await onDisk(this.#syncFolder())
  }

  async open({ key, bytes }: Blob, range?: ByteRange): Promise<Readable> {
    const file = await onDisk(open(this.#path(key), 'r'))
    try {
      const { size } = await onDisk(file.stat())
      if (size !== bytes) {
        const what = `a file has ${size} bytes on the disk and ${bytes} in the database`
        throw new AerieError('storage_failure', `files: ${what}`)
      }
      return file.createReadStream({ ...range, highWaterMark: READ_BYTES })
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async localPath({ key }: Blob): Promise<string> {
    return this.#path(key)
  }

  async size(key: string): Promise<number | undefined> {
    return (await this.#stat(key))?.bytes
  }

  async delete(key: string): Promise<void> {
    await onDisk(rm(this.#path(key) + UNFINISHED, { force: true }))
    await onDisk(rm(this.#path(key), { force: true }))
  }

  async *list(): AsyncGenerator<BlobEntry> {
    for (const key of await this.#names('')) {
      const found = await this.#stat(key)
      if (found) yield { key, ...found }
    }
  }

  async *unfinished(): AsyncGenerator<UnfinishedEntry> {
    for (const key of await this.#names(UNFINISHED)) {
      const found = await this.#stat(key + UNFINISHED)
      if (found) yield { key, touchedAt: found.touchedAt }
    }
  }

  cacheStats(): undefined {
    return undefined
  }

  /** Keys of the files whose names end so, in order. */
  async #names(ending: string): Promise<string[]> {
    const names = await onDisk(readdir(this.#folder))
    return names
      .filter((name) => name.endsWith(ending))
      .map((name) => name.slice(0, name.length - ending.length))
      .filter(isBlobKey)
      .sort()
  }

  /** Undefined where another server has renamed or removed it since. */
  async #stat(name: string): Promise<Omit<BlobEntry, 'key'> | undefined> {
    const info = await onDisk(
      stat(join(this.#folder, name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
        return undefined
      }),
    )
    // A rename is no write, but it does change the inode.
    return info && { touchedAt: Math.max(info.mtimeMs, info.ctimeMs), bytes: info.size }
  }

  async #write(
    path: string,
    source: AsyncIterable<Uint8Array>,
    onBytes: (bytes: number) => void,
  ): Promise<KeptBytes> {
    // Hashing stays on this thread: a piece of 64 KiB takes it well under a tenth of a millisecond.
    const hash = createHash('sha256')
    let bytes = 0
    await using file = await onDisk(open(path, 'wx', 0o600))
    for await (const piece of source) {
      onBytes(piece.byteLength)
      hash.update(piece)
      await onDisk(writeAll(file, piece))
      bytes += piece.byteLength
    }
    await onDisk(file.sync())
    return { bytes, sha256: hash.digest('hex') }
  }

  /** So that the name survives a power cut as the bytes do. */
  async #syncFolder(): Promise<void> {
    await using folder: FileHandle = await open(this.#folder, 'r')
    await folder.sync()
  }

  #path(key: string): string {
    return join(this.#folder, key)
  }
}
