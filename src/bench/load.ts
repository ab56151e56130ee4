/** What a load is and what comes of it; shared by the benchmark and its load process. */

/** Characters of the number with which a text without a picture begins. */
export const TEXT_NUMBER_DIGITS = 9

/** One level of load: `clients` connections, each sending its next request when the last is answered. */
export interface LoadPlan {
  /** Base URL without `/v1`. */
  readonly url: string
  readonly apiKey: string | undefined
  readonly model: string
  readonly question: string
  readonly maxTokens: number
  /** exact: every answer has `maxTokens` tokens; natural: the model may end it before. */
  readonly answers: 'exact' | 'natural'
  readonly clients: number
  readonly requests: number
  /** Before the clock starts, all at once, to open the connections; by default one a client. */
  readonly warmUps?: number
  /** distinct: no two requests carry the same bytes; cached: all carry the same; none: texts, each unlike all others. */
  readonly pictures: 'distinct' | 'cached' | 'none'
  /** What the pictures show; loads of one seed show the same and so get answers of the same lengths. */
  readonly seed: number
  /** JSON bodies that are sent as they are, one after the other, instead of all that the fields above and below say of a request. */
  readonly bodies?: readonly string[]
  /** Number of the first picture: files of different numbers differ, also when they show the same. */
  readonly firstPicture: number
}

/** One answered or failed request. Times in milliseconds since its start. */
export interface RequestRecord {
  /** Since the load began. */
  readonly startMs: number
  /** Until the first text; undefined when there was none. */
  readonly ttftMs: number | undefined
  /** Between one text chunk and the next. */
  readonly gapsMs: readonly number[]
  readonly totalMs: number
  readonly promptTokens: number
  readonly completionTokens: number
  /** Undefined for a complete answer. */
  readonly error: string | undefined
}

export interface LoadResult {
  /** From the first request's start to the last one's end. */
  readonly durationMs: number
  readonly records: readonly RequestRecord[]
}
