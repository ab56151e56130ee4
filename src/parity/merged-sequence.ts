/** What cases of vision-language models record from the merged sequence on. */
import type { DecoderSession, Segment } from '../engine/backend.ts'
import { runDecoderStages } from '../engine/backends/graph-stages.ts'
import type { ModelFiles } from '../engine/backends/model-files.ts'
import type { ComputedTensor, Fact } from './compare.ts'
import { embed, greedySteps, lastRows } from './decoding.ts'

/** Rows at both ends that stand for a long sequence. */
const HEAD = 24
const TAIL = 40

export interface Decoding {
  readonly files: ModelFiles
  readonly backend: string
  readonly session: DecoderSession
}

/** Embeddings, logits of the prompt and of each greedy step, and the greedy ids, under `id.`. */
export async function decodeMerged(
  { files, backend, session }: Decoding,
  prompt: readonly Segment[],
  greedy: readonly number[],
): Promise<{ tensors: Map<string, ComputedTensor>; greedyIds: Fact }> {
  const { vocabSize, hiddenSize } = files.limits
  const embeddings = await embed(files, prompt)
  const steps = embeddings.length / hiddenSize
  const logits = (await runDecoderStages(files, backend, embeddings)).get('logits')!
  const stepLogits = await greedySteps(session, prompt, greedy.length)
  const tensors = new Map<string, ComputedTensor>([
    ['inputs_embeds', { shape: [1, steps, hiddenSize], values: embeddings }],
    ['prefill_logits', lastRows(logits, vocabSize, steps, [1])],
    ['prefill_logits_last8', lastRows(logits, vocabSize, Math.min(8, steps), [1])],
    ['step_logits', stepLogits],
  ])
  if (steps >= HEAD + TAIL) {
    const values = new Float32Array((HEAD + TAIL) * hiddenSize)
    values.set(embeddings.subarray(0, HEAD * hiddenSize))
    values.set(embeddings.subarray((steps - TAIL) * hiddenSize), HEAD * hiddenSize)
    tensors.set('inputs_embeds_head_tail', { shape: [1, HEAD + TAIL, hiddenSize], values })
  }
  const ours = greedy.map((_, step) => {
    const row = (stepLogits.values as Float32Array).subarray(
      step * vocabSize,
      (step + 1) * vocabSize,
    )
    return row.indexOf(Math.max(...row))
  })
  return { tensors, greedyIds: { name: 'greedy_ids', ours, theirs: greedy } }
}
