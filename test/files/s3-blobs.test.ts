/** Blobs in a bucket of a real S3 server, and what a network and a server of its own add: timeouts, refusals, damage. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { AerieError } from '../../src/errors.ts'
import { newBlobKey } from '../../src/files/file-id.ts'
import { ObjectCache } from '../../src/files/object-cache.ts'
import { S3Blobs } from '../../src/files/s3-blobs.ts'
import { connectObjectStore, type ObjectStoreOptions } from '../../src/files/shared-storage.ts'
import { inPieces, keep, someBytes, testBlobStore } from '../support/blob-store-contract.ts'
import { openS3Place } from '../support/s3-blobs.ts'
import { CREDENTIALS, NO_S3, type S3Server, startS3 } from '../support/s3-server.ts'

const MiB = 2 ** 20
let server: S3Server
if (!NO_S3) {
  before(async () => {
    server = await startS3()
  })
  after(() => server[Symbol.asyncDispose]())
}

testBlobStore('a bucket', () => openS3Place(server), { skip: NO_S3 })

function fails(message: RegExp, code = 'storage_failure') {
  return (error: unknown) => {
    assert.ok(error instanceof AerieError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assert.doesNotMatch(error.message, /127\.0\.0\.1|bucket-|secret/)
    return true
  }
}

function blobsAt(options: Partial<ObjectStoreOptions>, bucket = 'bucket-of-nobody') {
  const client = connectObjectStore({
    ...{ url: `s3://${bucket}`, endpoint: server.endpoint, region: undefined, pathStyle: true },
    ...options,
  })
  const logger = { info() {}, warn() {}, error() {} }
  const cache = new ObjectCache({ folder: '/nowhere', maxBytes: 1, holdMs: 1, logger })
  const blobs = new S3Blobs({ client, bucket, prefix: '', cache, maxFileBytes: MiB })
  const asyncDispose = async () => {
    await cache.dispose()
    client.destroy()
  }
  return { blobs, client, [Symbol.asyncDispose]: asyncDispose }
}

describe('an object store', { skip: NO_S3 }, () => {
  const receive = (blobs: S3Blobs, size = 10) =>
    blobs.receive(newBlobKey(), inPieces(someBytes(size)), () => {})

  it('without the bucket says so', async () => {
    await using at = blobsAt({})
    const missing = fails(/the bucket that objectStore names is not there/)
    for (const size of [10, 12 * MiB]) await assert.rejects(receive(at.blobs, size), missing)
    await assert.rejects(at.blobs.delete(newBlobKey()), missing)
  })

  it('that refuses the credentials says so', async () => {
    const place = await openS3Place(server)
    await using _ = place
    process.env['AWS_SECRET_ACCESS_KEY'] = 'not the secret'
    try {
      await using at = blobsAt({})
      await assert.rejects(receive(at.blobs), fails(/refuses the credentials/))
      await assert.rejects(at.blobs.assertMarked(), fails(/refuses the credentials/))
    } finally {
      Object.assign(process.env, CREDENTIALS)
    }
  })

  it('that does not answer is given up in time, and one that is not there at once', async () => {
    const sockets = new Set<{ destroy(): void }>()
    const silent = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1')
    await new Promise((resolve) => silent.once('listening', resolve))
    const { port } = silent.address() as { port: number }
    try {
      await using at = blobsAt({ endpoint: `http://127.0.0.1:${port}` })
      // What a server is given in production takes this test too long.
      at.client.config.requestHandler = new (
        await import('@smithy/node-http-handler')
      ).NodeHttpHandler({ requestTimeout: 100, throwOnRequestTimeout: true })
      await assert.rejects(at.blobs.assertMarked(), fails(/does not answer in time/))
    } finally {
      for (const socket of sockets) socket.destroy()
      silent.close()
    }
    await using at = blobsAt({ endpoint: 'http://127.0.0.1:9' })
    await assert.rejects(at.blobs.assertMarked(), fails(/cannot be reached \(ECONNREFUSED\)/))
  })

  it('that restarts is one clear failure, and then all goes on', async () => {
    await using place = await openS3Place(server)
    const blob = await keep(place.blobs, someBytes(1000))
    await server.stop()
    await assert.rejects(place.blobs.open(blob), fails(/cannot be reached/))
    await assert.rejects(receive(place.blobs), fails(/cannot be reached/))
    await server.start()
    assert.equal(await place.blobs.size(blob.key), 1000)
  })

  it('whose place is not marked is not this store’s: an empty listing would lose every record', async () => {
    await using place = await openS3Place(server)
    await keep(place.blobs, someBytes(1))
    await place.replace('store', Buffer.from('still marked'))
    await place.blobs.assertMarked()
    await place.blobs.delete('store')
    await assert.rejects(
      async () => {
        for await (const _ of place.blobs.list());
      },
      fails(/has none of its objects; name the right bucket/),
    )
  })

  it('whose bytes are not those that were uploaded is found out, and nothing is kept of them', async () => {
    await using place = await openS3Place(server)
    const blob = await keep(place.blobs, someBytes(5000))
    await place.replace(blob.key, Buffer.alloc(5000, 1))
    await assert.rejects(place.blobs.localPath(blob), fails(/not those that were uploaded/))
    assert.equal(place.cache.stats().bytes, 0)
    await place.replace(blob.key, someBytes(5000))
    await place.blobs.localPath(blob)
    assert.equal(place.cache.stats().bytes, 5000)
  })

  it('holds a large upload in parts, and never more than a few of them here', async () => {
    await using place = await openS3Place(server)
    const piece = someBytes(MiB)
    let most = 0
    const source = async function* () {
      for (let i = 0; i < 96; i++) {
        // What nobody holds is not to be counted.
        globalThis.gc?.()
        most = Math.max(most, process.memoryUsage().arrayBuffers)
        yield Buffer.from(piece)
      }
    }
    globalThis.gc?.()
    const before = process.memoryUsage().arrayBuffers
    const { bytes } = await place.blobs.receive(newBlobKey(), source(), () => {})
    assert.equal(bytes, 96 * MiB)
    assert.ok(most - before < 64 * MiB, `${(most - before) / MiB} MiB of 96 were held`)
  })
})
