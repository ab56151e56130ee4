/** Blobs in a bucket of a real server, as a store of files would open them. */
import { randomBytes } from 'node:crypto'
import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import {
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { ObjectCache, type ObjectCacheOptions } from '../../src/files/object-cache.ts'
import { S3Blobs } from '../../src/files/s3-blobs.ts'
import { connectObjectStore, parseObjectStore } from '../../src/files/shared-storage.ts'
import type { BlobPlace } from './blob-store-contract.ts'
import type { S3Server } from './s3-server.ts'
import { temporaryFolder } from './temporary-folder.ts'

export interface S3Place extends BlobPlace {
  readonly blobs: S3Blobs
  readonly cache: ObjectCache
  readonly client: S3Client
  readonly cacheFolder: string
  /** Puts other bytes, as many, in the place of a blob's. */
  replace(key: string, bytes: Uint8Array): Promise<void>
}

/** A bucket of its own, with a cache of its own. */
export async function openS3Place(
  server: S3Server,
  options: Partial<ObjectCacheOptions> = {},
): Promise<S3Place> {
  const folder = await temporaryFolder()
  const url = `${await server.createBucket(`bucket-${randomBytes(6).toString('hex')}`)}/some/where`
  const { bucket, prefix } = parseObjectStore(url)
  const access = { url, endpoint: server.endpoint, region: undefined, pathStyle: true }
  const client = connectObjectStore(access)
  const cacheFolder = join(folder.path, 'objects')
  const cache = new ObjectCache({
    ...{ folder: cacheFolder, maxBytes: 64 * 2 ** 20, holdMs: 60_000 },
    logger: { info() {}, warn() {}, error() {} },
    ...options,
  })
  const blobs = new S3Blobs({ client, bucket, prefix, cache, maxFileBytes: 2 ** 29 })
  await blobs.mark()
  const object = (key: string) => ({ Bucket: bucket, Key: prefix + key })
  return {
    ...{ blobs, cache, client, cacheFolder },
    leaveUnfinished: async (key) => {
      const { UploadId } = await client.send(new CreateMultipartUploadCommand(object(key)))
      await client.send(
        new UploadPartCommand({ ...object(key), UploadId, PartNumber: 1, Body: 'cut off' }),
      )
    },
    cut: (key) => truncate(join(server.folder, bucket, prefix, key), 7),
    replace: async (key, Body) => {
      await client.send(new PutObjectCommand({ ...object(key), Body }))
    },
    async [Symbol.asyncDispose]() {
      await cache.dispose()
      client.destroy()
      await folder[Symbol.asyncDispose]()
    },
  }
}
