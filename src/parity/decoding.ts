/** What cases of all families record of their decoder. */
import type { DecoderSession, Segment } from '../engine/backend.ts'
import { EmbeddingTable } from '../engine/backends/embedding-table.ts'
import type { ModelFiles } from '../engine/backends/model-files.ts'
import type { ComputedTensor } from './compare.ts'

export const SESSION = { threads: 1, kvCacheBytes: 64 << 20, kvBlockSize: 16 }

/** A prompt's embeddings, `[steps, hidden]`: tokens looked up, features as they are. */
export async function embed(files: ModelFiles, prompt: readonly Segment[]): Promise<Float32Array> {
  const table = await EmbeddingTable.load(files)
  const { hiddenSize } = files.limits
  const rows = prompt.map((segment) => {
    if (segment.kind === 'embeddings') return segment.data
    const embedded = new Float32Array(segment.ids.length * hiddenSize)
    for (const [i, id] of segment.ids.entries()) table.write(id, embedded, i * hiddenSize)
    return embedded
  })
  const all = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0))
  let at = 0
  for (const row of rows) {
    all.set(row, at)
    at += row.length
  }
  return all
}

/** Logits of each step, read with a cache; greedy, or with these ids chosen whatever the logits say. */
export async function greedySteps(
  session: DecoderSession,
  prompt: readonly Segment[],
  steps: number,
  chosen?: readonly number[],
): Promise<ComputedTensor & { readonly values: Float32Array }> {
  const values = new Float32Array(steps * session.vocabSize)
  let input = prompt
  for (let step = 0; step < steps; step++) {
    const [result] = await session.step([{ sequence: 0, input, want: 'logits' }])
    const logits = result!.values!
    values.set(logits, step * session.vocabSize)
    const id = chosen?.[step] ?? logits.indexOf(Math.max(...logits))
    input = [{ kind: 'tokens', ids: Int32Array.of(id) }]
  }
  session.free(0)
  return { shape: [steps, session.vocabSize], values }
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
