/** Bytes by key, for a folder or an object store. Keys are random and say nothing; records say what they are. */
import type { Readable } from 'node:stream'
import type { ByteRange } from './contract.ts'

export interface KeptBytes {
  readonly bytes: number
  /** Hex. */
  readonly sha256: string
}

/** A blob as its record describes it. */
export interface Blob extends KeptBytes {
  readonly key: string
}

export interface UnfinishedEntry {
  readonly key: string
  /** Milliseconds since 1970, of the last write. */
  readonly touchedAt: number
}

export interface BlobEntry extends UnfinishedEntry {
  readonly bytes: number
}

export interface CacheStats {
  readonly entries: number
  readonly bytes: number
  readonly maxBytes: number
  /** To be fetched. */
  readonly waiting: number
  readonly maxWaiting: number
  /** Since start. */
  readonly hits: number
  readonly misses: number
  readonly evictions: number
}

export interface BlobStore {
  /**
   * Takes all that the source gives, or nothing: when it resolves, the bytes would survive a power cut; they need not be a
   * blob yet. `onBytes` hears of each piece before it is written and may throw.
   */
  receive(
    key: string,
    source: AsyncIterable<Uint8Array>,
    onBytes: (bytes: number) => void,
  ): Promise<KeptBytes>
  /** What was received is a blob from now on, also after a power cut. */
  finish(key: string): Promise<void>
  /** Rejects with `storage_failure` when the blob is not there or not of `bytes` bytes. */
  open(blob: Blob, range?: ByteRange): Promise<Readable>
  /**
   * Where other processes of this machine find the blob. A store that is elsewhere fetches it first, and keeps it there
   * for as long as a request may take.
   */
  localPath(blob: Blob, signal?: AbortSignal): Promise<string>
  /** Bytes of a finished blob; undefined where there is none. */
  size(key: string): Promise<number | undefined>
  /** What is there of it, finished or not. One that is not there is fine. */
  delete(key: string): Promise<void>
  /** All blobs in the order of their keys, for the collection of orphans. */
  list(): AsyncIterable<BlobEntry>
  /** Everything that was begun and is no blob, in any order. */
  unfinished(): AsyncIterable<UnfinishedEntry>
  /** Of the copies that `localPath` made; undefined for a store whose blobs lie here anyway. */
  cacheStats(): CacheStats | undefined
}

const KEY = /^[0-9a-f]{32}$/

export function isBlobKey(name: string): boolean {
  return KEY.test(name)
}
