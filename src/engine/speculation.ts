/** Which tokens a step computes on trial: those that are likelier to come true than their time is worth. */
import type { Draft, PlannedRow, Scheduler } from './scheduler.ts'
import { StepCost } from './step-cost.ts'

/** A guess has to come true so many times more often than would pay for it: prices are learned, and are not exact. */
const GAIN = 1.25

/** Logits behind guesses of one step take at most so much; each known row has its own besides. */
const MOST_LOGIT_BYTES = 32 * 2 ** 20

export interface SpeculationOptions {
  /** Tokens that a sequence may be ahead of what is known of it in one step; 0: no speculation. */
  readonly maxDraftTokens: number
  /** How its next tokens are guessed; absent: by what came after its last ones the time before. */
  readonly draft?: Draft
}

export class Speculation {
  readonly #options: SpeculationOptions
  readonly #stepCost = new StepCost()
  /** Guesses of all rows of a step together. */
  readonly #most: number

  constructor(options: SpeculationOptions, vocabSize: number) {
    this.#options = options
    this.#most = Math.floor(MOST_LOGIT_BYTES / (vocabSize * Float32Array.BYTES_PER_ELEMENT))
  }

  /** The plan with drafts behind the rows that decode, where they pay and have room. */
  extend(plan: readonly PlannedRow[], scheduler: Scheduler): readonly PlannedRow[] {
    const { maxDraftTokens } = this.#options
    if (maxDraftTokens === 0) return plan
    const least = GAIN * this.#stepCost.price(plan.length)
    const { draft = (sequence, most) => sequence.draft(most, least) } = this.#options
    return scheduler.withDrafts(plan, this.#most, (sequence, most) => {
      const guessed = draft(sequence, Math.min(most, maxDraftTokens))
      return sequence.constrained?.allowed(guessed) ?? guessed
    })
  }

  /** Learns from a step; one that reads prompts says nothing of what a guess costs. */
  observe(plan: readonly PlannedRow[], ms: number): void {
    if (this.#options.maxDraftTokens === 0 || plan.some(({ take }) => take > 1)) return
    const positions = plan.reduce((sum, { draft }) => sum + 1 + draft.length, 0)
    this.#stepCost.observe(positions, ms)
  }
}
