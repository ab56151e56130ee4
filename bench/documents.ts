#!/usr/bin/env node
/**
 * What documents cost a decoder process: `node bench/documents.ts [rounds]` sends the PDF files of the tests through one
 * decoder, so many times each (10), and prints its resident memory before, between and behind, and its own processor time a
 * page. Neither depends on what else the machine does. Needs Linux.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ImagePreprocessing } from '../models/preprocessing.ts'
import { ONE_TILE } from '../models/tiling/layout.ts'
import { startMedia } from '../src/media/media.ts'

const FOLDER = new URL('../test/fixtures/documents/', import.meta.url)
const NAMES = ['invoice.pdf', 'report.pdf', 'plot.pdf', 'drawing.pdf', 'form.pdf', 'scan.pdf']
const NEVER = new AbortController().signal
const TO: ImagePreprocessing = {
  mode: 'pad',
  size: 448,
  padColor: [255, 255, 255],
  resample: 'bicubic',
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
}
/** Hundredths of a second, as Linux counts. */
const TICK_MS = 10

const rounds = Number(process.argv[2] ?? 10)
const media = await startMedia({
  workers: 1,
  decodeTimeoutMs: 600_000,
  limits: {
    maxImageBytes: 20 * 2 ** 20,
    maxImagePixels: 64e6,
    maxImageSide: 16_384,
    maxAspectRatio: 50,
    allowSvg: false,
  },
  fetch: {
    allowHttp: false,
    allowedHosts: [],
    allowPrivateAddresses: false,
    timeoutMs: 1000,
    maxRedirects: 0,
  },
  logger: console,
})
try {
  report('at the start')
  await picture()
  report('after a picture')
  const first = await document('invoice.pdf')
  report(`after the first document: ${first.cpuMs} ms of processor for its ${first.pages} pages`)
  let [pages, cpuMs] = [0, 0]
  for (let round = 0; round < rounds; round++) {
    for (const name of NAMES) {
      const done = await document(name)
      pages += done.pages
      cpuMs += done.cpuMs
    }
    if ((round & (round + 1)) === 0) report(`after ${pages} pages more`)
  }
  report(`after ${pages} pages more: ${(cpuMs / pages).toFixed(0)} ms of processor a page`)
  await picture()
  report('after a picture, for which the last document went')
} finally {
  await media.dispose()
}

function report(when: string): void {
  const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${decoder()}/status`, 'utf8'))!
  console.log(`${(Number(kib) / 1024).toFixed(0)} MiB ${when}`)
}

/** This process has no other child. */
function decoder(): number {
  const threads = readdirSync('/proc/self/task')
  const children = threads.flatMap((thread) =>
    readFileSync(`/proc/self/task/${thread}/children`, 'utf8').trim().split(' '),
  )
  return Number(children.find((pid) => pid !== ''))
}

/** Processor time that the decoder has had, of all its threads. */
function cpuOfDecoder(): number {
  const stat = readFileSync(`/proc/${decoder()}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/** Opened, read and all pages drawn. */
async function document(name: string): Promise<{ pages: number; cpuMs: number }> {
  const before = cpuOfDecoder()
  const path = fileURLToPath(new URL(name, FOLDER))
  const from = { path, byteLength: readFileSync(path).byteLength }
  const opened = await media.documents.open({ from, param: name }, NEVER)
  const numbers = Array.from({ length: opened.pageCount }, (_, i) => i + 1)
  const reading = { pages: numbers, wantsText: true, maxTextBytes: 1e6 }
  const pages = await media.documents.read(opened, reading, NEVER)
  for (const image of media.documents.pictures(opened, pages)) {
    await media.prepare(image, TO, ONE_TILE, name, NEVER)
  }
  return { pages: pages.length, cpuMs: cpuOfDecoder() - before }
}

async function picture(): Promise<void> {
  const path = fileURLToPath(new URL('../docs/pictures/purple-heart.png', import.meta.url))
  const from = { path, byteLength: readFileSync(path).byteLength }
  const image = await media.load({ from, param: 'picture' }, NEVER)
  await media.prepare(image, TO, ONE_TILE, 'picture', NEVER)
}
