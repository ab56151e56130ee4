/** One window of sound on its way to text: prompt, attempts at rising temperatures, and the answer. */
import { deflateSync } from 'node:zlib'
import type { SpeechRules } from '../../models/whisper/rules.ts'
import { TokenRandom } from '../engine/random.ts'
import { applyRules, choose, logprobOf } from './token-choice.ts'

export type SpeechTask = 'transcribe' | 'translate'

/** What is asked of one window. */
export interface WindowRequest {
  /** Translating is into English. Without meaning for a model of English alone. */
  readonly task: SpeechTask
  /** Of the language; undefined: the likeliest. Without meaning for a model of English alone. */
  readonly language: number | undefined
  /** Tokens of what was said before, or of words that are to be expected. */
  readonly previous: readonly number[]
  readonly timestamps: boolean
  /** Tried in order until an attempt is good enough; the last one counts in any case. */
  readonly temperatures: readonly number[]
  /** Undefined: the first attempt is good enough. */
  readonly thresholds: Thresholds | undefined
  /** Frames that are sound, where it is asked when each token was said. */
  readonly alignedFrames?: number
}

/** As openai/whisper and transformers have them. */
export interface Thresholds {
  /** Of the tokens' bytes: text that repeats itself compresses better than speech does. */
  readonly compressionRatio: number
  /** Of the mean log probability of the tokens. */
  readonly logprob: number
  /** Of the probability of silence. */
  readonly noSpeech: number
}

export const THRESHOLDS: Thresholds = { compressionRatio: 1.35, logprob: -1, noSpeech: 0.6 }
export const TEMPERATURES = [0, 0.2, 0.4, 0.6, 0.8, 1] as const

export interface WindowResult {
  /** Undefined for a model of English alone. */
  readonly language: number | undefined
  /** Without the end of the text. */
  readonly tokens: readonly number[]
  /** Mean, the end of the text included. */
  readonly logprob: number
  readonly noSpeech: number
  readonly temperature: number
  /** Nobody speaks: the text is a guess and is to be dropped. */
  readonly isSilent: boolean
  /** Seconds from the beginning of the window at which each token ends; where that was asked and somebody speaks. */
  readonly tokenTimes?: readonly number[]
}

/** Start of the transcript and what follows it, behind what was said before. */
export function promptOf(
  { task, previous, timestamps }: WindowRequest,
  language: number | undefined,
  rules: SpeechRules,
): { readonly tokens: number[]; readonly start: number } {
  // Half of the positions are for the answer.
  const most = Math.floor(rules.maxPositions / 2) - 1
  const before = previous.length > 0 ? [rules.startOfPrevious, ...previous.slice(-most)] : []
  const { multilingual } = rules
  const told =
    multilingual && language !== undefined ? [language, taskToken(multilingual, task)] : []
  const last = timestamps ? [] : [rules.noTimestamps]
  return { tokens: [...before, rules.startOfTranscript, ...told, ...last], start: before.length }
}

function taskToken(
  { transcribe, translate }: NonNullable<SpeechRules['multilingual']>,
  task: SpeechTask,
): number {
  if (task === 'transcribe') return transcribe
  // Whoever asked has checked this.
  if (translate === undefined) throw new Error('the model does not translate')
  return translate
}

/** An attempt at one temperature; reads logits, writes tokens. */
export class WindowAttempt {
  readonly #request: WindowRequest
  readonly #rules: SpeechRules
  readonly #temperature: number
  readonly #random: TokenRandom
  readonly #most: number
  readonly #written: number[] = []
  #logprobs = 0

  constructor(request: WindowRequest, rules: SpeechRules, attempt: number, promptLength: number) {
    this.#request = request
    this.#rules = rules
    this.#temperature = request.temperatures[attempt]!
    this.#random = new TokenRandom(0n, attempt)
    const { maxLength, maxPositions } = rules
    const besides = Math.min(Math.floor(maxPositions / 2) - 1, promptLength - 1)
    this.#most = Math.min(maxLength + besides, maxPositions) - promptLength
  }

  /** Takes the logits behind the last token, which it changes. The token to read next; undefined: the answer is whole. */
  next(logits: Float32Array): number | undefined {
    const written = this.#written
    applyRules(logits, written, this.#rules, this.#request.timestamps)
    const uniform = () => this.#random.uniform(written.length)
    const token = choose(logits, this.#temperature, uniform)
    this.#logprobs += logprobOf(logits, token)
    written.push(token)
    const isEnd = token === this.#rules.endOfText || written.length >= this.#most
    return isEnd ? undefined : token
  }

  /** Tokens that the model has read: all but the last, which nothing follows. */
  get read(): number {
    return this.#written.length - 1
  }

  /** The answer, and whether another attempt should be made. */
  result(noSpeech: number, language: number | undefined): WindowResult & { isPoor: boolean } {
    const { thresholds } = this.#request
    const written = this.#written
    const logprob = this.#logprobs / written.length
    const isSilent =
      thresholds !== undefined && noSpeech > thresholds.noSpeech && logprob < thresholds.logprob
    const isPoor =
      thresholds !== undefined &&
      (logprob < thresholds.logprob ||
        compressionRatio(written, this.#rules.firstTimestamp) > thresholds.compressionRatio)
    const tokens = written.at(-1) === this.#rules.endOfText ? written.slice(0, -1) : written
    return {
      ...{ language, tokens, logprob, noSpeech, isSilent },
      temperature: this.#temperature,
      // Another attempt finds no words where there are none.
      isPoor: isPoor && !isSilent,
    }
  }
}

/** Bytes of the tokens over those that are left of them compressed, as transformers counts. */
function compressionRatio(tokens: readonly number[], firstTimestamp: number): number {
  const width = Math.floor(Math.log2(Math.max(firstTimestamp, ...tokens)) / 8) + 1
  const bytes = Buffer.alloc(tokens.length * width)
  for (const [i, token] of tokens.entries()) bytes.writeUIntLE(token, i * width, width)
  // At most a few hundred tokens.
  return bytes.length / deflateSync(bytes).length
}
