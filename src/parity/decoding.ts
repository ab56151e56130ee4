/** What cases of all families record of their decoder. */
import type { DecoderSession, Segment } from '../engine/backend.ts'
import { EmbeddingTable } from '../engine/backends/embedding-table.ts'
import type { ModelFiles } from '../engine/backends/model-files.ts'
import type { ComputedTensor } from './compare.ts'

export const SESSION = { threads: 1, kvCacheBytes: 64 << 20, kvBlockSize: 16 }

/** A prompt's embeddings, `[steps, hidden]`: tokens looked up, features as they are. */
export async function embed(files: ModelFiles, prompt: readonly Segment[]): Promise<Float32Array> {
  return (await EmbeddingTable.load(files)).embed(prompt)
}

/** Logits of each step, read with a cache; greedy, or with these ids chosen whatever the logits say. */
export async function greedySteps(
  session: DecoderSession,
  prompt: readonly Segment[],
  steps: number,
): Promise<ComputedTensor> {
  return (await greedyAnswer(session, prompt, steps)).logits
}

/** What ends an answer, and what the published code reads after it, since others of its batch go on. */
export interface AnswerEnd {
  readonly stop: number
  readonly pad: number
}

/** How an answer is read on otherwise than by its likeliest tokens. */
export interface AnswerOptions {
  readonly end?: AnswerEnd
  /** Ids to go on with in place of the likeliest ones. */
  readonly chosen?: readonly number[] | undefined
}

/** The same with the ids `[steps]`. */
export async function greedyAnswer(
  session: DecoderSession,
  prompt: readonly Segment[],
  steps: number,
  { end, chosen }: AnswerOptions = {},
): Promise<{
  readonly logits: ComputedTensor & { readonly values: Float32Array }
  readonly ids: Int32Array
}> {
  const values = new Float32Array(steps * session.vocabSize)
  const ids = new Int32Array(steps)
  let input = prompt
  let hasEnded = false
  for (let step = 0; step < steps; step++) {
    const [result] = await session.step([{ sequence: 0, input, want: 'logits' }])
    const logits = result!.values!
    values.set(logits, step * session.vocabSize)
    const likeliest = logits.indexOf(Math.max(...logits))
    const best: number = hasEnded && end ? end.pad : (chosen?.[step] ?? likeliest)
    hasEnded ||= best === end?.stop
    ids[step] = best
    input = [{ kind: 'tokens', ids: Int32Array.of(best) }]
  }
  session.free(0)
  return { logits: { shape: [steps, session.vocabSize], values }, ids }
}

/** The last rows of a matrix `[…, width]`; `leading` axes of one come before them. */
export function lastRows(
  values: Float32Array,
  width: number,
  rows: number,
  leading: readonly number[] = [],
): ComputedTensor {
  return { shape: [...leading, rows, width], values: values.subarray(values.length - rows * width) }
}
