/** The tokens and pixels of one answer: taken before work is done on it, put right at its end, however it ends. */
import type { GenerationEvent } from '../engine/types.ts'
import { AerieError } from '../errors.ts'
import { currentAccount, type Taken } from './account.ts'

/** What an answer costs at most. */
export interface AnswerCost {
  readonly promptTokens: number
  /** Of all choices together. */
  readonly maxTokens: number
  /** Whether the request itself named that bound; where it did not, less than it has to do. */
  readonly isBounded: boolean
  /** If no cache knows anything. Absent: none. */
  readonly mediaPixels?: number
  /** The request field that it is most of, for messages. Default `messages`. */
  readonly param?: string | undefined
}

export class AnswerAccount {
  readonly #taken: Taken
  #promptTokens = 0
  #completionTokens = 0
  #mediaPixels: number

  private constructor(taken: Taken, mediaPixels: number) {
    this.#taken = taken
    this.#mediaPixels = mediaPixels
  }

  /** Rejects with `rate_limit_exceeded`. */
  static async take(cost: AnswerCost): Promise<AnswerAccount> {
    const { promptTokens, maxTokens, isBounded, mediaPixels = 0, param = 'messages' } = cost
    const tokens = promptTokens + maxTokens
    const taken = await currentAccount().take(
      { tokens, ...(mediaPixels > 0 && { mediaPixels }) },
      { param, ...(!isBounded && { atLeast: { tokens: promptTokens + 1 } }) },
    )
    return new AnswerAccount(taken, mediaPixels)
  }

  /** Where the server itself had no room for them, nothing was decoded. */
  refused(error: unknown): void {
    if (error instanceof AerieError && error.code === 'queue_full') this.#mediaPixels = 0
  }

  /** Features of some came from the cache, so that fewer pixels were decoded. */
  decoded(mediaPixels: number): void {
    this.#mediaPixels = mediaPixels
  }

  /** Counts what the engine has read and written, of one generation or of several, for answers that nobody hears to their end. */
  see(event: GenerationEvent): void {
    if (event.type === 'prefill') this.#promptTokens += event.promptTokens
    else if (event.type === 'token') this.#completionTokens++
  }

  /** What the answer is said to have cost. */
  billed(usage: { readonly promptTokens: number; readonly completionTokens: number }): void {
    this.#promptTokens = usage.promptTokens
    this.#completionTokens = usage.completionTokens
  }

  [Symbol.dispose](): void {
    const tokens = this.#promptTokens + this.#completionTokens
    this.#taken.settle({ tokens, mediaPixels: this.#mediaPixels })
  }
}
