#!/usr/bin/env node
/**
 * Whether models that come and go leave anything behind: `node bench/model-swaps.ts [loads]` serves a chat model, a tower and
 * a speech model with memory for one of them, and asks them in turn, so many times (200): every request loads its model and
 * makes the one before it go. Prints resident memory of the server's process and of its children, open files, threads and
 * mappings after 20, 100 and all loads, and the growth of memory by the least-squares line through all readings behind the
 * twentieth. Readings that are compared are of the same model. Exit code 1 when a request failed, when files or threads have
 * become more, or when memory has grown by more than 10 %.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Held, heldBy, type TreeMemory } from '../src/bench/process-tree.ts'
import { startServerProcess } from '../src/bench/server-process.ts'

const FIXTURES = new URL('../test/fixtures/', import.meta.url)
const PICTURES = ['number-42', 'red-circle-blue-square']
const WARM_AFTER = 20
/** In turn. */
const MODELS = 3
const MOST_GROWTH = 0.1

const loads = Number(process.argv[2] ?? 200)
const folder = await mkdtemp(join(tmpdir(), 'aerie-swaps-'))
try {
  process.exitCode = (await measure()) ? 0 : 1
} finally {
  await rm(folder, { recursive: true })
}

interface Reading extends TreeMemory, Held {}

async function measure(): Promise<boolean> {
  const config = join(folder, 'aerie.json')
  await writeFile(config, JSON.stringify(threeModels()))
  const server = await startServerProcess(['--config', config, '--data-dir', folder])
  try {
    const ask = await asker(server.url)
    const readings: Reading[] = []
    for (let load = 1; load <= loads; load++) {
      await ask(load)
      const reading = { ...server.memory()!, ...heldBy(server.pid!) }
      readings.push(reading)
      if ([WARM_AFTER, 100, loads].includes(load)) report(load, reading)
    }
    await tellLoads(server.url)
    return judge(readings)
  } finally {
    await server.stop()
  }
}

/** Of none of them would another fit beside it. */
function threeModels() {
  const path = (name: string) => new URL(name, FIXTURES).pathname
  const encoderCacheBytes = '16MiB'
  const memoryBytes = '60MiB'
  return {
    models: [
      { model: 'starter', memoryBytes, encoderCacheBytes, kvCacheBytes: '64MiB' },
      {
        model: path('radio/radio-v25-norm-adaptors/checkpoint'),
        name: 'tower',
        memoryBytes,
        encoderCacheBytes,
      },
      { model: path('speech/tiny-whisper'), name: 'speech', memoryBytes },
    ],
    modelMemoryBytes: '100MiB',
    modelMinResidenceMs: 0,
  }
}

/** Asks one of the three, in turn. Rejects unless it answers. */
async function asker(url: string): Promise<(load: number) => Promise<void>> {
  const uris = await Promise.all(
    PICTURES.map(async (name) => {
      const file = new URL(`../docs/pictures/${name}.png`, import.meta.url)
      return `data:image/png;base64,${(await readFile(file)).toString('base64')}`
    }),
  )
  const sound = await readFile(new URL('speech/speech.wav', FIXTURES))
  const post = async (route: string, body: object | FormData) => {
    const isForm = body instanceof FormData
    const response = await fetch(`${url}/v1/${route}`, {
      method: 'POST',
      body: isForm ? body : JSON.stringify(body),
      ...(!isForm && { headers: { 'content-type': 'application/json' } }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`/v1/${route}: ${response.status} ${text}`)
  }
  const aerie = { size: 'preferred' }
  return async (load) => {
    const picture = uris[load % uris.length]!
    if (load % MODELS === 0) {
      const form = new FormData()
      form.set('model', 'speech')
      // Random weights write nothing that lower ones would be content with.
      form.set('temperature', '1')
      form.set('file', new Blob([sound]), 'speech.wav')
      return await post('audio/transcriptions', form)
    }
    if (load % MODELS === 1)
      return await post('embeddings', { model: 'tower', input: [picture], aerie })
    const content = [
      { type: 'text', text: 'what is there?' },
      { type: 'image_url', image_url: { url: picture } },
    ]
    const messages = [{ role: 'user', content }]
    await post('chat/completions', { model: 'starter', messages, max_tokens: 8 })
  }
}

async function tellLoads(url: string): Promise<void> {
  const page = await (await fetch(`${url}/metrics`)).text()
  const lines = page.split('\n').filter((line) => /^aerie_model_(loads|evictions)_total/.test(line))
  console.log(lines.join('\n'))
}

function report(load: number, reading: Reading): void {
  const { own, descendants, openFiles, threads, mappings } = reading
  const memory = `${mib(own)} and ${mib(descendants)} in other processes`
  console.log(
    `${load} loads: ${memory}, ${openFiles} files, ${threads} threads, ${mappings} mappings`,
  )
}

function judge(readings: readonly Reading[]): boolean {
  const warm = readings.slice(WARM_AFTER - 1)
  const last = warm.at(-1)!
  const first = warm[(warm.length - 1) % MODELS]!
  const whole = warm.map(({ own, descendants }) => own + descendants)
  const bytes = slope(whole) * (whole.length - 1)
  const growth = bytes / whole[0]!
  const kept = [
    ...(last.openFiles > first.openFiles ? [`${last.openFiles - first.openFiles} files`] : []),
    ...(last.threads > first.threads ? [`${last.threads - first.threads} threads`] : []),
    ...(growth > MOST_GROWTH ? ['memory'] : []),
  ]
  const percent = (100 * growth).toFixed(1)
  const from = `loads ${WARM_AFTER} to ${readings.length}`
  console.log(`memory, by the line through ${from}: ${mib(bytes)} more, ${percent} %`)
  console.log(kept.length === 0 ? 'nothing grows' : `grows: ${kept.join(', ')}`)
  return kept.length === 0
}

/** Of the least-squares line, a step. */
function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  let [above, below] = [0, 0]
  for (const [i, value] of values.entries()) {
    above += (i - middle) * (value - mean)
    below += (i - middle) ** 2
  }
  return below === 0 ? 0 : above / below
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`
}
