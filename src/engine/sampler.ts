/** Logits → one token: penalties and bias, temperature, top-k, top-p, min-p, then a draw; in this order. */
import { AerieError } from '../errors.ts'
import { changesLogits, processLogits, type TokenHistory } from './logits-processor.ts'
import { type TokenLogprobs, tokenLogprobs } from './logprobs.ts'
import { type Cut, cutByCount, cutBySum } from './selection.ts'
import type { SamplingParams } from './types.ts'

// Hot numeric leaf: indices are in range by construction, hence the `!`.

/** Below this a temperature would only divide by almost zero; it means greedy, as in vLLM. */
export const GREEDY_BELOW = 1e-5

const NONE: ReadonlySet<number> = new Set()

export interface SampledToken extends Partial<TokenLogprobs> {
  readonly id: number
}

/** Chooses tokens; one serves all sequences of an engine. */
export interface TokenSampler {
  /**
   * Chooses from `logits` [vocab], which are left as they are, but none of the `forbidden` ids. `uniform` in
   * [0, 1) decides the draw and is asked for only when the temperature is not 0. Throws `backend_failure` when the logits hold NaN or no
   * token is possible.
   */
  sample(
    logits: Float32Array,
    params: SamplingParams,
    history: TokenHistory,
    uniform: () => number,
    forbidden?: ReadonlySet<number>,
  ): SampledToken
}

/** Holds scratch memory for one vocabulary. */
export class Sampler implements TokenSampler {
  readonly #logits: Float32Array
  readonly #ids: Int32Array
  readonly #weights: Float64Array
  readonly #scratch: Float64Array

  constructor(vocabSize: number) {
    this.#logits = new Float32Array(vocabSize)
    this.#ids = new Int32Array(vocabSize)
    this.#weights = new Float64Array(vocabSize)
    this.#scratch = new Float64Array(vocabSize)
  }

  sample(
    logits: Float32Array,
    params: SamplingParams,
    history: TokenHistory,
    uniform: () => number,
    forbidden: ReadonlySet<number> = NONE,
  ): SampledToken {
    let shaped = logits
    if (changesLogits(params) || forbidden.size > 0) {
      shaped = this.#logits
      shaped.set(logits)
      processLogits(shaped, params, history)
      for (const id of forbidden) shaped[id] = Number.NEGATIVE_INFINITY
    }
    const best = argmax(shaped)
    const id =
      params.temperature < GREEDY_BELOW ? best : this.#draw(shaped, best, params, uniform())
    return params.topLogprobs === undefined
      ? { id }
      : { id, ...tokenLogprobs(logits, id, params.topLogprobs) }
  }

  #draw(logits: Float32Array, best: number, params: SamplingParams, uniform: number): number {
    let n = this.#candidates(logits, params.topK)
    const ids = this.#ids
    const weights = this.#weights
    const max = logits[best]!
    let total = 0
    for (let i = 0; i < n; i++) {
      const weight = Math.exp((weights[i]! - max) / params.temperature)
      weights[i] = weight
      total += weight
    }
    if (params.topP < 1) {
      // What lies below this share sums to less than 1 − p, so the rest reaches p without it: a cheap
      // first cut that spares the exact one most of a large vocabulary.
      n = this.#keep(n, { threshold: ((1 - params.topP) * total) / n, ties: n })
      this.#scratch.set(weights.subarray(0, n))
      n = this.#keep(n, cutBySum(this.#scratch, n, params.topP * total))
    }
    // The most probable token has weight exp(0) = 1, so min-p is a bound on the weight itself.
    if (params.minP > 0) n = this.#keep(n, { threshold: params.minP, ties: n })

    // Inverse distribution function in the order of ids: unlike an order by probability, it does not
    // turn around when rounding swaps two near-equal tokens.
    total = 0
    for (let i = 0; i < n; i++) total += weights[i]!
    let rest = uniform * total
    for (let i = 0; i < n; i++) {
      rest -= weights[i]!
      if (rest < 0) return ids[i]!
    }
    return best // rounding used up the whole interval
  }

  /** Fills ids and weights (still logits) with the top-k candidates, or with all; returns how many. */
  #candidates(logits: Float32Array, topK: number): number {
    const vocab = logits.length
    const ids = this.#ids
    const weights = this.#weights
    const limit = topK > 0 ? topK : vocab
    const roomy = Math.min(2 * limit + 64, vocab)
    let n = 0
    let threshold = Number.NEGATIVE_INFINITY
    for (let id = 0; id < vocab; id++) {
      const logit = logits[id]!
      // Once `limit` candidates are as good, a tie with a larger id has lost.
      if (logit <= threshold) continue
      ids[n] = id
      weights[n++] = logit
      if (n === roomy && n > limit) {
        threshold = this.#keepLargest(n, limit)
        n = limit
      }
    }
    if (n > limit) {
      this.#keepLargest(n, limit)
      n = limit
    }
    return n
  }

  /** Keeps the `count` largest of the first n candidates and returns the smallest of them. */
  #keepLargest(n: number, count: number): number {
    this.#scratch.set(this.#weights.subarray(0, n))
    const cut = cutByCount(this.#scratch, n, count)
    this.#keep(n, cut)
    return cut.threshold
  }

  /** Drops the candidates below a cut, keeping the order of ids; returns how many are left. */
  #keep(n: number, { threshold, ties }: Cut): number {
    const ids = this.#ids
    const weights = this.#weights
    let kept = 0
    for (let i = 0; i < n; i++) {
      const weight = weights[i]!
      if (weight > threshold || (weight === threshold && ties-- > 0)) {
        ids[kept] = ids[i]!
        weights[kept++] = weight
      }
    }
    return kept
  }
}

/** The id of the largest logit, the smallest such id on ties. */
function argmax(logits: Float32Array): number {
  let best = -1
  let bestLogit = Number.NEGATIVE_INFINITY
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!
    if (!(logit <= bestLogit)) {
      if (Number.isNaN(logit)) {
        throw new AerieError('backend_failure', `the decoder returned NaN for token ${id}`)
      }
      bestLogit = logit
      best = id
    }
  }
  if (best < 0) throw new AerieError('backend_failure', 'every token has a logit of minus infinity')
  return best
}
