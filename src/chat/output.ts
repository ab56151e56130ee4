/** One answer on its way out: token ids → text, stop strings, log probabilities. */
import type { GenerationEvent, RankedLogprob, TokenLogprob } from '../engine/types.ts'
import type { Detokenizer, TokenTable } from '../tokenizer/token-table.ts'
import type { TextLogprob, TokenText } from './contract.ts'
import { StopMatcher, type StopResult } from './stop.ts'

type TokenEvent = Extract<GenerationEvent, { type: 'token' }>

/** Text that is ready to be sent, with the log probabilities of the tokens that it came from. */
export interface TextChunk {
  readonly text: string
  readonly logprobs: readonly TextLogprob[] | undefined
  /** Where each of those tokens begins in all text so far, in UTF-16 units. */
  readonly starts: readonly number[]
  readonly stopped: boolean
}

export class ChoiceOutput {
  readonly #tokenizer: TokenTable
  readonly #detokenizer: Detokenizer
  readonly #stop: StopMatcher
  /** Of tokens whose text is not sent yet, with where it begins in all text so far, in UTF-16 units. */
  #pending: { readonly start: number; readonly logprob: TextLogprob }[] = []
  /** Length of all text so far, sent or held back, in UTF-16 units. */
  #length = 0
  /** Length of the text that was sent. */
  #sent = 0
  /** Code points of all text so far. */
  #codePoints = 0
  #stopped = false

  /** `shown`: special tokens that the text shows. */
  constructor(tokenizer: TokenTable, stops: readonly string[], shown?: ReadonlySet<number>) {
    this.#tokenizer = tokenizer
    this.#detokenizer = tokenizer.detokenizer(shown)
    this.#stop = new StopMatcher(stops)
  }

  /** A stop string has ended this answer; later tokens are not part of it. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** The stop string that has ended it. */
  get stopText(): string | undefined {
    return this.#stop.found
  }

  /** The chunk that a token completes; undefined while its text is held back. */
  push(event: TokenEvent): TextChunk | undefined {
    if (event.logprob !== undefined) {
      const { id, logprob, top = [] } = event
      this.#note({ id, logprob, top })
    }
    const { text, stopped } = this.#advance(this.#detokenizer.push(event.id))
    if (stopped) return this.#chunk(text)
    // Log probabilities go out with the text of their tokens, so they wait while any of it waits.
    if (text === '' && (this.#stop.holding || this.#pending.length === 0)) return undefined
    return this.#chunk(text)
  }

  /** The token that ends the answer, which has no text of it. */
  end(token: RankedLogprob): void {
    if (!this.#stopped) this.#note(token)
  }

  /** What is left when the engine has finished the answer. */
  flush(): TextChunk | undefined {
    if (this.#stopped) return undefined
    const tail = this.#advance(this.#detokenizer.flush())
    const text = tail.stopped ? tail.text : tail.text + this.#stop.flush()
    return text === '' && this.#pending.length === 0 ? undefined : this.#chunk(text)
  }

  #note(token: RankedLogprob): void {
    const logprob = {
      ...toTokenText(this.#tokenizer, token),
      top: token.top.map((other) => toTokenText(this.#tokenizer, other)),
      start: this.#codePoints,
    }
    this.#pending.push({ start: this.#length, logprob })
  }

  #advance(text: string): StopResult {
    this.#length += text.length
    this.#codePoints += countCodePoints(text)
    const result = this.#stop.push(text)
    this.#stopped = result.stopped
    return result
  }

  #chunk(text: string): TextChunk {
    this.#sent += text.length
    // Tokens that lie behind the end are not part of the answer; one that the end cuts in two is.
    const part = this.#stopped
      ? this.#pending.filter(({ start }) => start < this.#sent)
      : this.#pending
    this.#pending = []
    const logprobs = part.length > 0 ? part.map(({ logprob }) => logprob) : undefined
    return { text, logprobs, starts: part.map(({ start }) => start), stopped: this.#stopped }
  }
}

/** A token as text and bytes. */
export function toTokenText(tokenizer: TokenTable, { id, logprob }: TokenLogprob): TokenText {
  const bytes = tokenizer.bytesOf(id)
  return {
    token: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes),
    bytes: tokenizer.isSpecial(id) ? null : bytes,
    logprob,
  }
}

export function countCodePoints(text: string): number {
  let count = text.length
  for (let i = 0; i < text.length; i++) {
    // The second halves of pairs.
    if ((text.charCodeAt(i) & 0xfc00) === 0xdc00) count--
  }
  return count
}
