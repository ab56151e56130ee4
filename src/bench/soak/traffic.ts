/** What a soak's mix is made of: requests of many kinds, and what the server has to make of each. */

/** What is known of the model before the first request. */
export interface ServedFacts {
  readonly model: string
  readonly seesPictures: boolean
  /** Of the model, in tokens. */
  readonly maxContext: number
  /** That {@link PHRASE} takes. */
  readonly phraseTokens: number
}

export interface TrafficPlan extends ServedFacts {
  /** Base URL without `/v1`. */
  readonly url: string
  readonly apiKey: string | undefined
  readonly clients: number
  /** What the pictures show. */
  readonly seed: number
}

/** Requests for so long, numbered from here on. */
export interface TrafficPart {
  readonly durationMs: number
  readonly firstNumber: number
}

/** Of one kind. */
export interface KindCount {
  readonly kind: string
  readonly requests: number
  /** Requests that did not end as that kind has to. */
  readonly failed: number
  readonly firstError: string | null
}

export interface TrafficResult {
  readonly kinds: readonly KindCount[]
}

/** As the server reads it, and what has to come of it. */
export interface TrafficRequest {
  readonly path: string
  readonly body: string
  /** Status of the answer. */
  readonly status: number
  /** Answers in it, of a chat. */
  readonly choices?: number
  /** The client goes: after so many milliseconds, or with the first text. */
  readonly leaves?: number | 'first-text'
}

/** data: URIs of the picture of a number: of photo size, small, and of twelve megapixels. */
export interface PictureUris {
  readonly photo: (number: number) => string
  readonly small: (number: number) => string
  readonly large: (number: number) => string
}

export const PHRASE = ' describe the picture.'

interface Kind {
  readonly name: string
  /** Of a hundred requests of a model that sees. */
  readonly share: number
  readonly needsPictures: boolean
  readonly make: (number: number, served: ServedFacts, pictures: PictureUris) => TrafficRequest
}

type Body = Readonly<Record<string, unknown>>

/** Multiples of it fall evenly between whole numbers. */
const GOLDEN = (Math.sqrt(5) - 1) / 2
const COMPLETIONS = '/v1/chat/completions'
/** Numbers that come again: pictures and prompts that a cache may know. */
const KNOWN = 5
const OK = 200
const BAD_REQUEST = 400

function chat(
  { model }: ServedFacts,
  content: unknown,
  body: Body,
  ends: Omit<TrafficRequest, 'path' | 'body' | 'status'> & { readonly status?: number } = {},
): TrafficRequest {
  const messages = [{ role: 'user', content }]
  const json = JSON.stringify({ model, messages, temperature: 0, ...body })
  return { path: COMPLETIONS, body: json, status: OK, ...ends }
}

/** Pictures, then a question that no other number has. */
function about(number: number, ...urls: readonly string[]): unknown[] {
  const images = urls.map((url) => ({ type: 'image_url', image_url: { url } }))
  return [...images, { type: 'text', text: `${number}${PHRASE}` }]
}

/** Of about so many tokens, the number first, so that only the same number has the same beginning. */
function text(number: number, { phraseTokens }: ServedFacts, tokens: number): string {
  return `${number}${PHRASE.repeat(Math.max(1, Math.round(tokens / phraseTokens)))}`
}

const STREAM = { stream: true, stream_options: { include_usage: true } }

const KINDS: readonly Kind[] = [
  {
    ...{ name: 'picture, streamed', share: 20, needsPictures: true },
    make: (n, served, { photo }) => chat(served, about(n, photo(n)), { max_tokens: 24, ...STREAM }),
  },
  {
    ...{ name: 'known picture', share: 8, needsPictures: true },
    make: (n, served, { photo }) =>
      chat(served, about(n, photo(n % KNOWN)), { max_tokens: 16, aerie: { explain: true } }),
  },
  {
    ...{ name: 'three pictures', share: 4, needsPictures: true },
    make: (n, served, { small, photo }) =>
      chat(served, about(n, small(n), photo(n), small(n + 1)), { max_tokens: 16 }),
  },
  {
    ...{ name: 'picture of 12 megapixels', share: 2, needsPictures: true },
    make: (n, served, { large }) => chat(served, about(n, large(n)), { max_tokens: 8, ...STREAM }),
  },
  {
    ...{ name: 'short text', share: 14, needsPictures: false },
    make: (n, served) => chat(served, text(n, served, 8), { max_tokens: 32, min_tokens: 8 }),
  },
  {
    ...{ name: 'long text, streamed', share: 8, needsPictures: false },
    make: (n, served) =>
      chat(served, text(n, served, served.maxContext / 2), {
        ...{ max_tokens: 96, min_tokens: 96 },
        ...STREAM,
      }),
  },
  {
    ...{ name: 'known text', share: 6, needsPictures: false },
    make: (n, served) =>
      chat(served, text(n % KNOWN, served, served.maxContext / 4), { max_tokens: 16 }),
  },
  {
    ...{ name: 'several choices', share: 6, needsPictures: false },
    make: (n, served) => {
      const drawn = { n: 3, temperature: 1, top_p: 0.9, seed: n, logprobs: true, top_logprobs: 2 }
      return chat(served, text(n, served, 64), { max_tokens: 24, ...drawn }, { choices: 3 })
    },
  },
  {
    ...{ name: 'batch priority', share: 6, needsPictures: false },
    make: (n, served) =>
      chat(served, text(n, served, 128), {
        ...{ max_tokens: 48, min_tokens: 48 },
        aerie: { priority: 'batch' },
      }),
  },
  {
    ...{ name: 'left while a picture is read', share: 5, needsPictures: true },
    make: (n, served, { photo }) =>
      chat(served, about(n, photo(n)), { max_tokens: 64, ...STREAM }, { leaves: n % 120 }),
  },
  {
    ...{ name: 'left with the first text', share: 6, needsPictures: false },
    make: (n, served) => {
      const long = { max_tokens: 400, min_tokens: 400, ...STREAM }
      return chat(served, text(n, served, 64), long, { leaves: 'first-text' })
    },
  },
  {
    ...{ name: 'tokenize', share: 3, needsPictures: false },
    make: (n, served) => {
      const messages = [{ role: 'user', content: text(n, served, 256) }]
      const body = JSON.stringify({ model: served.model, messages })
      return { path: '/v1/tokenize', body, status: OK }
    },
  },
  {
    ...{ name: 'no picture in a data URI', share: 3, needsPictures: true },
    make: (n, served) => {
      const url = `data:image/png;base64,${Buffer.from(`no picture ${n}`).toString('base64')}`
      return chat(served, about(n, url), {}, { status: BAD_REQUEST })
    },
  },
  {
    ...{ name: 'picture that breaks off', share: 2, needsPictures: true },
    make: (n, served, { photo }) => {
      const whole = photo(n)
      const url = whole.slice(0, whole.length - (whole.length % 4) - 40_000)
      return chat(served, about(n, url), {}, { status: BAD_REQUEST })
    },
  },
  {
    ...{ name: 'more than the context', share: 2, needsPictures: false },
    make: (n, served) =>
      chat(served, text(n, served, 2 * served.maxContext), {}, { status: BAD_REQUEST }),
  },
  {
    ...{ name: 'unknown field', share: 2, needsPictures: false },
    make: (n, served) => chat(served, text(n, served, 8), { n_best: n }, { status: BAD_REQUEST }),
  },
  {
    ...{ name: 'broken JSON', share: 2, needsPictures: false },
    make: (n, served) => {
      const { path, body } = chat(served, text(n, served, 8), {})
      return { path, body: body.slice(0, -3), status: BAD_REQUEST }
    },
  },
  {
    ...{ name: 'embeddings of a model that has none', share: 1, needsPictures: false },
    make: (n, { model }) => ({
      path: '/v1/embeddings',
      body: JSON.stringify({ model, input: `text ${n}` }),
      status: BAD_REQUEST,
    }),
  },
]

/** The mix for a model: the kind and the request of every number, the same each time. */
export class Mix {
  readonly #kinds: readonly Kind[]
  readonly #shares: number
  readonly #served: ServedFacts
  readonly #pictures: PictureUris

  constructor(served: ServedFacts, pictures: PictureUris) {
    this.#kinds = KINDS.filter(({ needsPictures }) => served.seesPictures || !needsPictures)
    this.#shares = this.#kinds.reduce((sum, { share }) => sum + share, 0)
    this.#served = served
    this.#pictures = pictures
  }

  get kinds(): string[] {
    return this.#kinds.map(({ name }) => name)
  }

  /** Any hundred numbers in a row have the kinds by their shares. */
  of(number: number): { readonly kind: string; readonly request: TrafficRequest } {
    let left = ((number * GOLDEN) % 1) * this.#shares
    const kind = this.#kinds.find(({ share }) => {
      left -= share
      return left <= 0
    })!
    return { kind: kind.name, request: kind.make(number, this.#served, this.#pictures) }
  }
}
