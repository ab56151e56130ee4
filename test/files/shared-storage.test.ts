/** The store of files over a real PostgreSQL and a real S3 server. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3'
import { checkSharedFiles } from '../../src/doctor/shared-files.ts'
import { connectObjectStore } from '../../src/files/shared-storage.ts'
import { failsWith, idsOf, openStore, put, testFileStore } from '../support/file-store-contract.ts'
import { survivesKills } from '../support/kill-suite.ts'
import { NO_POSTGRES, type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { NO_S3, type S3Server, startS3 } from '../support/s3-server.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const skip = NO_POSTGRES || NO_S3
let postgres: PostgresServer
let s3: S3Server
if (!skip) {
  before(async () => {
    ;[postgres, s3] = await Promise.all([startPostgres(), startS3()])
  })
  after(async () => {
    await postgres[Symbol.asyncDispose]()
    await s3[Symbol.asyncDispose]()
  })
}

async function openPlace() {
  const folder = await temporaryFolder()
  const databaseUrl = await postgres.createDatabase()
  const bucket = `bucket-${randomBytes(6).toString('hex')}`
  const access = { endpoint: s3.endpoint, region: undefined, pathStyle: true }
  const objectStore = { url: `${await s3.createBucket(bucket)}/files`, ...access }
  const client = connectObjectStore(objectStore)
  const Bucket = bucket
  const objects = async () => {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }))
    return Contents.map(({ Key }) => Key!).filter((key) => !key.endsWith('/store'))
  }
  return {
    databaseUrl,
    bucket,
    options: {
      // Never touched.
      folder: '/nowhere',
      shared: {
        ...{ databaseUrl, maxConnections: 4, objectStore, maxFileBytes: 64 * 2 ** 20 },
        ...{ cacheFolder: join(folder.path, 'objects'), cacheBytes: 64 * 2 ** 20, holdMs: 60_000 },
      },
    },
    objects,
    blobs: async () => {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }))
      return (await objects()).length + Uploads.length
    },
    lose: async (key: string) => {
      await client.send(new DeleteObjectCommand({ Bucket, Key: key }))
    },
    cut: (key: string) => truncate(join(s3.folder, bucket, key), 3),
    async [Symbol.asyncDispose]() {
      client.destroy()
      await folder[Symbol.asyncDispose]()
    },
  }
}

testFileStore(
  'PostgreSQL and a bucket',
  async () => {
    const place = await openPlace()
    /** The object of a file, by what the database says. */
    const objectOf = async (id: string) => {
      const sql = `SELECT blob FROM aerie.files WHERE id = '${id}'`
      const [row] = await postgres.query(place.databaseUrl, sql)
      return (await place.objects()).find((key) => key.endsWith(String(row?.['blob'])))!
    }
    return {
      ...place,
      lose: async (_, { id }) => place.lose(await objectOf(id)),
      cut: async (_, { id }) => place.cut(await objectOf(id)),
    }
  },
  skip,
)

describe('shared storage', { skip }, () => {
  it('keeps every acknowledged file of a server that is killed, and nothing else', async (t) => {
    await using place = await openPlace()
    await survivesKills(t, { place: place.options, blobs: place.blobs }, { few: 5, share: 0.01 })
  })

  it('that is out of reach at the start is said at every call, and found again without a restart', async () => {
    await using place = await openPlace()
    await s3.stop()
    await using store = await openStore(place.options)
    try {
      const said = failsWith('storage_failure', /the object store cannot be reached/)
      await assert.rejects(put(store, 'x'), said)
      await assert.rejects(idsOf(store), said)
      assert.ok(store.errors[0]?.includes('files cannot be stored or read'))
      assert.match(store.errors[0] ?? '', new RegExp(`s3://${place.bucket}/files`))
    } finally {
      await s3.start()
    }
    await delay(1100)
    await put(store, 'x')
    await postgres.stop()
    try {
      await assert.rejects(
        put(store, 'x'),
        failsWith('storage_failure', /database cannot be reached/),
      )
      assert.ok(store.stats().failures >= 3)
    } finally {
      await postgres.start()
    }
    await put(store, 'x')
    assert.equal((await idsOf(store)).length, 2)
    // What could get no record went again, though the database could not say so.
    assert.equal(await place.blobs(), 2)
  })

  it('of a database whose bucket is another one is refused, and no record is removed', async () => {
    await using place = await openPlace()
    {
      await using store = await openStore(place.options)
      await put(store, 'x')
    }
    const { shared } = place.options
    const url = await s3.createBucket(`bucket-${randomBytes(6).toString('hex')}`)
    const wrong = { ...shared, objectStore: { ...shared.objectStore, url } }
    {
      await using store = await openStore({ ...place.options, shared: wrong, orphanAfterMs: -5000 })
      await assert.rejects(idsOf(store), failsWith('storage_failure', /name the right bucket/))
    }
    await using store = await openStore(place.options)
    assert.equal((await idsOf(store)).length, 1)
  })

  it('two databases in one bucket never take each other’s objects for leftovers', async () => {
    await using place = await openPlace()
    await using store = await openStore(place.options)
    await put(store, 'mine')
    const databaseUrl = await postgres.createDatabase()
    const shared = { ...place.options.shared, databaseUrl }
    {
      await using other = await openStore({ ...place.options, shared })
      await put(other, 'theirs')
    }
    await using other = await openStore({ ...place.options, shared, orphanAfterMs: -5000 })
    await delay(300)
    assert.equal(other.stats().orphans, 0)
    assert.equal((await place.objects()).length, 2)
  })

  it('is looked at by the doctor, before the first server and after, and a wrong bucket is found', async () => {
    await using place = await openPlace()
    const { shared } = place.options
    const before = await checkSharedFiles(shared)
    assert.deepEqual(
      before.map(({ state }) => state),
      ['ok', 'ok'],
    )
    assert.match(before[0]!.text, /^PostgreSQL \d+.*no schema aerie yet/)
    {
      await using store = await openStore(place.options)
      await put(store, 'x')
    }
    const [database, bucket] = await checkSharedFiles(shared)
    assert.match(database!.text, /^PostgreSQL \d.*, 1 files of 0\.00 GiB, version 1$/)
    assert.match(bucket!.text, /^s3:\/\/bucket-.* has the database's files$/)
    const url = await s3.createBucket(`bucket-${randomBytes(6).toString('hex')}`)
    const wrong = { ...shared, objectStore: { ...shared.objectStore, url } }
    const [, empty] = await checkSharedFiles(wrong)
    assert.equal(empty!.state, 'bad')
    assert.match(empty!.advice ?? '', /docs\/replicas\.md/)
  })

  it('writes no secret into its log', async () => {
    const lines: string[] = []
    await using folder = await temporaryFolder()
    await using store = await openStore({
      folder: folder.path,
      shared: {
        databaseUrl: 'postgres://aerie:a-secret@127.0.0.1:9/files',
        ...{ maxConnections: 1, maxFileBytes: 1, cacheBytes: 1, holdMs: 1 },
        objectStore: { url: 's3://b', endpoint: s3.endpoint, region: undefined, pathStyle: true },
        cacheFolder: join(folder.path, 'objects'),
      },
    })
    lines.push(...store.errors)
    assert.match(lines.join('\n'), /127\.0\.0\.1:9\/files/)
    assert.doesNotMatch(lines.join('\n'), /a-secret/)
  })
})
