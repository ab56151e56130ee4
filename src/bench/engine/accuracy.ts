/** How far quantised forms of one real model, ours and llama.cpp's, are from the same model in float32. */
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DecoderSession } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends/create.ts'
import { EmbeddingTable } from '../../engine/backends/embedding-table.ts'
import { runDecoderStages } from '../../engine/backends/graph-stages.ts'
import { openModelFiles } from '../../engine/backends/model-files.ts'
import { LogitComparison, logSum } from '../../quantise/agreement.ts'
import type { QuantiseOptions } from '../../quantise/methods.ts'
import { Tokenizer } from '../../tokenizer/tokenizer.ts'
import { EngineFailure, type EngineProgram, runToEnd } from './engine-process.ts'
import { formName, quantised, widened } from './models.ts'
import { storedSize } from './our-engine.ts'
import { peerProgram } from './peers.ts'

export interface AccuracyRow {
  readonly name: string
  /** Of what a step multiplies with, scales and the like too. */
  readonly bitsPerWeight: number
  /** KL(float32 ‖ this) of the next token in nats, mean and largest. */
  readonly divergenceMean: number
  readonly divergenceLargest: number
  /** Share of positions. */
  readonly likeliestEqual: number
  readonly perplexity: number
}

export interface AccuracyReport {
  readonly model: string
  /** Name of the shipped file. */
  readonly text: string
  readonly positions: number
  readonly rows: readonly AccuracyRow[]
  /** Why llama.cpp is missing. */
  readonly leftOut: readonly string[]
}

const TEXT = fileURLToPath(new URL('../../../bench/peers/engine/text.txt', import.meta.url))
/** What is read of it. */
const MOST_POSITIONS = 384
const FORMS: readonly QuantiseOptions[] = [
  { method: 'int8', group: 32 },
  { method: 'int4', group: 32 },
  { method: 'int4', group: 128 },
]
const OPTIONS = { kvCacheBytes: 256 << 20, kvBlockSize: 16 }

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
  const ids = tokenizer.encode(await readFile(TEXT, 'utf8')).slice(0, MOST_POSITIONS)
  say('the text in float32 …')
  const truth = await exactLogits(gguf, ids)
  const rows = [rowOf({ name: 'float32', bitsPerWeight: 32 }, truth, truth, ids)]
  const ours = async (name: string, model: string) => {
    say(`the text by ${name} …`)
    const session = await (await createBackend(backend)).loadDecoder(model, { threads, ...OPTIONS })
    const { weights, weightBytes } = await sizeOf(model)
    const row = { name, bitsPerWeight: (8 * weightBytes) / weights }
    rows.push(rowOf(row, truth, await sessionLogits(session, ids), ids))
    await session.dispose()
  }
  await ours(`Aerie, ${basename(gguf)}`, gguf)
  const checkpoint = await widened(cache, gguf)
  for (const form of FORMS)
    await ours(`Aerie, ${formName(form)}`, await quantised(checkpoint, form))
  const leftOut: string[] = []
  if (python !== undefined) {
    say('the text by llama.cpp …')
    try {
      rows.push(...(await llamaRows(gguf, { ids, truth, cache, limitMs, python, threads })))
    } catch (error) {
      if (!(error instanceof EngineFailure)) throw error
      leftOut.push(error.message)
    }
  }
  return { model: basename(gguf), text: basename(TEXT), positions: ids.length, rows, leftOut }
}

async function sizeOf(model: string): Promise<{ weights: number; weightBytes: number }> {
  const files = await openModelFiles(model)
  await using _weights = files.checkpoint
  const { layers, head, weightBytes } = storedSize(files)
  return { weights: layers + head, weightBytes }
}

/** Every position at once, with every weight widened: [positions, vocab]. */
async function exactLogits(gguf: string, ids: Int32Array): Promise<Float32Array> {
  const files = await openModelFiles(gguf)
  await using _weights = files.checkpoint
  const embeddings = (await EmbeddingTable.load(files)).embed([{ kind: 'tokens', ids }])
  return (await runDecoderStages(files, 'onnx', embeddings)).get('logits')!
}

/** As a server reads an answer: one position after the other, from the cache. [positions, vocab] */
async function sessionLogits(session: DecoderSession, ids: Int32Array): Promise<Float32Array> {
  const logits = new Float32Array(ids.length * session.vocabSize)
  for (const [i, id] of ids.entries()) {
    const input = [{ kind: 'tokens', ids: Int32Array.of(id) } as const]
    const [result] = await session.step([{ sequence: 0, input, want: 'logits' }])
    logits.set(result!.values!, i * session.vocabSize)
  }
  session.free(0)
  return logits
}

interface LlamaOptions extends Pick<AccuracyOptions, 'cache' | 'limitMs' | 'threads'> {
  readonly python: string
  readonly ids: Int32Array
  readonly truth: Float32Array
}

/** Of the very file, and of its weights in Q4_0. */
async function llamaRows(
  gguf: string,
  { ids, truth, cache, limitMs, python, threads }: LlamaOptions,
): Promise<AccuracyRow[]> {
  const out = join(cache, basename(gguf))
  const program: EngineProgram = peerProgram(python, 'llama.cpp, logits', [
    'llama_logits.py',
    gguf,
    ids.join(','),
    out,
    String(threads),
  ])
  const bytes = JSON.parse(await runToEnd(program, limitMs)) as { same: number; q4_0: number }
  const { weights } = await sizeOf(gguf)
  const read = async (name: string, file: 'same' | 'q4_0') => {
    const { buffer, byteOffset, byteLength } = await readFile(join(out, `${file}.f32`))
    const logits = new Float32Array(buffer, byteOffset, byteLength / 4)
    return rowOf({ name, bitsPerWeight: (8 * bytes[file]) / weights }, truth, logits, ids)
  }
  return [
    await read(`llama.cpp, ${basename(gguf)}`, 'same'),
    await read('llama.cpp, Q4_0 of it', 'q4_0'),
  ]
}

/** Logits are [positions, vocab]; those of the last position foretell nothing that is known. */
export function rowOf(
  of: Pick<AccuracyRow, 'name' | 'bitsPerWeight'>,
  truth: Float32Array,
  logits: Float32Array,
  ids: Int32Array,
): AccuracyRow {
  const vocabulary = truth.length / ids.length
  const comparison = new LogitComparison()
  comparison.add(truth, logits, vocabulary)
  let surprise = 0
  for (let i = 0; i + 1 < ids.length; i++) {
    const row = logits.subarray(i * vocabulary, (i + 1) * vocabulary)
    surprise += logSum(row) - row[ids[i + 1]!]!
  }
  const { klMean, klLargest, top1 } = comparison.result
  return {
    ...of,
    divergenceMean: klMean,
    divergenceLargest: klLargest,
    likeliestEqual: top1,
    perplexity: Math.exp(surprise / (ids.length - 1)),
  }
}
