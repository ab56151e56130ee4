/** How probable a prompt's own tokens are, from the logits of the positions that were read. */
import { AerieError } from '../errors.ts'
import { tokenLogprobs } from './logprobs.ts'
import { idsOf } from './prompt.ts'
import type { Sequence } from './sequence.ts'
import type { RankedLogprob } from './types.ts'

/**
 * Of the tokens behind the last `take` positions of a sequence that reads its prompt, whose `logits` are [take, vocab]; those that were told before it
 * had to give way are left out. Throws `backend_failure` for NaN.
 */
export function scorePrompt(
  { computed, request }: Sequence,
  take: number,
  logits: Float32Array,
): RankedLogprob[] {
  const { prompt, params } = request
  const vocabSize = logits.length / take
  const first = Math.max(computed - take + 1, request.scored)
  const last = Math.min(computed + 1, prompt.length)
  if (first >= last) return []
  request.scored = last
  return idsOf(prompt.spans(first, last)).map((id, i) => {
    const row = first + i - 1 - (computed - take)
    const behind = logits.subarray(row * vocabSize, (row + 1) * vocabSize)
    const { logprob, top } = tokenLogprobs(behind, id, params.promptLogprobs!)
    if (!Number.isNaN(logprob)) return { id, logprob, top }
    throw new AerieError('backend_failure', `the decoder returned NaN for token ${id}`)
  })
}
