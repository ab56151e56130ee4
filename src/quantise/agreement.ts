/** How far what a quantised model computes is from what it computed before. Hot loops index with `!`. */

/** Of distributions over the next token, one a position. */
export interface LogitAgreement {
  readonly positions: number
  /** KL(before ‖ quantised) in nats. */
  readonly klMean: number
  readonly klLargest: number
  /** Share of positions at which both find the same token likeliest. */
  readonly top1: number
}

/** Of features, one vector a token of a picture. */
export interface FeatureAgreement {
  readonly vectors: number
  readonly cosineMean: number
  readonly cosineLeast: number
}

/** Collects logits `[positions, vocab]` of one prompt after another. */
export class LogitComparison {
  #positions = 0
  #sum = 0
  #largest = 0
  #equal = 0

  add(before: Float32Array, quantised: Float32Array, vocabSize: number): void {
    for (let at = 0; at < before.length; at += vocabSize) {
      const p = before.subarray(at, at + vocabSize)
      const q = quantised.subarray(at, at + vocabSize)
      const divergence = klDivergence(p, q)
      this.#positions++
      this.#sum += divergence
      // A NaN must not pass.
      if (!(divergence <= this.#largest))
        this.#largest = Number.isNaN(divergence) ? Number.POSITIVE_INFINITY : divergence
      if (likeliest(p) === likeliest(q)) this.#equal++
    }
  }

  get result(): LogitAgreement {
    const positions = this.#positions
    return {
      positions,
      klMean: stated(this.#sum / positions),
      klLargest: stated(this.#largest),
      top1: stated(this.#equal / positions),
    }
  }
}

/** Collects features `[…, width]` of one picture after another. */
export class FeatureComparison {
  #vectors = 0
  #sum = 0
  #least = 1

  add(before: Float32Array, quantised: Float32Array, width: number): void {
    for (let at = 0; at < before.length; at += width) {
      const cosine = cosineOf(before, quantised, at, width)
      this.#vectors++
      this.#sum += cosine
      if (!(cosine >= this.#least)) this.#least = Number.isNaN(cosine) ? -1 : cosine
    }
  }

  get result(): FeatureAgreement {
    return {
      vectors: this.#vectors,
      cosineMean: stated(this.#sum / this.#vectors),
      cosineLeast: stated(this.#least),
    }
  }
}

/** Four digits of what is missing from 1, or of the number itself: the rest depends on the number of threads. */
function stated(value: number): number {
  const missing = 1 - value
  const isNearOne = Math.abs(missing) < 0.5
  return Number(isNearOne ? (1 - Number(missing.toPrecision(4))).toFixed(12) : value.toPrecision(4))
}

/** KL(p ‖ q) of two distributions given as logits, in nats. */
export function klDivergence(p: Float32Array, q: Float32Array): number {
  const [ofP, ofQ] = [logSum(p), logSum(q)]
  let sum = 0
  for (let i = 0; i < p.length; i++) {
    const logP = p[i]! - ofP
    sum += Math.exp(logP) * (logP - (q[i]! - ofQ))
  }
  // Of equal ones, rounding may leave a little less than nothing.
  return Math.max(sum, 0)
}

/** Logarithm of the sum of the exponentials. */
export function logSum(logits: Float32Array): number {
  let largest = Number.NEGATIVE_INFINITY
  for (const logit of logits) if (logit > largest) largest = logit
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - largest)
  return largest + Math.log(sum)
}

function likeliest(logits: Float32Array): number {
  let best = 0
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i
  return best
}

function cosineOf(a: Float32Array, b: Float32Array, at: number, width: number): number {
  let [products, ofA, ofB] = [0, 0, 0]
  for (let i = at; i < at + width; i++) {
    products += a[i]! * b[i]!
    ofA += a[i]! ** 2
    ofB += b[i]! ** 2
  }
  // Nothing points the same way as nothing.
  if (ofA === 0 && ofB === 0) return 1
  return ofA === 0 || ofB === 0 ? 0 : Math.min(1, products / Math.sqrt(ofA * ofB))
}
