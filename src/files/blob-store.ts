/** Bytes by key, for a folder or an object store. Keys are random and say nothing; records say what they are. */
import type { Readable } from 'node:stream'
import type { ByteRange } from './contract.ts'

export interface KeptBytes {
  readonly bytes: number
  /** Hex. */
  readonly sha256: string
}

export interface BlobEntry {
  readonly key: string
  /** Milliseconds since 1970, of the last write or of its end. */
  readonly touchedAt: number
  /** Undefined for what was not finished. */
  readonly bytes: number | undefined
}

export interface BlobStore {
  /**
   * Takes all that the source gives, or nothing: when it resolves, the bytes would survive a power cut, and are no blob
   * yet. `onBytes` hears of each piece before it is written and may throw.
   */
  receive(
    key: string,
    source: AsyncIterable<Uint8Array>,
    onBytes: (bytes: number) => void,
  ): Promise<KeptBytes>
  /** What was received is a blob from now on, also after a power cut. */
  finish(key: string): Promise<void>
  /** Rejects with `storage_failure` when the blob is not there or not of `bytes` bytes. */
  open(key: string, bytes: number, range?: ByteRange): Promise<Readable>
  /** Where other processes of this machine find the blob; a store that is elsewhere fetches it first. */
  localPath(key: string): Promise<string>
  /** What is there of it, finished or not. One that is not there is fine. */
  delete(key: string): Promise<void>
  /** Everything, in any order, for the collection of orphans. */
  list(): AsyncIterable<BlobEntry>
}
