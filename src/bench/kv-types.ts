/** What fewer bits for keys and values cost a model, and what they save: logits, memory, time of a step. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { kvGeometry } from '../../models/graph/graph.ts'
import { type DecoderSession, KV_CACHE_TYPES, type KvCacheType } from '../engine/backend.ts'
import { createBackend } from '../engine/backends/create.ts'
import { decoderGraph, openModelFiles } from '../engine/backends/model-files.ts'
import { kvPositionBytes } from '../engine/backends/native-kv.ts'
import { LogitComparison, logSum } from '../quantise/agreement.ts'
import { Tokenizer } from '../tokenizer/tokenizer.ts'
import { seededUniform } from './random.ts'

export interface KvTypeOptions {
  /** Folder or GGUF file. */
  readonly model: string
  /** As `model`; whose tokenizer reads the text. */
  readonly tokenizer: string
  readonly threads: number
  /** Positions of the text that are read. */
  readonly positions: number
  /** Positions in the cache while steps are timed. */
  readonly context: number
  readonly rounds: number
}

export interface KvTypeRow {
  readonly type: KvCacheType
  readonly bytesPerPosition: number
  /** Largest difference of a logit from that with f32, over the largest logit of its position; the worst position. */
  readonly relativeError: number
  /** KL(f32 ‖ this) of the next token in nats. */
  readonly divergenceMean: number
  readonly divergenceLargest: number
  /** Share of positions. */
  readonly likeliestEqual: number
  readonly perplexity: number
  /** Of one sequence, the best of all rounds. */
  readonly decodeMs: number
}

const TEXT = fileURLToPath(new URL('../../bench/peers/engine/text.txt', import.meta.url))
const CHUNK = 64
const STEPS = 16

/** On the native backend, each type beside f32 in the same process and in turns. Rejects as the backend does. */
export async function measureKvTypes(options: KvTypeOptions): Promise<KvTypeRow[]> {
  const { model, threads, positions, context } = options
  const text = (await Tokenizer.load(options.tokenizer)).encode(await readFile(TEXT, 'utf8'))
  const ids = text.slice(0, positions)
  const files = await openModelFiles(model)
  const geometry = kvGeometry(decoderGraph(files))
  await files.checkpoint.close()
  const backend = await createBackend('native')
  const sessions: { type: KvCacheType; session: DecoderSession }[] = []
  const room = Math.max(positions, context + STEPS) + CHUNK
  for (const type of KV_CACHE_TYPES) {
    const kvCacheBytes = room * kvPositionBytes(geometry, type)
    const loading = { threads, kvCacheBytes, kvBlockSize: 16, kvCacheType: type }
    sessions.push({ type, session: await backend.loadDecoder(model, loading) })
  }
  const accuracy = await compareLogits(sessions, ids)
  const decodeMs = await timeSteps(sessions, options)
  for (const { session } of sessions) await session.dispose()
  return sessions.map(({ type }, i) => ({
    type,
    bytesPerPosition: kvPositionBytes(geometry, type),
    ...accuracy[i]!,
    decodeMs: decodeMs[i]!,
  }))
}

type Sessions = readonly { readonly session: DecoderSession }[]

/** The first session is what the others are compared with; each reads the text from its own cache. */
async function compareLogits(sessions: Sessions, ids: Int32Array) {
  const { vocabSize } = sessions[0]!.session
  const sums = sessions.map(() => ({ agreement: new LogitComparison(), error: 0, surprise: 0 }))
  for (let start = 0; start < ids.length; start += CHUNK) {
    const chunk = ids.subarray(start, start + CHUNK)
    const logits: Float32Array[] = []
    for (const { session } of sessions) logits.push(await readChunk(session, chunk))
    for (const [i, sum] of sums.entries()) {
      sum.agreement.add(logits[0]!, logits[i]!, vocabSize)
      for (let position = 0; position < chunk.length; position++) {
        const of = (all: Float32Array) =>
          all.subarray(position * vocabSize, (position + 1) * vocabSize)
        sum.error = Math.max(sum.error, largestError(of(logits[0]!), of(logits[i]!)))
        const next = ids[start + position + 1]
        if (next !== undefined) sum.surprise += logSum(of(logits[i]!)) - of(logits[i]!)[next]!
      }
    }
  }
  for (const { session } of sessions) session.free(0)
  return sums.map(({ agreement, error, surprise }) => ({
    relativeError: error,
    divergenceMean: agreement.result.klMean,
    divergenceLargest: agreement.result.klLargest,
    likeliestEqual: agreement.result.top1,
    perplexity: Math.exp(surprise / (ids.length - 1)),
  }))
}

/** `[positions, vocab]` */
async function readChunk(session: DecoderSession, ids: Int32Array): Promise<Float32Array> {
  const [result] = await session.step([
    { sequence: 0, input: [{ kind: 'tokens', ids }], want: 'logits', wantLast: ids.length },
  ])
  return result!.values!
}

function largestError(expected: Float32Array, got: Float32Array): number {
  let [largest, error] = [0, 0]
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]!))
    error = Math.max(error, Math.abs(expected[i]! - got[i]!))
  }
  return error / largest
}

/** Milliseconds of a decode step behind `context` random positions, in turns. */
async function timeSteps(
  sessions: Sessions,
  { context, rounds }: KvTypeOptions,
): Promise<number[]> {
  const uniform = seededUniform()
  const { vocabSize } = sessions[0]!.session
  const random = (length: number) =>
    Int32Array.from({ length }, () => Math.floor(uniform() * vocabSize))
  const prompt = random(context)
  for (const { session } of sessions) {
    for (let at = 0; at < context; at += CHUNK)
      await session.step([tokensRow(prompt.subarray(at, at + CHUNK))])
  }
  const best = sessions.map(() => Number.POSITIVE_INFINITY)
  for (let round = 0; round < rounds; round++) {
    for (const [i, { session }] of sessions.entries()) {
      for (let step = 0; step < STEPS; step++) {
        const start = performance.now()
        await session.step([tokensRow(random(1))])
        best[i] = Math.min(best[i]!, performance.now() - start)
      }
      session.truncate(0, context)
    }
  }
  return best
}

const tokensRow = (ids: Int32Array) =>
  ({ sequence: 0, input: [{ kind: 'tokens', ids }], want: 'logits' }) as const
