/** So many at a time, in the order in which they came. */
export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async hold<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      // Handed over, not given back: nobody who comes meanwhile goes first.
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free += 1
    }
  }
}
