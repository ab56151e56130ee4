/** What the HTTP edge asks of the speech room: plain types in our own spelling, no wire names. */

/** The speech side of the server, one for all models that it serves. */
export interface SpeechService {
  /**
   * Writes down what is said, in its language or in English. The iteration throws an AerieError for every expected failure; returning from it early, or
   * aborting the signal, ends the work at whatever station it has reached. Nothing is yielded before the first window has
   * been written down.
   */
  transcribe(request: TranscriptionRequest, signal: AbortSignal): AsyncIterable<SpeechEvent>
  /** Throws `model_not_found`, or `unsupported_parameter` for a model that does not hear, as early as its name is known. */
  checkModel(id: string): void
}

/** A file of this machine. */
export interface SoundSource {
  readonly path: string
  readonly byteLength: number
  /** The request field, for error messages. */
  readonly param: string
}

/** One checked request to `/v1/audio/transcriptions` or `/v1/audio/translations`. */
export interface TranscriptionRequest {
  /** `translate`: into English. */
  readonly task: 'transcribe' | 'translate'
  /** As the client wrote it. */
  readonly model: string
  readonly sound: SoundSource
  /** Of what is said: code or name; undefined: heard from the first window. */
  readonly language: string | undefined
  /** Words that are to be expected, or what was said before. */
  readonly prompt: string | undefined
  /** 0: the likeliest, and higher ones only where that is poor. */
  readonly temperature: number
  /** Whether segments with times are wanted; a sound that is longer than a window has them in any case. */
  readonly timestamps: boolean
  /** Whether times of words are wanted; of a request that transcribes and wants timestamps. */
  readonly words: boolean
}

/** Seconds; a word begins where the one before it ends, or later. */
export interface Word {
  /** With its punctuation, without spaces around it. */
  readonly text: string
  readonly start: number
  readonly end: number
}

/** A stretch of speech. Seconds. */
export interface Segment {
  /** Frame of 10 ms at which its window begins. */
  readonly seek: number
  readonly start: number
  readonly end: number
  /** As the model wrote it, mostly with a space in front. */
  readonly text: string
  readonly tokens: readonly number[]
  readonly temperature: number
  /** Mean log probability of the tokens of its window. */
  readonly logprob: number
  /** Bytes of the text over those that are left of it compressed. */
  readonly compressionRatio: number
  /** Probability of silence in its window. */
  readonly noSpeech: number
  /** Where they were asked for. */
  readonly words: readonly Word[] | undefined
}

/** `start`, then segments in their order, then `end`. A failure is thrown, never yielded. */
export type SpeechEvent =
  | {
      readonly type: 'start'
      readonly model: string
      /** Code, of what is said; undefined for a model of English alone. */
      readonly language: string | undefined
      /** Of the sound, in seconds. */
      readonly duration: number
      /** Seconds that the file says to have behind that, and does not: it was cut short. */
      readonly missing: number
    }
  | ({ readonly type: 'segment' } & Segment)
  | {
      readonly type: 'end'
      /** Milliseconds at each station, summed over windows. */
      readonly stations: Readonly<Record<string, number>>
      /** Of all windows. */
      readonly tokens: number
    }
