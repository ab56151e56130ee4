/** Log probabilities of the model's own distribution. */
import type { TokenLogprob } from './types.ts'

export interface TokenLogprobs {
  readonly logprob: number
  /** The most probable tokens, best first; ties by id. */
  readonly top: readonly TokenLogprob[]
}

/**
 * Log-softmax of the raw `logits` [vocab], before penalties, bias, temperature and truncation, as vLLM reports
 * them by default (`raw_logprobs`): they say what the model thought, not what the sampler was told to do, and
 * a bias cannot be used to read out logits beyond the top ones.
 */
export function tokenLogprobs(logits: Float32Array, id: number, topCount: number): TokenLogprobs {
  let max = Number.NEGATIVE_INFINITY
  for (const logit of logits) if (logit > max) max = logit
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - max)
  const logSum = max + Math.log(sum)
  return {
    logprob: logits[id]! - logSum,
    top: largest(logits, topCount).map((top) => ({ id: top, logprob: logits[top]! - logSum })),
  }
}

/** Ids of the `count` largest finite logits by insertion into a short sorted list; count is at most 20. */
function largest(logits: Float32Array, count: number): number[] {
  const ids: number[] = []
  if (count === 0) return ids
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!
    if (logit === Number.NEGATIVE_INFINITY) continue
    if (ids.length === count && logit <= logits[ids[count - 1]!]!) continue
    let place = ids.length
    while (place > 0 && logits[ids[place - 1]!]! < logit) place--
    ids.splice(place, 0, id)
    if (ids.length > count) ids.pop()
  }
  return ids
}
