/**
 * Guesses at the tokens of a text that a grammar prescribes, as names of properties are: which bytes come is known, and how the model cuts
 * them into tokens is what it did in that place before, or the fewest tokens. What others append unseen (jump-forward decoding; Zheng et al.,
 * "SGLang", 2023) is here a guess like any other, so that the tokens stay those that the model chooses.
 */
import type { CompiledGrammar } from '../grammar/grammars.ts'
import type { Position } from '../grammar/positions.ts'

/** How often a guess comes true, before an answer has shown it. */
const FIRST_RATE = 0.7
/** What one guess weighs among them. */
const WEIGHT = 1 / 16

/** Of one answer. */
export class ForcedTokens {
  readonly #grammar: CompiledGrammar
  #rate = FIRST_RATE

  constructor(grammar: CompiledGrammar) {
    this.#grammar = grammar
  }

  /** At most `most` tokens from the position on, as long as all of them come with a probability above `least`. */
  draft(from: Position, most: number, least: number): readonly number[] {
    const draft: number[] = []
    let probability = this.#rate
    for (let position: Position | null = from; position; probability *= this.#rate) {
      if (draft.length === most || probability <= least) break
      const id = this.#grammar.likely(position)
      if (id === undefined) break
      draft.push(id)
      position = this.#grammar.advance(position, id)
    }
    return draft
  }

  /** The token that came there. */
  push(from: Position, id: number): void {
    const guess = this.#grammar.likely(from)
    if (guess === undefined) return
    this.#rate += WEIGHT * (Number(guess === id) - this.#rate)
    from.likely = id
  }
}
