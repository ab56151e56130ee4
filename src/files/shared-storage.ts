/** Files that several replicas share: records in PostgreSQL, bytes in an object store. Loads both libraries, so import it when it is needed. */
import { S3Client } from '@aws-sdk/client-s3'
import type { Logger } from '../engine/logger.ts'
import type { FileStorage } from './file-storage.ts'
import { ObjectCache } from './object-cache.ts'
import { PostgresDatabase } from './postgres-database.ts'
import { PostgresRecords } from './postgres-records.ts'
import { S3Blobs } from './s3-blobs.ts'

export interface ObjectStoreOptions {
  /** `s3://bucket/prefix`; the prefix may be missing. */
  readonly url: string
  /** Of a server that is not Amazon's. */
  readonly endpoint: string | undefined
  /** Absent: as the SDK finds it. */
  readonly region: string | undefined
  /** Whether the bucket stands in the path and not in the name of the host. */
  readonly pathStyle: boolean
}

export interface SharedStorageOptions {
  /** `postgres://…`; a secret. */
  readonly databaseUrl: string
  readonly maxConnections: number
  readonly objectStore: ObjectStoreOptions
  /** Copies of objects lie here while they are used. */
  readonly cacheFolder: string
  readonly cacheBytes: number
  /** Milliseconds for which a copy stays after it was asked for. */
  readonly holdMs: number
  readonly maxFileBytes: number
}

/** To connect; for the first byte of an answer; without any byte. */
const TIMEOUTS = { connectionTimeout: 5_000, requestTimeout: 30_000, socketTimeout: 60_000 }
/** Of an attempt that failed in a way that may pass, with pauses between. */
const MOST_ATTEMPTS = 3
const MOST_SOCKETS = 64
/** Servers that are not Amazon's mostly have one region, and mostly this. */
const ANY_REGION = 'us-east-1'

export function sharedStorage(options: SharedStorageOptions, logger: Logger): FileStorage {
  const { databaseUrl, maxConnections, objectStore } = options
  const { host, pathname } = new URL(databaseUrl)
  return {
    place: { database: host + pathname, objectStore: objectStore.url },
    isThere: async () => true,
    open: async () => {
      const database = new PostgresDatabase({ url: databaseUrl, maxConnections, logger })
      const client = connectObjectStore(objectStore)
      const cache = new ObjectCache({
        ...{ folder: options.cacheFolder, maxBytes: options.cacheBytes },
        ...{ holdMs: options.holdMs, logger },
      })
      const dispose = async () => {
        await cache.dispose()
        await database.dispose()
        client.destroy()
      }
      try {
        const records = await PostgresRecords.open(database)
        const { bucket, prefix } = parseObjectStore(objectStore.url)
        const blobs = new S3Blobs({
          ...{ client, bucket, prefix: `${prefix}${records.storeId}/`, cache },
          maxFileBytes: options.maxFileBytes,
        })
        // An empty bucket is made this store's own; where there are files already, it has to be it.
        if (records.lastTotals.files === 0) await blobs.mark()
        else await blobs.assertMarked()
        return {
          ...{ records, blobs, dispose },
          lastTotals: () => records.lastTotals,
          connections: () => database.stats(),
        }
      } catch (error) {
        await dispose()
        throw error
      }
    },
  }
}

export function connectObjectStore({ endpoint, region, pathStyle }: ObjectStoreOptions): S3Client {
  const agent = { keepAlive: true, maxSockets: MOST_SOCKETS }
  const known = region ?? (endpoint === undefined ? undefined : ANY_REGION)
  return new S3Client({
    ...(endpoint !== undefined && { endpoint }),
    ...(known !== undefined && { region: known }),
    forcePathStyle: pathStyle,
    maxAttempts: MOST_ATTEMPTS,
    requestHandler: {
      ...TIMEOUTS,
      throwOnRequestTimeout: true,
      ...{ httpAgent: agent, httpsAgent: agent },
    },
  })
}

/** The bucket, and the prefix with a slash at its end where there is one. */
export function parseObjectStore(url: string): {
  readonly bucket: string
  readonly prefix: string
} {
  const { host, pathname } = new URL(url)
  const prefix = pathname.replace(/^\/+|\/+$/g, '')
  return { bucket: host, prefix: prefix === '' ? '' : `${prefix}/` }
}
