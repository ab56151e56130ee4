/** What changes the logits before a token is chosen: penalties for what was said, then logit bias. */
import type { SamplingParams } from './types.ts'

/** The tokens a sequence has seen; positions filled by features have no token and count nowhere. */
export interface TokenHistory {
  readonly promptIds: ReadonlySet<number>
  /** Generated id → times it was generated. */
  readonly outputCounts: ReadonlyMap<number, number>
}

/** Whether {@link processLogits} would change anything. */
export function changesLogits(params: SamplingParams): boolean {
  return (
    params.repetitionPenalty !== 1 ||
    params.presencePenalty !== 0 ||
    params.frequencyPenalty !== 0 ||
    params.logitBias.size > 0
  )
}

/**
 * Applies, in this order and in place, to `logits` [vocab]:
 * - repetition penalty r as in Hugging Face transformers and CTRL (Keskar et al. 2019): each id of the prompt
 *   or the answer once, positive logits divided by r, negative ones multiplied by it;
 * - frequency and presence penalty as OpenAI defines them, over the answer only:
 *   `logit -= count · frequency + (count > 0) · presence`;
 * - logit bias, added.
 */
export function processLogits(
  logits: Float32Array,
  params: SamplingParams,
  history: TokenHistory,
): void {
  const { repetitionPenalty, presencePenalty, frequencyPenalty, logitBias } = params
  if (repetitionPenalty !== 1) {
    for (const id of history.promptIds) repel(logits, id, repetitionPenalty)
    for (const id of history.outputCounts.keys()) {
      if (!history.promptIds.has(id)) repel(logits, id, repetitionPenalty)
    }
  }
  if (presencePenalty !== 0 || frequencyPenalty !== 0) {
    for (const [id, count] of history.outputCounts) {
      logits[id]! -= count * frequencyPenalty + presencePenalty
    }
  }
  for (const [id, bias] of logitBias) logits[id]! += bias
}

function repel(logits: Float32Array, id: number, penalty: number): void {
  const logit = logits[id]!
  logits[id] = logit > 0 ? logit / penalty : logit * penalty
}
