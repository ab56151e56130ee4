/** Blobs as objects of a bucket, through Amazon's SDK, which tries again by itself. Loads the SDK, so import it when it is needed. */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  type MultipartUpload,
  PutObjectCommand,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { AerieError } from '../errors.ts'
import {
  type Blob,
  type BlobEntry,
  type BlobStore,
  type CacheStats,
  isBlobKey,
  type KeptBytes,
  type UnfinishedEntry,
} from './blob-store.ts'
import type { ByteRange } from './contract.ts'
import type { ObjectCache } from './object-cache.ts'
import { isNotThere, objectStoreError, onObjectStore } from './s3-error.ts'

const MiB = 2 ** 20
/** S3 takes no smaller parts but the last, and no more than 10 000 of them. */
const PART_BYTES = 5 * MiB
const MOST_PARTS = 10_000
/** Beside the blobs, so that an empty place can be told from a wrong one. */
const MARKER = 'store'

export interface S3BlobsOptions {
  readonly client: S3Client
  readonly bucket: string
  /** What all names begin with: empty, or with a slash at its end. */
  readonly prefix: string
  readonly cache: ObjectCache
  /** A part is as large as a file of so many bytes asks for. */
  readonly maxFileBytes: number
}

export class S3Blobs implements BlobStore {
  readonly #client: S3Client
  readonly #place: { readonly Bucket: string }
  readonly #prefix: string
  readonly #cache: ObjectCache
  readonly #partSize: number

  constructor({ client, bucket, prefix, cache, maxFileBytes }: S3BlobsOptions) {
    this.#client = client
    this.#place = { Bucket: bucket }
    this.#prefix = prefix
    this.#cache = cache
    this.#partSize = Math.max(PART_BYTES, Math.ceil(maxFileBytes / MOST_PARTS))
  }

  /** Makes the place this store's own, by an object that says so. */
  async mark(): Promise<void> {
    const Body = 'Files of an Aerie server; its database has their names.\n'
    await onObjectStore(this.#client.send(new PutObjectCommand({ ...this.#object(MARKER), Body })))
  }

  /** Rejects with `storage_failure` where nothing says that this store's blobs are here. */
  async assertMarked(): Promise<void> {
    if ((await this.#head(MARKER)) !== undefined) return
    const what =
      'the database tells of files, and the bucket of objectStore has none of its objects'
    throw new AerieError('storage_failure', `files: ${what}; name the right bucket and prefix`)
  }

  /** Rejects with `storage_failure` where the bucket is not there, cannot be reached or may not be read. */
  async assertReachable(): Promise<void> {
    const few = { ...this.#place, Prefix: this.#prefix, MaxKeys: 1 }
    await onObjectStore(this.#client.send(new ListObjectsV2Command(few)))
  }

  /** Bytes go out in parts, of which one is put together while it comes. The last one makes an object of them. */
  async receive(
    key: string,
    source: AsyncIterable<Uint8Array>,
    onBytes: (bytes: number) => void,
  ): Promise<KeptBytes> {
    const hash = createHash('sha256')
    let bytes = 0
    let fault: unknown
    async function* pieces() {
      // What is thrown while a piece is being sent comes from there, and is no fault of the source.
      let isSending = false
      try {
        for await (const piece of source) {
          onBytes(piece.byteLength)
          hash.update(piece)
          bytes += piece.byteLength
          isSending = true
          yield piece
          isSending = false
        }
      } catch (error) {
        if (!isSending) fault = error
        throw error
      }
    }
    try {
      await new Upload({
        client: this.#client,
        params: { ...this.#object(key), Body: Readable.from(pieces(), { highWaterMark: 1 }) },
        partSize: this.#partSize,
        queueSize: 1,
      }).done()
    } catch (error) {
      // What cannot even be removed is an orphan, and found as one later.
      await this.delete(key).catch(() => {})
      throw fault ?? objectStoreError(error)
    }
    return { bytes, sha256: hash.digest('hex') }
  }

  /** An object that was received is there, whole; that no record names it makes it an orphan, and nothing else does. */
  async finish(): Promise<void> {}

  async open({ key, bytes }: Blob, range?: ByteRange): Promise<Readable> {
    return await this.#get(key, bytes, range)
  }

  async localPath(blob: Blob, signal?: AbortSignal): Promise<string> {
    const fetch = (abort: AbortSignal) => this.#get(blob.key, blob.bytes, undefined, abort)
    return await this.#cache.path(blob, fetch, signal)
  }

  async size(key: string): Promise<number | undefined> {
    return await this.#head(key)
  }

  async delete(key: string): Promise<void> {
    await this.#cache.forget(key)
    for await (const upload of this.#uploads(this.#prefix + key)) {
      const { Key, UploadId } = upload
      await onObjectStore(
        this.#client.send(new AbortMultipartUploadCommand({ ...this.#place, Key, UploadId })),
      ).catch((error: unknown) => {
        // Somebody else was quicker.
        if (!hasName(error, 'NoSuchUpload')) throw error
      })
    }
    await onObjectStore(this.#client.send(new DeleteObjectCommand(this.#object(key))))
  }

  async *list(): AsyncGenerator<BlobEntry> {
    // An empty listing of a wrong place would make lost files of all records.
    await this.assertMarked()
    const pages = paginateListObjectsV2(
      { client: this.#client },
      { ...this.#place, Prefix: this.#prefix },
    )
    for await (const { Contents = [] } of translated(pages)) {
      for (const { Key, Size, LastModified } of Contents) {
        const key = this.#keyOf(Key)
        if (key === undefined) continue
        yield { key, bytes: Size ?? 0, touchedAt: LastModified?.getTime() ?? 0 }
      }
    }
  }

  async *unfinished(): AsyncGenerator<UnfinishedEntry> {
    for await (const { Key, UploadId, Initiated } of this.#uploads(this.#prefix)) {
      const key = this.#keyOf(Key)
      if (key === undefined) continue
      const touchedAt = await this.#lastPart({ Key, UploadId }, Initiated?.getTime() ?? 0)
      yield { key, touchedAt }
    }
  }

  cacheStats(): CacheStats {
    return this.#cache.stats()
  }

  async #get(
    key: string,
    bytes: number,
    range?: ByteRange,
    abortSignal?: AbortSignal,
  ): Promise<Readable> {
    const Range = range && `bytes=${range.start}-${range.end}`
    const answer = await onObjectStore(
      this.#client.send(new GetObjectCommand({ ...this.#object(key), Range }), {
        ...(abortSignal && { abortSignal }),
      }),
    )
    const body = answer.Body as Readable
    const size = range ? Number(answer.ContentRange?.split('/')[1]) : answer.ContentLength
    if (size !== bytes) {
      body.destroy()
      const what = `a file has ${size} bytes in the bucket and ${bytes} in the database`
      throw new AerieError('storage_failure', `files: ${what}`)
    }
    return Readable.from(translated(body), { objectMode: false })
  }

  async #head(name: string): Promise<number | undefined> {
    try {
      const { ContentLength } = await this.#client.send(new HeadObjectCommand(this.#object(name)))
      return ContentLength
    } catch (error) {
      if (isNotThere(error)) return undefined
      throw objectStoreError(error)
    }
  }

  /**
   * Milliseconds since 1970 of the last part of an upload that was begun at `begun`. The SDK's own pagination goes round for ever
   * where a server names a next part on the last page, as some do.
   */
  async #lastPart(
    upload: Pick<MultipartUpload, 'Key' | 'UploadId'>,
    begun: number,
  ): Promise<number> {
    let last = begun
    const { Key, UploadId } = upload
    for (let PartNumberMarker: string | undefined; ; ) {
      const named = { ...this.#place, Key, UploadId, PartNumberMarker }
      const page = await onObjectStore(this.#client.send(new ListPartsCommand(named))).catch(
        (error: unknown) => {
          // Finished or given up meanwhile.
          if (!hasName(error, 'NoSuchUpload')) throw error
          return undefined
        },
      )
      for (const { LastModified } of page?.Parts ?? [])
        last = Math.max(last, LastModified?.getTime() ?? 0)
      if (!page?.IsTruncated || page.NextPartNumberMarker === PartNumberMarker) return last
      PartNumberMarker = page.NextPartNumberMarker
    }
  }

  async *#uploads(prefix: string): AsyncGenerator<MultipartUpload> {
    let from: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}
    while (from) {
      const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({
        ...{ ...this.#place, Prefix: prefix },
        ...from,
      })
      const page = await onObjectStore(this.#client.send(command))
      yield* page.Uploads ?? []
      const { IsTruncated, NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page
      from =
        IsTruncated && KeyMarker !== undefined
          ? { KeyMarker, ...(UploadIdMarker !== undefined && { UploadIdMarker }) }
          : undefined
    }
  }

  #object(name: string): { readonly Bucket: string; readonly Key: string } {
    return { ...this.#place, Key: this.#prefix + name }
  }

  /** Undefined for what is not this store's. */
  #keyOf(name: string | undefined): string | undefined {
    const key = name?.slice(this.#prefix.length)
    return key !== undefined && isBlobKey(key) ? key : undefined
  }
}

/** The same things, with failures in the server's own codes. */
async function* translated<T>(things: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* things
  } catch (error) {
    throw objectStoreError(error)
  }
}

function hasName(error: unknown, name: string): boolean {
  const cause = error instanceof AerieError ? error.cause : error
  return cause instanceof Error && cause.name === name
}
