#!/usr/bin/env node
/**
 * What uploads do to a server: `node bench/file-uploads.ts [clients [megabytes [large]]]` serves the starter in this thread,
 * lets so many clients (16) of another process each upload so much (20 MB) at once, and then one file of `large` MiB (1024).
 * It prints how long the main thread was kept by a turn of its event loop, as time and as its own processor time, which
 * others on the machine do not lengthen; how long of that V8 collected garbage; and how far memory rose.
 */
import { fork } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constants, type PerformanceNodeEntry, PerformanceObserver } from 'node:perf_hooks'
import { resolveConfig } from '../src/config.ts'
import { startServer } from '../src/main.ts'

const MB = 1e6
const MiB = 2 ** 20

const CLIENTS = '--clients'

const COLLECTIONS = new Map([
  [constants.NODE_PERFORMANCE_GC_MINOR, 'young'],
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'whole heap'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'marking, piece by piece'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weak callbacks'],
])

if (process.argv[2] === CLIENTS) {
  process.send!(await uploadAll(JSON.parse(process.argv[3]!)))
} else await measure()

interface Uploads {
  readonly url: string
  readonly clients: number
  readonly bytes: number
}

async function measure(): Promise<void> {
  const [clients = 16, megabytes = 20, large = 1024] = process.argv.slice(2).map(Number)
  const folder = await mkdtemp(join(tmpdir(), 'aerie-uploads-'))
  const flags = { port: 0, dataDir: folder, maxFileBytes: large * MiB, logLevel: 'error' }
  const server = await startServer(resolveConfig({ flags }))
  try {
    console.log(`SHA-256 of a piece of 64 KiB: ${hashMs().toFixed(3)} ms of processor time`)
    // The first upload makes the folder and starts the thread of the database.
    await fromClients({ url: server.url, clients: 1, bytes: MB })
    const many = watch()
    const seconds = await fromClients({ url: server.url, clients, bytes: megabytes * MB })
    const rate = ((clients * megabytes) / seconds).toFixed(0)
    report(`${clients} uploads of ${megabytes} MB at once, ${rate} MB/s together`, many())
    const one = watch()
    await fromClients({ url: server.url, clients: 1, bytes: large * MiB })
    report(`one upload of ${large} MiB`, one())
  } finally {
    await server.close()
    await rm(folder, { recursive: true })
  }
}

/** Clients in a process of their own, so that their memory is not the server's. */
function fromClients(uploads: Uploads): Promise<number> {
  return new Promise((resolve, reject) => {
    const clients = fork(import.meta.filename, [CLIENTS, JSON.stringify(uploads)])
    clients.once('message', (seconds: number) => {
      clients.disconnect()
      resolve(seconds)
    })
    clients.once('exit', (code) => reject(new Error(`the clients ended with code ${code}`)))
  })
}

/** What the main thread does with each piece that comes, on average. */
function hashMs(): number {
  const [hash, piece, pieces] = [createHash('sha256'), randomBytes(64 * 1024), 2000]
  const before = processorMs()
  for (let i = 0; i < pieces; i++) hash.update(piece)
  return (processorMs() - before) / pieces
}

interface Watched {
  /** Milliseconds of each turn, and the main thread's processor time of it. */
  readonly turns: readonly number[]
  readonly processor: readonly number[]
  /** Milliseconds of each pause of the main thread for garbage, by kind. */
  readonly pauses: ReadonlyMap<string, readonly number[]>
  /** Resident, in bytes. */
  readonly before: number
  readonly most: number
}

/** Watches until the result is called for. */
function watch(): () => Watched {
  const turns: number[] = []
  const processor: number[] = []
  const before = process.memoryUsage.rss()
  let most = before
  let [time, cpu] = [performance.now(), processorMs()]
  const pauses = new Map<string, number[]>()
  const observer = new PerformanceObserver((list) => {
    // Entries of this type are Node's own.
    for (const { detail, duration } of list.getEntries() as PerformanceNodeEntry[]) {
      const kind = COLLECTIONS.get(detail.kind) ?? 'other'
      const own = pauses.get(kind) ?? []
      pauses.set(kind, own)
      own.push(duration)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  const timer = setInterval(() => {
    const [now, used] = [performance.now(), processorMs()]
    turns.push(now - time)
    processor.push(used - cpu)
    most = Math.max(most, process.memoryUsage.rss())
    ;[time, cpu] = [now, used]
  }, 1)
  return () => {
    clearInterval(timer)
    observer.disconnect()
    return { turns, processor, pauses, before, most }
  }
}

function processorMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

function report(what: string, { turns, processor, pauses, before, most }: Watched): void {
  console.log(what)
  console.log(`  a turn of the main thread: ${quantiles(turns)}`)
  console.log(`  its processor time: ${quantiles(processor)}`)
  for (const [kind, own] of pauses) {
    console.log(`  garbage collection, ${kind}: ${own.length} times, ${quantiles(own)}`)
  }
  const [rest, peak] = [before, most].map((bytes) => (bytes / MiB).toFixed(0))
  console.log(`  resident: ${rest} MiB before, at most ${peak} MiB meanwhile`)
}

function quantiles(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!
  const [median, p99, most] = [at(0.5), at(0.99), at(1)].map((ms) => ms.toFixed(1))
  return `${median} ms (median), ${p99} ms (p99), ${most} ms (most)`
}

/** Seconds until all are acknowledged. Throws when one is refused, or is not what was sent. */
async function uploadAll({ url, clients, bytes }: Uploads): Promise<number> {
  const start = performance.now()
  await Promise.all(Array.from({ length: clients }, () => upload(url, bytes)))
  return (performance.now() - start) / 1000
}

/** A file that is made as it is sent. */
async function upload(url: string, bytes: number): Promise<void> {
  const boundary = 'aerie-bench'
  const piece = randomBytes(256 * 1024)
  const hash = createHash('sha256')
  const body = async function* () {
    yield Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n--${boundary}\r\n` +
        'content-disposition: form-data; name="file"; filename="a.bin"\r\n\r\n',
    )
    for (let sent = 0; sent < bytes; sent += piece.length) {
      const next = piece.subarray(0, Math.min(piece.length, bytes - sent))
      hash.update(next)
      yield next
    }
    yield Buffer.from(`\r\n--${boundary}--\r\n`)
  }
  const response = await fetch(`${url}/v1/files`, {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: body(),
    duplex: 'half',
  } as unknown as RequestInit)
  const { id } = (await response.json()) as { readonly id?: string }
  if (id === undefined) throw new Error(`the upload was refused with ${response.status}`)
  const head = await fetch(`${url}/v1/files/${id}/content`, { method: 'HEAD' })
  if (head.headers.get('etag') !== `"${hash.digest('hex')}"`)
    throw new Error('another file arrived')
}
