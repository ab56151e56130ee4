/** kill -9 in the middle of uploads and deletions: what was acknowledged holds, and no half of a file is ever shown. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import OpenAI, { toFile } from 'openai'
import { openFileStore } from '../../src/files/file-store.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { propertyRuns } from '../support/property-runs.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const PROGRAM = fileURLToPath(new URL('../support/file-server.ts', import.meta.url))
const CLIENTS = 4
const MOST_BYTES = 400_000
/** Of a server's life: until so many files were acknowledged, and then a moment more. */
const MOST_FILES = 8
const MOST_MS = 60

async function startServer(folder: string) {
  const child = spawn(process.execPath, [PROGRAM, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
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

it('no acknowledged file is lost, no deleted one comes back, none is half', async (t) => {
  const { numRuns, seed } = propertyRuns(8, t, 0.1)
  const random = seededRandom(seed)
  await using folder = await temporaryFolder()
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
    const server = await startServer(folder.path)
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
  const server = await startServer(folder.path)
  await check(server.files)
  await server.kill()
  assert.ok(acknowledged > 0)
  t.diagnostic(`${acknowledged} files were acknowledged, ${deleted.size} of them deleted`)

  const store = await openFileStore({
    ...{ folder: folder.path, maxFileBytes: 1, maxBytes: 1, maxUploads: 1, orphanAfterMs: -1000 },
    logger: createLogger({ level: 'silent' }),
  })
  const blobs = async () => {
    const entries = await readdir(join(folder.path, 'blobs'), {
      recursive: true,
      withFileTypes: true,
    })
    return entries.filter((entry) => entry.isFile()).length
  }
  while ((await blobs()) > store.stats().files) await delay(10)
  assert.equal(await blobs(), store.stats().files, 'nothing else is left on the disk')
  await store.dispose()
})
