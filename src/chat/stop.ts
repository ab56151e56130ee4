/** Finds stop strings in streamed text, also when one is spread over several tokens. */

export interface StopResult {
  /** Text that is now certain not to begin a stop string. */
  readonly text: string
  /** A stop string was found; `text` ends before it and nothing follows. */
  readonly stopped: boolean
}

export class StopMatcher {
  readonly #stops: readonly string[]
  #held = ''
  #found: string | undefined

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== '')
  }

  /** True while text is held back because it may begin a stop string. */
  get holding(): boolean {
    return this.#held !== ''
  }

  /** The stop string that was found; where several begin at one place, the first of them as they were given. */
  get found(): string | undefined {
    return this.#found
  }

  push(text: string): StopResult {
    const buffer = this.#held + text
    let at = -1
    for (const stop of this.#stops) {
      const place = buffer.indexOf(stop)
      if (place < 0 || (at >= 0 && place >= at)) continue
      at = place
      this.#found = stop
    }
    if (at >= 0) {
      this.#held = ''
      return { text: buffer.slice(0, at), stopped: true }
    }
    const keep = longestOpenSuffix(this.#stops, buffer)
    this.#held = buffer.slice(buffer.length - keep)
    return { text: buffer.slice(0, buffer.length - keep), stopped: false }
  }

  /** The text held back at the end of the answer. */
  flush(): string {
    const text = this.#held
    this.#held = ''
    return text
  }
}

/** Length of the longest end of `text` that begins one of the texts and is not the whole of it. */
export function longestOpenSuffix(texts: readonly string[], text: string): number {
  let longest = 0
  for (const one of texts) {
    for (let n = Math.min(one.length - 1, text.length); n > longest; n--) {
      if (text.endsWith(one.slice(0, n))) longest = n
    }
  }
  return longest
}
