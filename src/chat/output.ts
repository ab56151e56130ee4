/** One answer on its way out: token ids → text, stop strings, log probabilities. */
import type { GenerationEvent, TokenLogprob } from '../engine/types.ts'
import type { Detokenizer, Tokenizer } from '../tokenizer/tokenizer.ts'
import type { TextLogprob, TokenText } from './contract.ts'
import { StopMatcher } from './stop.ts'

type TokenEvent = Extract<GenerationEvent, { type: 'token' }>

/** Text that is ready to be sent, with the log probabilities of the tokens that it came from. */
export interface TextChunk {
  readonly text: string
  readonly logprobs: readonly TextLogprob[] | undefined
  readonly stopped: boolean
}

export class ChoiceOutput {
  readonly #tokenizer: Tokenizer
  readonly #detokenizer: Detokenizer
  readonly #stop: StopMatcher
  #pending: TextLogprob[] = []
  #stopped = false

  constructor(tokenizer: Tokenizer, stops: readonly string[]) {
    this.#tokenizer = tokenizer
    this.#detokenizer = tokenizer.detokenizer()
    this.#stop = new StopMatcher(stops)
  }

  /** A stop string has ended this answer; later tokens are not part of it. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** The chunk that a token completes; undefined while its text is held back. */
  push(event: TokenEvent): TextChunk | undefined {
    if (event.logprob !== undefined) {
      this.#pending.push({
        ...this.#tokenText({ id: event.id, logprob: event.logprob }),
        top: (event.top ?? []).map((token) => this.#tokenText(token)),
      })
    }
    const { text, stopped } = this.#stop.push(this.#detokenizer.push(event.id))
    this.#stopped = stopped
    if (stopped) return this.#chunk(text)
    // Log probabilities go out with the text of their tokens, so they wait while any of it waits.
    if (text === '' && (this.#stop.holding || this.#pending.length === 0)) return undefined
    return this.#chunk(text)
  }

  /** What is left when the engine has finished the answer. */
  flush(): TextChunk | undefined {
    if (this.#stopped) return undefined
    const tail = this.#stop.push(this.#detokenizer.flush())
    const text = tail.stopped ? tail.text : tail.text + this.#stop.flush()
    return text === '' && this.#pending.length === 0 ? undefined : this.#chunk(text)
  }

  #chunk(text: string): TextChunk {
    const logprobs = this.#pending.length > 0 ? this.#pending : undefined
    this.#pending = []
    return { text, logprobs, stopped: this.#stopped }
  }

  #tokenText(token: TokenLogprob): TokenText {
    const bytes = this.#tokenizer.bytesOf(token.id)
    return {
      token: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes),
      bytes: this.#tokenizer.isSpecial(token.id) ? null : bytes,
      logprob: token.logprob,
    }
  }
}
