/** How many bytes of pictures there are, in this process and in the decoders, and how many there may be. */

/** A part of the budget. It is working while it will certainly end by itself, and merely held afterwards. */
export interface Claim {
  readonly isHeld: boolean
  /** False, and nothing changed, where the budget does not allow it. */
  grow(bytes: number): boolean
  /** From now on `bytes`, for as long as someone keeps them. */
  hold(bytes: number): void
  /** Gives everything back; again is harmless. */
  release(): void
}

export class ByteBudget {
  readonly max: number
  #inUse = 0
  #working = 0
  readonly #listeners: (() => void)[] = []

  constructor(max: number) {
    this.max = max
  }

  get inUse(): number {
    return this.#inUse
  }

  /** Whether some claim is going to end by itself, so that waiting makes sense. */
  get isWorking(): boolean {
    return this.#working > 0
  }

  fits(bytes: number): boolean {
    return this.#inUse + bytes <= this.max
  }

  /** Called after bytes have come back. */
  onRelease(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Takes the bytes whether they fit or not: whoever asks has looked at `fits`. */
  claim(bytes: number): Claim {
    let size = bytes
    let isWorking = true
    const become = (next: number, working: boolean) => {
      this.#inUse += next - size
      this.#working += Number(working) - Number(isWorking)
      size = next
      isWorking = working
      for (const listener of this.#listeners) listener()
    }
    this.#inUse += bytes
    this.#working += 1
    return {
      get isHeld() {
        return !isWorking
      },
      grow: (more) => {
        if (!this.fits(more)) return false
        this.#inUse += more
        size += more
        return true
      },
      hold: (next) => become(next, false),
      release: () => become(0, false),
    }
  }
}
