/**
 * Guesses what a sequence says next from what it has read and said: prompt lookup decoding (Saxena, "Prompt Lookup
 * Decoding", 2023; `prompt_lookup_num_tokens` of transformers, `ngram` of vLLM). The longest earlier occurrence of the last
 * tokens is followed; among equals the one that has just come true, else the latest.
 */
import type { Prompt } from './prompt.ts'

/** Stands for a position of a picture, which is like no other. */
const PICTURE = -1
/** Occurrences of the last pair of tokens that are looked at, the latest first. */
const MOST_CANDIDATES = 32
/** Tokens that a match is followed back. */
const LONGEST_MATCH = 16
/** Two ids as one number. */
const PAIR_BASE = 2 ** 24

/**
 * How often a guess comes true, by the tokens that match before it: the longer the match, the likelier. Where a sequence
 * has not shown how often, these do; the last is for that length and more.
 */
const FIRST_RATES = [
  { match: 2, rate: 0.2 },
  { match: 3, rate: 0.4 },
  { match: 4, rate: 0.6 },
  { match: 6, rate: 0.8 },
]
/** What one guess weighs among those of its kind. */
const WEIGHT = 1 / 16

/** An earlier occurrence of the last `match` tokens; `place` is that of the token behind it. */
interface Occurrence {
  readonly place: number
  readonly match: number
}

/**
 * Every token is first guessed and then compared, whether or not anybody computes with the guess: so nothing has to be tried
 * in order to know what trying would bring.
 */
export class PromptLookup {
  readonly #ids: number[] = []
  /** Pair of ids → the place behind its latest occurrence. */
  readonly #latest = new Map<number, number>()
  /** Place behind a pair → place behind the occurrence before that; 0: none. */
  readonly #before: number[] = [0]
  readonly #rates = FIRST_RATES.map(({ rate }) => rate)
  #found: Occurrence | undefined

  constructor(prompt: Prompt) {
    for (const span of prompt.spans(0, prompt.length)) {
      if (span.kind === 'tokens') for (const id of span.ids) this.#append(id)
      else for (let row = 0; row < span.rows; row++) this.#append(PICTURE)
    }
    this.#found = this.#longest(undefined)
  }

  /** The token that came. */
  push(id: number): void {
    const found = this.#found
    let going: Occurrence | undefined
    if (found) {
      const isHit = this.#ids[found.place] === id
      const kind = kindOf(found.match)
      this.#rates[kind]! += WEIGHT * (Number(isHit) - this.#rates[kind]!)
      if (isHit) going = { place: found.place + 1, match: found.match + 1 }
    }
    this.#append(id)
    this.#found = this.#longest(going)
  }

  /** At most `most` tokens that may come next, as long as all of them come with a probability above `least`. */
  draft(most: number, least: number): number[] {
    const draft: number[] = []
    if (!this.#found) return draft
    const { place, match } = this.#found
    let probability = 1
    for (let i = 0; i < most && place + i < this.#ids.length; i++) {
      const id = this.#ids[place + i]!
      probability *= this.#rates[kindOf(match + i)]!
      if (id === PICTURE || probability <= least) break
      draft.push(id)
    }
    return draft
  }

  #append(id: number): void {
    const previous = this.#ids.at(-1)
    this.#ids.push(id)
    const isPair = previous !== undefined && previous !== PICTURE && id !== PICTURE
    const pair = isPair ? previous * PAIR_BASE + id : undefined
    this.#before.push(pair === undefined ? 0 : (this.#latest.get(pair) ?? 0))
    if (pair !== undefined) this.#latest.set(pair, this.#ids.length)
  }

  /** Of the occurrences of the last pair, and the one that is being followed. */
  #longest(going: Occurrence | undefined): Occurrence | undefined {
    const end = this.#ids.length
    let best = going
    let place = this.#before[end] ?? 0
    for (let i = 0; i < MOST_CANDIDATES && place > 0; i++, place = this.#before[place]!) {
      const match = this.#matchBefore(place, end)
      // As long as the one that is followed is not enough: that one has come true.
      if (match > (best?.match ?? 0)) best = { place, match }
    }
    return best && { ...best, match: Math.min(best.match, LONGEST_MATCH) }
  }

  /** Tokens before `place` that are those before `end`; at least the pair. */
  #matchBefore(place: number, end: number): number {
    const ids = this.#ids
    let match = 2
    while (match < LONGEST_MATCH && match < place) {
      const id = ids[place - 1 - match]!
      if (id === PICTURE || id !== ids[end - 1 - match]) break
      match++
    }
    return match
  }
}

function kindOf(match: number): number {
  return FIRST_RATES.findLastIndex((kind) => match >= kind.match)
}
