/** How far quantised forms of one real model, ours and llama.cpp's, are from the same model in float32. */
import { mkdir, open, readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DecoderSession } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends/create.ts'
import { EmbeddingTable } from '../../engine/backends/embedding-table.ts'
import { decoderGraph, openModelFiles } from '../../engine/backends/model-files.ts'
import { bitsPerWeight, stepSize } from '../../engine/backends/step-size.ts'
import type { QuantiseOptions } from '../../quantise/methods.ts'
import { runSegments } from '../../quantise/segment-run.ts'
import { Tokenizer } from '../../tokenizer/tokenizer.ts'
import { writeAll } from '../../write-all.ts'
import { AccuracyCount, type AccuracyRow } from './accuracy-count.ts'
import { EngineFailure, type EngineProgram, runToEnd } from './engine-process.ts'
import { formName, quantised, widened } from './models.ts'
import { peerProgram } from './peers.ts'

export interface AccuracyReport {
  readonly model: string
  /** Name of the shipped file. */
  readonly text: string
  readonly positions: number
  /** Positions of a piece of the text, each read without what is before it. */
  readonly window: number
  readonly rows: readonly AccuracyRow[]
  /** Why llama.cpp is missing. */
  readonly leftOut: readonly string[]
}

const TEXT = fileURLToPath(new URL('../../../bench/peers/engine/text.txt', import.meta.url))
const WINDOW = 256
const MOST_WINDOWS = 10
const FORMS: readonly QuantiseOptions[] = [
  { method: 'int8', group: 32 },
  { method: 'int4', group: 32, rounding: 'nearest' },
  { method: 'int4', group: 32, rounding: 'gptq' },
  { method: 'int4', group: 128, rounding: 'gptq' },
  { method: 'int4-pure', group: 32, rounding: 'nearest' },
  { method: 'int4-pure', group: 32, rounding: 'gptq' },
  { method: 'int4-pure', group: 128, rounding: 'nearest' },
  { method: 'int4-pure', group: 128, rounding: 'gptq' },
]
const KV = { kvCacheBytes: 512 << 20, kvBlockSize: 16 }

export interface AccuracyOptions {
  readonly backend: string
  readonly threads: number
  /** Undefined: ours alone. */
  readonly python: string | undefined
  /** For what is made. */
  readonly cache: string
  readonly limitMs: number
  readonly say: (line: string) => void
}

/** Of a GGUF file with a tokenizer. Rejects with what the backend does; llama.cpp is left out with the reason. */
export async function measureAccuracy(
  gguf: string,
  { backend, threads, python, cache, limitMs, say }: AccuracyOptions,
): Promise<AccuracyReport> {
  const tokenizer = await Tokenizer.load(gguf)
  const windows = windowsOf(tokenizer.encode(await readFile(TEXT, 'utf8')))
  const folder = join(cache, basename(gguf))
  await mkdir(folder, { recursive: true })
  const truth = join(folder, 'float32.f32')
  say('the text in float32 …')
  const vocabulary = await writeExactLogits(truth, gguf, windows, threads)
  const rows: AccuracyRow[] = []
  const count = async (
    of: Pick<AccuracyRow, 'name' | 'bitsPerWeight'>,
    run: (add: AddLogits) => Promise<void>,
  ) => {
    say(`the text by ${of.name} …`)
    const row = await counted(of, { truth, windows, vocabulary }, run)
    say(`  KL ${row.divergenceMean.toExponential(2)}, perplexity ${row.perplexity.toFixed(3)}`)
    rows.push(row)
  }
  const ours = async (name: string, model: string) => {
    const session = await (await createBackend(backend)).loadDecoder(model, { threads, ...KV })
    const bits = await bitsOf(model)
    await count({ name, bitsPerWeight: bits }, (add) => sessionLogits(session, windows, add))
    await session.dispose()
  }
  await count({ name: 'float32', bitsPerWeight: 32 }, (add) =>
    fileLogits(truth, { windows, vocabulary }, add),
  )
  await ours(`Aerie, ${basename(gguf)}`, gguf)
  const checkpoint = await widened(cache, gguf)
  for (const form of FORMS)
    await ours(`Aerie, ${formName(form)}`, await quantised(checkpoint, form, { tokenizer: gguf }))
  const leftOut: string[] = []
  if (python !== undefined) {
    try {
      for (const { file, ...of } of await llamaFiles(gguf, {
        windows,
        folder,
        limitMs,
        python,
        threads,
      })) {
        await count(of, (add) => fileLogits(file, { windows, vocabulary }, add))
        await rm(file)
      }
    } catch (error) {
      if (!(error instanceof EngineFailure)) throw error
      leftOut.push(error.message)
    }
  }
  await rm(truth)
  const positions = windows.length * WINDOW
  return { model: basename(gguf), text: basename(TEXT), positions, window: WINDOW, rows, leftOut }
}

/** Whole ones; the rest of the text is not read. */
function windowsOf(ids: Int32Array): Int32Array[] {
  const count = Math.min(MOST_WINDOWS, Math.floor(ids.length / WINDOW))
  return Array.from({ length: count }, (_, i) => ids.subarray(i * WINDOW, (i + 1) * WINDOW))
}

async function bitsOf(model: string): Promise<number> {
  const files = await openModelFiles(model)
  await using _weights = files.checkpoint
  return bitsPerWeight(stepSize(files))
}

/** With every weight widened: [windows, positions, vocabulary] to a file. Resolves to the size of the vocabulary. */
async function writeExactLogits(
  target: string,
  gguf: string,
  windows: readonly Int32Array[],
  threads: number,
): Promise<number> {
  const files = await openModelFiles(gguf)
  await using _weights = files.checkpoint
  const { hiddenSize, vocabSize } = files.limits
  const table = await EmbeddingTable.load(files)
  await using file = await open(target, 'w')
  const feeds = windows.map((ids) => {
    const places = Int32Array.from(ids, (_, i) => i)
    const data = table.embed([{ kind: 'tokens', ids }])
    return {
      embeddings: { data, dims: [1, ids.length, hiddenSize] },
      positions: { data: places, dims: [1, ids.length] },
      wanted: { data: places, dims: [1, ids.length] },
    }
  })
  await runSegments(decoderGraph(files), files, feeds, () => undefined, {
    threads,
    async onValue(name, data, window) {
      if (name !== 'logits') return
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      await writeAll(file, bytes, window * bytes.byteLength)
    },
  })
  return vocabSize
}

/** Of a position of a window: [vocabulary]. */
type AddLogits = (window: number, position: number, logits: Float32Array) => Promise<void>

interface Read {
  readonly windows: readonly Int32Array[]
  readonly vocabulary: number
}

/** No more than a position's logits are held at a time: those of a text are gigabytes. */
async function counted(
  of: Pick<AccuracyRow, 'name' | 'bitsPerWeight'>,
  { truth, windows, vocabulary }: Read & { readonly truth: string },
  run: (add: AddLogits) => Promise<void>,
): Promise<AccuracyRow> {
  await using file = await open(truth, 'r')
  const exact = new Float32Array(vocabulary)
  const count = new AccuracyCount()
  await run(async (window, position, logits) => {
    await readRow(file, exact, window * WINDOW + position)
    count.add(exact, logits, windows[window]![position + 1])
  })
  return { ...of, ...count.result }
}

async function readRow(
  file: Awaited<ReturnType<typeof open>>,
  row: Float32Array<ArrayBuffer>,
  index: number,
): Promise<void> {
  const { bytesRead } = await file.read(
    new Uint8Array(row.buffer),
    0,
    row.byteLength,
    index * row.byteLength,
  )
  if (bytesRead !== row.byteLength) throw new EngineFailure('a file of logits ends early')
}

/** As a server reads answers: of all windows at once one position after the other, from the cache. */
async function sessionLogits(
  session: DecoderSession,
  windows: readonly Int32Array[],
  add: AddLogits,
): Promise<void> {
  for (let position = 0; position < WINDOW; position++) {
    const results = await session.step(
      windows.map((ids, sequence) => ({
        sequence,
        input: [{ kind: 'tokens', ids: ids.subarray(position, position + 1) }] as const,
        want: 'logits' as const,
      })),
    )
    for (const [window, { values }] of results.entries()) await add(window, position, values!)
  }
  for (const sequence of windows.keys()) session.free(sequence)
}

async function fileLogits(
  path: string,
  { windows, vocabulary }: Read,
  add: AddLogits,
): Promise<void> {
  await using file = await open(path, 'r')
  const row = new Float32Array(vocabulary)
  for (const window of windows.keys()) {
    for (let position = 0; position < WINDOW; position++) {
      await readRow(file, row, window * WINDOW + position)
      await add(window, position, row)
    }
  }
}

interface LlamaOptions extends Pick<AccuracyOptions, 'limitMs' | 'threads'> {
  readonly python: string
  readonly windows: readonly Int32Array[]
  readonly folder: string
}

/** Files with the logits of the very file, and of its weights in Q4_0. Rejects with EngineFailure. */
async function llamaFiles(
  gguf: string,
  { windows, folder, limitMs, python, threads }: LlamaOptions,
) {
  const program: EngineProgram = peerProgram(python, 'llama.cpp, logits', [
    'llama_logits.py',
    gguf,
    windows.map((ids) => ids.join(',')).join(';'),
    folder,
    String(threads),
  ])
  const bytes = JSON.parse(await runToEnd(program, limitMs)) as { same: number; q4_0: number }
  const files = await openModelFiles(gguf)
  await using _weights = files.checkpoint
  const { layers, head } = stepSize(files)
  const of = (name: string, file: 'same' | 'q4_0') => ({
    name,
    file: join(folder, `${file}.f32`),
    bitsPerWeight: (8 * bytes[file]) / (layers + head),
  })
  return [of(`llama.cpp, ${basename(gguf)}`, 'same'), of('llama.cpp, Q4_0 of it', 'q4_0')]
}
