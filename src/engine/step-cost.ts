/** What a step costs by its positions, learned from the steps: time = base + each · positions. */

/** How much of what was learned a step leaves. */
const DECAY = 0.98
/** Of a step of one position, before anything is known: about what processors without AVX-512 show. */
const FIRST_SHARE = 0.3
/** Steps are told apart by this variance of their positions; with less there is nothing to learn. */
const LEAST_VARIANCE = 0.05
/** By how much a step that teaches nothing brings the share back to the first one. */
const FORGOTTEN = 0.005
/** A step that took more times as long as expected was held up by something else. */
const HELD_UP = 3

export class StepCost {
  /** Decaying sums over steps: of 1, positions p, milliseconds t, p², p·t. */
  #count = 0
  #p = 0
  #t = 0
  #pp = 0
  #pt = 0
  /** What another position costs, of a step of one. */
  #share = FIRST_SHARE

  observe(positions: number, ms: number): void {
    if (!(ms > 0)) return
    const most =
      this.#count > 4 ? HELD_UP * (this.#t / this.#count) * this.#relative(positions) : ms
    const time = Math.min(ms, most)
    this.#count = this.#count * DECAY + 1
    this.#p = this.#p * DECAY + positions
    this.#t = this.#t * DECAY + time
    this.#pp = this.#pp * DECAY + positions ** 2
    this.#pt = this.#pt * DECAY + positions * time
    this.#learn()
  }

  /**
   * The share of a token that one more position is worth: among `rows` rows of one token each a step makes rows/time
   * tokens, so a position pays where its token comes out right more often than each · rows/time.
   */
  price(rows: number): number {
    return (this.#share * rows) / (1 + this.#share * (rows - 1))
  }

  /** Time of a step by that of the mean one. */
  #relative(positions: number): number {
    const mean = this.#p / this.#count
    const time = (p: number) => 1 + this.#share * (p - 1)
    return time(positions) / time(mean)
  }

  #learn(): void {
    const [p, t] = [this.#p / this.#count, this.#t / this.#count]
    const variance = this.#pp / this.#count - p * p
    if (this.#count < 8) return
    if (variance < LEAST_VARIANCE) {
      // A high price stops all guessing, and then steps are alike: what made it high may long be over, and is tried again.
      this.#share += FORGOTTEN * (FIRST_SHARE - this.#share)
      return
    }
    const each = (this.#pt / this.#count - p * t) / variance
    const one = t - each * (p - 1)
    this.#share = one > 0 ? Math.min(Math.max(each / one, 0.02), 1) : 1
  }
}
