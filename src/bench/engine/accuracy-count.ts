/** Counts, position after position, how far logits are from the exact ones. */
import { LogitComparison, logSum } from '../../quantise/agreement.ts'

export interface AccuracyRow {
  readonly name: string
  /** Of what a step multiplies with, scales and the like too. */
  readonly bitsPerWeight: number
  /** KL(float32 ‖ this) of the next token in nats, mean and largest. */
  readonly divergenceMean: number
  readonly divergenceLargest: number
  /** Share of positions. */
  readonly likeliestEqual: number
  readonly perplexity: number
}

export class AccuracyCount {
  readonly #comparison = new LogitComparison()
  #surprise = 0
  #foretold = 0

  /** [vocabulary] each; `next` is the id that came, undefined where nothing is known to. */
  add(exact: Float32Array, logits: Float32Array, next: number | undefined): void {
    this.#comparison.add(exact, logits, exact.length)
    if (next === undefined) return
    this.#surprise += logSum(logits) - logits[next]!
    this.#foretold++
  }

  get result(): Omit<AccuracyRow, 'name' | 'bitsPerWeight'> {
    const { klMean, klLargest, top1 } = this.#comparison.result
    return {
      divergenceMean: klMean,
      divergenceLargest: klLargest,
      likeliestEqual: top1,
      perplexity: Math.exp(this.#surprise / this.#foretold),
    }
  }
}
