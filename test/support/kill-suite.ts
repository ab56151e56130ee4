/** Uploads and deletions at a server that is killed again and again: what was acknowledged holds, and no half of a file is ever shown. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import OpenAI, { toFile } from 'openai'
import { type FileStoreOptions, openFileStore } from '../../src/files/file-store.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { propertyRuns } from './property-runs.ts'
import { seededRandom } from './seeded-random.ts'

const PROGRAM = fileURLToPath(new URL('./file-server.ts', import.meta.url))
const CLIENTS = 4
const MOST_BYTES = 400_000
/** Of a server's life: until so many files were acknowledged, and then a moment more. */
const MOST_FILES = 8
const MOST_MS = 60

type Place = Pick<FileStoreOptions, 'folder' | 'shared'>

async function startServer(place: Place) {
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(place)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string]
  const { files } = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })
  return {
    files,
    async kill() {
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
  }
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** `blobs` counts what is there, finished or not. */
export async function survivesKills(
  t: TestContext,
  { place, blobs }: { readonly place: Place; readonly blobs: () => Promise<number> },
  runs: { readonly few: number; readonly share: number },
): Promise<void> {
  const { numRuns, seed } = propertyRuns(runs.few, t, runs.share)
  const random = seededRandom(seed)
  /** Acknowledged and not yet asked to be deleted: id → digest. */
  const there = new Map<string, string>()
  /** Digests of everything that was ever sent, by name. */
  const sent = new Map<string, string>()
  const deleted = new Set<string>()
  let acknowledged = 0

  const upload = async (files: OpenAI['files'], name: string) => {
    const bytes = Buffer.alloc(Math.floor(random() * MOST_BYTES), name)
    sent.set(name, sha256(bytes))
    const file = await files.create({ file: await toFile(bytes, name), purpose: 'user_data' })
    there.set(file.id, sha256(bytes))
    acknowledged++
  }
  const remove = async (files: OpenAI['files']) => {
    const [id] = [...there.keys()]
    if (id === undefined) return
    // Whether an unanswered deletion took place, nobody knows.
    there.delete(id)
    await files.delete(id)
    deleted.add(id)
  }
  /** Goes on until the server is gone. */
  const client = async (files: OpenAI['files'], name: string) => {
    for (let i = 0; ; i++) {
      await upload(files, `${name}-${i}`)
      if (random() < 0.3) await remove(files)
    }
  }
  const check = async (files: OpenAI['files']) => {
    const listed = new Map<string, string>()
    for await (const { id, filename, bytes } of files.list({ limit: 50 })) {
      const content = Buffer.from(await (await files.content(id)).arrayBuffer())
      assert.equal(content.byteLength, bytes)
      assert.equal(sha256(content), sent.get(filename), `${id} ${filename} is as it was sent`)
      listed.set(id, sha256(content))
    }
    for (const [id, digest] of there) assert.equal(listed.get(id), digest, `${id} is there`)
    for (const id of deleted) assert.ok(!listed.has(id), `${id} stays deleted`)
  }

  for (let run = 0; run < numRuns; run++) {
    const server = await startServer(place)
    if (run > 0) await check(server.files)
    const clients = Array.from({ length: CLIENTS }, (_, i) => client(server.files, `${run}-${i}`))
    const ends = Promise.allSettled(clients)
    const enough = acknowledged + Math.floor(random() * MOST_FILES)
    while (acknowledged < enough) await delay(1)
    await delay(random() * MOST_MS)
    await server.kill()
    for (const end of await ends) {
      const { reason } = end as PromiseRejectedResult
      assert.ok(reason instanceof OpenAI.APIConnectionError, String(reason))
    }
  }
  const server = await startServer(place)
  await check(server.files)
  await server.kill()
  assert.ok(acknowledged > 0)
  t.diagnostic(`${acknowledged} files were acknowledged, ${deleted.size} of them deleted`)

  const store = await openFileStore({
    ...{ ...place, maxFileBytes: 1, maxBytes: 1, maxUploads: 1, orphanAfterMs: -5000 },
    logger: createLogger({ level: 'silent' }),
  })
  while ((await blobs()) > store.stats().files) await delay(10)
  assert.equal(await blobs(), store.stats().files, 'nothing else is left')
  await store.dispose()
}
