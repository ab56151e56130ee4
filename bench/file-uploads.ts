#!/usr/bin/env node
/**
 * What uploads do to a server: `node bench/file-uploads.ts [clients [megabytes [large]]]` starts one with the starter and
 * prints how late its main thread was while so many clients (16) each uploaded so much (20 MB), at rest before, and how far
 * its memory rose while one file of `large` MiB (1024) arrived.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readMetrics } from '../src/bench/metrics-page.ts'
import { startServerProcess } from '../src/bench/server-process.ts'

const MB = 1e6
const MiB = 2 ** 20
const PIECE = randomBytes(MiB)
/** The delay of the event loop is kept over windows of so long. */
const WINDOW_MS = 20_000

const [clients = 16, megabytes = 20, large = 1024] = process.argv.slice(2).map(Number)
const folder = await mkdtemp(join(tmpdir(), 'aerie-uploads-'))
const server = await startServerProcess([
  ...['--data-dir', folder, '--max-file-bytes', String(large * MiB)],
])
try {
  await delay(WINDOW_MS)
  report('at rest', await lateness())
  const bytes = megabytes * MB
  const start = performance.now()
  const digests = await Promise.all(Array.from({ length: clients }, () => upload(bytes)))
  const seconds = (performance.now() - start) / 1000
  const rate = ((clients * megabytes) / seconds).toFixed(0)
  report(`${clients} uploads of ${megabytes} MB at once, ${rate} MB/s together`, await lateness())
  if (new Set(digests).size !== 1) throw new Error('the files are not what was sent')

  const before = await resident()
  let peak = before
  const watch = setInterval(async () => {
    peak = Math.max(peak, await resident())
  }, 100)
  await upload(large * MiB)
  clearInterval(watch)
  const [rest, most] = [before, peak].map((size) => (size / MiB).toFixed(0))
  console.log(
    `one file of ${large} MiB: resident ${rest} MiB before, at most ${most} MiB meanwhile`,
  )
} finally {
  await server.stop()
  await rm(folder, { recursive: true })
}

function report(what: string, { p50, p99, most }: Awaited<ReturnType<typeof lateness>>): void {
  const [a, b, c] = [p50, p99, most].map((value) => (1000 * value).toFixed(1))
  console.log(`${what}: main thread late by ${a} ms (median), ${b} ms (p99), ${c} ms (most)`)
}

/** Seconds, over the last 10 to 20 s. */
async function lateness() {
  const page = await readMetrics(server.url, undefined)
  const at = (q: number) =>
    page.get(`aerie_event_loop_delay_seconds{quantile="${q}"}`) ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), most: at(1) }
}

async function resident(): Promise<number> {
  return (await readMetrics(server.url, undefined)).get('process_resident_memory_bytes') ?? 0
}

/** Uploads a file that is made as it is sent; the digest that the server then says it has. Throws when it is another. */
async function upload(bytes: number): Promise<string> {
  const boundary = 'aerie-bench'
  const hash = createHash('sha256')
  const body = async function* () {
    yield Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n--${boundary}\r\n` +
        'content-disposition: form-data; name="file"; filename="a.bin"\r\n\r\n',
    )
    for (let sent = 0; sent < bytes; sent += PIECE.length) {
      const piece = PIECE.subarray(0, Math.min(PIECE.length, bytes - sent))
      hash.update(piece)
      yield piece
    }
    yield Buffer.from(`\r\n--${boundary}--\r\n`)
  }
  const response = await fetch(`${server.url}/v1/files`, {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: body(),
    duplex: 'half',
  } as unknown as RequestInit)
  const { id } = (await response.json()) as { readonly id?: string }
  if (id === undefined) throw new Error(`the upload was refused with ${response.status}`)
  const head = await fetch(`${server.url}/v1/files/${id}/content`, { method: 'HEAD' })
  const digest = `"${hash.digest('hex')}"`
  if (head.headers.get('etag') !== digest) throw new Error('the file is not what was sent')
  return digest
}
