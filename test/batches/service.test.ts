/** Batches over restarts, damage and several servers on one folder. */
import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { BATCH_RECORDS } from '../../src/batches/records-source.ts'
import { AerieError } from '../../src/errors.ts'
import type { FileStore } from '../../src/files/contract.ts'
import { recordsInFolder } from '../../src/records/records-thread.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { openTestApp } from '../support/http-app.ts'
import { filledUp, smallDisk } from '../support/small-disk.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const TENANT = 'anonymous'
const logger = createLogger({ level: 'silent' })

/** A server on a folder that others may share. */
function serve(folder: string, options: Parameters<typeof openTestApp>[0] = {}) {
  const batching = {
    source: recordsInFolder({ ...BATCH_RECORDS, folder: join(folder, 'batches'), logger }),
    ...options.batching,
  }
  return openTestApp({ ...options, store: { folder: join(folder, 'files') }, batching })
}

async function upload(files: FileStore, lines: number): Promise<string> {
  const text = Array.from({ length: lines }, (_, i) => {
    const body = { model: 'echo', messages: [{ role: 'user', content: `line ${i}` }] }
    return JSON.stringify({ custom_id: `${i}`, method: 'POST', url: '/v1/chat/completions', body })
  }).join('\n')
  await using room = files.beginUpload(TENANT)
  await room.receive(
    (async function* () {
      yield Buffer.from(text)
    })(),
  )
  const purpose = 'batch'
  const expiresAfterSeconds = undefined
  const file = await room.create({ filename: 'in.jsonl', purpose, expiresAfterSeconds })
  return file.id
}

const batchOf = (inputFileId: string) => ({
  ...({ tenant: TENANT, endpoint: '/v1/chat/completions', inputFileId } as const),
  ...{ metadata: undefined, outputExpiresAfterSeconds: undefined },
})

type App = Awaited<ReturnType<typeof serve>>

async function untilEnd({ batches, files }: App, id: string) {
  for (;;) {
    const batch = (await batches.find(TENANT, id))!
    if (batch.completedAt === undefined) {
      await delay(10)
      continue
    }
    const file = (await files.find(TENANT, batch.outputFileId!))!
    const pieces: Buffer[] = []
    for await (const piece of await files.read(file)) pieces.push(piece)
    const lines = Buffer.concat(pieces).toString().trimEnd().split('\n')
    return lines.map((line) => Number(JSON.parse(line).custom_id))
  }
}

/** Lets eight requests through and holds the others up, so that what is to come between them does, however busy the machine is. */
const afterEight = (app: () => App, hold: Promise<void>) => ({
  get hold() {
    return app().service.requests.length > 8 ? hold : Promise.resolve()
  },
})

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

describe('batches', () => {
  it('go on where they were when a server stops in good order and another starts', async () => {
    await using folder = await temporaryFolder()
    const first = await serve(folder.path, { echo: { tokenDelayMs: 10 } })
    const { id } = await first.batches.create(batchOf(await upload(first.files, 30)))
    while (((await first.batches.find(TENANT, id))?.counts.completed ?? 0) < 5) await delay(5)
    await first[Symbol.asyncDispose]()
    const ran = first.service.requests.length
    await using second = await serve(folder.path)
    assert.deepEqual(await untilEnd(second, id), upTo(30))
    assert.ok(second.service.requests.length < 30, 'what was done was not done again')
    assert.ok(ran + second.service.requests.length >= 30)
  })

  it('of one folder are shared by its servers, and every line is run by one of them', async () => {
    await using folder = await temporaryFolder()
    const hold = Promise.withResolvers<void>()
    // Neither takes the other for dead, on a machine that stands still for a moment.
    const batching = { timing: { beatMs: 5000, retryMs: 10 } }
    // Has lines and does not get on with them before the other has done some of the rest.
    await using a = await serve(folder.path, { batching, echo: { hold: hold.promise } })
    const { id } = await a.batches.create(batchOf(await upload(a.files, 60)))
    while (a.service.requests.length === 0) await delay(5)
    await using b = await serve(folder.path, { batching })
    while (b.batches.stats().completed === 0) await delay(5)
    hold.resolve()
    assert.deepEqual(await untilEnd(a, id), upTo(60))
    assert.equal(a.service.requests.length + b.service.requests.length, 60)
  })

  it('say that their database is damaged, and go on once it is mended', async () => {
    await using folder = await temporaryFolder()
    const first = await serve(folder.path)
    const input = await upload(first.files, 2)
    await untilEnd(first, (await first.batches.create(batchOf(input))).id)
    await first[Symbol.asyncDispose]()
    const path = join(folder.path, 'batches', 'batches.sqlite')
    for (const end of ['-wal', '-shm']) await rm(path + end, { force: true })
    await writeFile(path, 'not a database at all, and long enough to look like one'.repeat(100))
    await using app = await serve(folder.path)
    await assert.rejects(
      app.batches.create(batchOf(input)),
      (error: unknown) =>
        error instanceof AerieError &&
        error.code === 'storage_failure' &&
        /batches: the database is damaged/.test(error.message),
    )
    const chat = await app.chat({})
    assert.equal(chat.status, 200, 'chats go on')
    await rm(path)
    for (;;) {
      const made = await app.batches.create(batchOf(input)).catch(() => undefined)
      if (made) break
      await delay(50)
    }
  })

  it('fail a line that ended servers again and again, and run the others', async () => {
    await using folder = await temporaryFolder()
    const app = await serve(folder.path, { echo: { startDelayMs: 600_000 } })
    const { id } = await app.batches.create(batchOf(await upload(app.files, 3)))
    while (app.service.requests.length < 3) await delay(5)
    await app[Symbol.asyncDispose]()
    using database = new DatabaseSync(join(folder.path, 'batches', 'batches.sqlite'))
    database.exec('UPDATE lines SET crashes = 4 WHERE line = 2')
    await using next = await serve(folder.path)
    assert.deepEqual(await untilEnd(next, id), [0, 2])
    const batch = (await next.batches.find(TENANT, id))!
    assert.deepEqual(batch.counts, { total: 3, completed: 2, failed: 1 })
  })
})

describe('the disk of batches', () => {
  const isFull = /batches: the disk is full/

  it('that is full: results are held, chats go on, and with room each line has been run once', async (t) => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'disk')
    await mkdir(path)
    using disk = smallDisk(t, path, '8m')
    if (!disk) return
    const batching = {
      source: recordsInFolder({ ...BATCH_RECORDS, folder: join(path, 'batches'), logger }),
    }
    const hold = Promise.withResolvers<void>()
    const echo = afterEight(() => app, hold.promise)
    await using app: App = await serve(folder.path, { batching, echo })
    const input = await upload(app.files, 40)
    const { id } = await app.batches.create(batchOf(input))
    while (((await app.batches.find(TENANT, id))?.counts.completed ?? 0) < 4) await delay(5)
    const { free } = await filledUp(path)
    hold.resolve()
    while (!isFull.test((await app.batches.find(TENANT, id))?.waitingFor ?? '')) await delay(5)
    await assert.rejects(
      app.batches.create(batchOf(input)),
      (error) =>
        error instanceof AerieError &&
        error.code === 'insufficient_storage' &&
        isFull.test(error.message),
    )
    assert.equal((await app.chat({})).status, 200)
    assert.ok(app.batches.stats().failures > 0)
    await free()
    assert.deepEqual(await untilEnd(app, id), upTo(40))
    assert.equal(app.service.requests.length, 40 + 1, 'no line was run again, and one chat')
    assert.equal((await app.batches.find(TENANT, id))?.waitingFor, undefined)
  })

  it('that is read-only: every call says so, chats go on, and batches by themselves once it is mended', async (t) => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'disk')
    await mkdir(path)
    using disk = smallDisk(t, path, '8m')
    if (!disk) return
    const batching = {
      source: recordsInFolder({ ...BATCH_RECORDS, folder: join(path, 'batches'), logger }),
    }
    const echo = afterEight(() => first, new Promise<void>(() => {}))
    const first: App = await serve(folder.path, { batching, echo })
    const input = await upload(first.files, 20)
    const { id } = await first.batches.create(batchOf(input))
    while (((await first.batches.find(TENANT, id))?.counts.completed ?? 0) < 4) await delay(5)
    await first[Symbol.asyncDispose]()
    disk.remount('ro')
    await using app = await serve(folder.path, { batching })
    for (const call of [
      () => app.batches.find(TENANT, id),
      () => app.batches.create(batchOf(input)),
    ])
      await assert.rejects(
        call,
        (error) =>
          error instanceof AerieError &&
          error.code === 'storage_failure' &&
          /batches: the folder cannot be written to/.test(error.message),
      )
    assert.equal((await app.chat({})).status, 200)
    disk.remount('rw')
    while (app.batches.stats().completed < 10) await delay(20)
    assert.deepEqual(await untilEnd(app, id), upTo(20))
  })
})
