/** How VILA-U draws a code from guided logits: `sample_from_logits` of `rqtransformer/modeling_rqtransformer.py`. */

export interface CodeSampling {
  readonly temperature: number
  readonly top_k: number
  readonly top_p: number
}

/** What each code of a row is drawn with: those below the k-th are out, then those behind the share p. */
export function codeProbabilities(
  logits: ArrayLike<number>,
  { temperature, top_k: topK, top_p: topP }: CodeSampling,
): Float64Array {
  const scaled = Float64Array.from(logits, (logit) => logit / temperature)
  const order = [...scaled.keys()].sort((a, b) => scaled[b]! - scaled[a]!)
  // Those equal to the k-th stay.
  const last = scaled[order[Math.min(topK, order.length) - 1]!]!
  const largest = scaled[order[0]!]!
  const weights = scaled.map((logit) => (logit < last ? 0 : Math.exp(logit - largest)))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let before = 0
  for (const code of order) {
    const share = weights[code]! / total
    // The one that crosses p stays.
    if (before >= topP) weights[code] = 0
    before += share
  }
  const kept = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight) => weight / kept)
}

/** The first code, in the codebook's order, at which the sum of probabilities passes `uniform`. */
export function drawCode(probabilities: Float64Array, uniform: number): number {
  let sum = 0
  for (const [code, probability] of probabilities.entries()) {
    sum += probability
    if (sum > uniform) return code
  }
  return probabilities.length - 1
}
