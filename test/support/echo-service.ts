/**
 * A chat room without a model, for tests of the HTTP edge: it answers with the last user text, a word a token.
 * Queue, abort, stop texts, limits and usage behave as the edge may rely on.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { CapabilityDocument } from '../../src/capabilities/document.ts'
import type {
  ChatEvent,
  ChatRequest,
  ChatService,
  CompletionEvent,
  CompletionRequest,
  DetokenizeRequest,
  DetokenizeResult,
  Explanation,
  RequestMessage,
  TextLogprob,
  TokenizeRequest,
  TokenizeResult,
} from '../../src/chat/contract.ts'
import { resolveSampling } from '../../src/chat/sampling.ts'
import { AerieError } from '../../src/errors.ts'
import { echoTexts } from './echo-texts.ts'

export interface EchoOptions {
  /** Milliseconds before each token. */
  readonly tokenDelayMs?: number
  /** Milliseconds before `start`, as media work takes. */
  readonly startDelayMs?: number
  /** Requests that may run at once; more get `queue_full`. */
  readonly maxRunning?: number
  /** Awaited after the first token. */
  readonly hold?: Promise<void>
  /** What comes in place of the words: events between the start and the figures. */
  readonly script?: (request: ChatRequest) => readonly ChatEvent[] | undefined
  /** Thrown after this many tokens. */
  readonly failure?: { readonly afterTokens: number; readonly error: unknown }
}

const IMAGE_TOKENS = 25
const MAX_CONTEXT = 100_000
const MAX_PROMPT = 90_000

const SAMPLING_DEFAULTS = { temperature: 0, topP: 1, topK: 0, minP: 0, repetitionPenalty: 1 }

const CREATED = 1_795_600_000

const DOCUMENT: Omit<CapabilityDocument, 'id'> = {
  created: CREATED,
  ownedBy: 'aerie',
  family: 'echo',
  inputModalities: ['text', 'image'],
  outputModalities: ['text'],
  chat: {
    maxContext: MAX_CONTEXT,
    maxPrompt: MAX_PROMPT,
    prompt: { source: 'chat_template.jinja' },
    tools: { format: 'generic', source: 'messages' },
    samplingDefaults: SAMPLING_DEFAULTS,
    decoding: { kvCacheType: 'f16', kvCacheBytes: 2048, maxDraftTokens: 8 },
    video: undefined,
    audio: undefined,
    detail: [{ level: 'auto', maxTiles: 1, maxTokens: IMAGE_TOKENS }],
  },
  embeddings: undefined,
  imageTokens: { min: IMAGE_TOKENS, max: IMAGE_TOKENS, perTile: IMAGE_TOKENS, how: 'one tile' },
  experts: [{ name: 'CXR', modality: 'chest x-ray', task: 'classification', isRunning: false }],
  weights: { parameters: 10, bytes: 20, dtypes: { BF16: 2 }, computedAs: 'float32' },
  backend: 'onnx',
  parity: undefined,
  quantization: undefined,
  license: undefined,
  parent: undefined,
  digest: '0'.repeat(64),
  systemFingerprint: 'fp_echo',
  limits: {
    maxImages: 4,
    maxImageBytes: 1000,
    maxImagePixels: 1000,
    maxImageSide: 100,
    maxAspectRatio: 50,
    maxBodyBytes: 64 * 1024,
    deadlineMs: 1000,
  },
}

/** What the edge shows of them. */
export const ECHO_MODELS: readonly CapabilityDocument[] = [
  { ...DOCUMENT, id: 'echo' },
  { ...DOCUMENT, id: 'nvidia/echo-7b' },
]

export class EchoService implements ChatService {
  readonly #options: EchoOptions
  /** Requests inside `complete` now. */
  running = 0
  /** Requests that were ended by their signal. */
  aborted = 0
  /** Tokens generated, whether or not anybody read them. */
  generated = 0
  /** As the edge handed them over. */
  readonly requests: ChatRequest[] = []
  readonly texts: CompletionRequest[] = []
  readonly counted: TokenizeRequest[] = []

  constructor(options: EchoOptions = {}) {
    this.#options = options
  }

  async *complete(request: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatEvent> {
    const { maxRunning = Number.POSITIVE_INFINITY, startDelayMs = 0 } = this.#options
    this.requests.push(request)
    this.#requireModel(request.model)
    if (this.running >= maxRunning) {
      throw new AerieError('queue_full', 'the queue is full', { retryAfterSeconds: 1.5 })
    }
    this.running++
    try {
      if (startDelayMs > 0) await delay(startDelayMs, undefined, { signal })
      yield* this.#answer(request, signal)
    } catch (error) {
      if (!signal.aborted) throw error
      this.aborted++
      throw new AerieError('cancelled', 'the client went away', { cause: error })
    } finally {
      this.running--
    }
  }

  async tokenize(request: TokenizeRequest): Promise<TokenizeResult> {
    this.counted.push(request)
    this.#requireModel(request.model)
    const { input } = request
    const text = input.type === 'text' ? input.text : input.messages.map(textOf).join(' ')
    const words = tokenize(text)
    const images = input.type === 'text' ? [] : imagesOf(input.messages)
    const imageTokens = images.length * IMAGE_TOKENS
    return {
      model: request.model,
      tokens: words.length + imageTokens,
      ...{ imageTokens, videoTokens: 0, soundTokens: 0, videos: [], sounds: [] },
      images: images.map(({ param, detail }) => {
        const [width, height] = [640, 480]
        return { param, detail, format: 'png', width, height, tiles: 1, tokens: IMAGE_TOKENS }
      }),
      documents: [],
      ids: request.returnIds ? words.map((word) => word.length) : undefined,
      strings: request.returnStrings ? words : undefined,
      maxContext: MAX_CONTEXT,
      maxPrompt: MAX_PROMPT,
    }
  }

  async *completeText(request: CompletionRequest): AsyncGenerator<CompletionEvent> {
    this.texts.push(request)
    this.#requireModel(request.model)
    const { failure } = this.#options
    let tokens = 0
    for (const event of echoTexts(request)) {
      if (event.type === 'text-delta' && tokens++ === failure?.afterTokens) throw failure.error
      yield event
    }
  }

  async detokenize({ model, ids }: DetokenizeRequest): Promise<DetokenizeResult> {
    this.#requireModel(model)
    return { model, text: ids.join(' ') }
  }

  #requireModel(id: string): void {
    if (ECHO_MODELS.some((card) => card.id === id)) return
    throw new AerieError('model_not_found', `no model ${id}`, { param: 'model' })
  }

  async *#answer(request: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatEvent> {
    const { failure, hold, tokenDelayMs = 0 } = this.#options
    const images = imagesOf(request.messages)
    const promptText = request.messages.map(textOf).join('\n')
    const words = tokenize(request.messages.findLast(({ role }) => role === 'user') ?? '')
    const promptTokens = tokenize(promptText).length + images.length * IMAGE_TOKENS
    const progress = (choice: number, completionTokens: number): ChatEvent[] => {
      if (!request.tellsProgress) return []
      const media = { imageTokens: images.length * IMAGE_TOKENS, videoTokens: 0, soundTokens: 0 }
      return [
        { type: 'progress', choice, promptTokens, cachedTokens: 0, ...media, completionTokens },
      ]
    }
    for (let choice = 0; choice < request.n; choice++) yield* progress(choice, 0)
    yield {
      type: 'start',
      id: `chatcmpl-${request.requestId}`,
      created: CREATED,
      model: request.model,
      systemFingerprint: 'fp_echo',
      sampling: resolveSampling(request.sampling, SAMPLING_DEFAULTS),
    }
    if (request.explain) {
      yield {
        type: 'explain',
        ...{ promptText, promptTokens, images: images.map(seen), documents: [], videos: [] },
        sounds: [],
        kvCacheType: 'f16',
      }
    }
    const script = this.#options.script?.(request)
    let completionTokens = script?.length ?? 0
    if (script) yield* script
    for (let choice = 0; choice < (script ? 0 : request.n); choice++) {
      const { tokens, reason } = cut(words, request)
      for (const [at, token] of tokens.entries()) {
        if (completionTokens === failure?.afterTokens) throw failure.error
        if (completionTokens === 1) await hold
        if (tokenDelayMs > 0) await delay(tokenDelayMs, undefined, { signal })
        signal.throwIfAborted()
        completionTokens++
        this.generated++
        const { topLogprobs } = request.sampling
        const logprobs =
          topLogprobs === undefined ? {} : { logprobs: [logprob(token, topLogprobs)] }
        yield* progress(choice, at + 1)
        yield { type: 'text-delta', choice, text: token, ...logprobs }
      }
      yield { type: 'finish', choice, reason }
    }
    const imageTokens = images.length * IMAGE_TOKENS
    const drafts = { draftedTokens: 5, acceptedTokens: 3 }
    yield {
      type: 'usage',
      ...{
        promptTokens,
        cachedTokens: 0,
        imageTokens,
        videoTokens: 0,
        soundTokens: 0,
        completionTokens,
        ...drafts,
      },
    }
    yield { type: 'timings', stations: { queue: 0.1, prefill: 1.5, decode_tokens: 2 } }
  }
}

function tokenize(text: string | RequestMessage): string[] {
  return (typeof text === 'string' ? text : textOf(text)).match(/\s*\S+/g) ?? []
}

function textOf(message: RequestMessage): string {
  return message.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join(' ')
}

function imagesOf(messages: readonly RequestMessage[]) {
  return messages.flatMap(({ content }) => content.filter((part) => part.type === 'image'))
}

/** The words up to a stop text and the limit. */
function cut(
  words: readonly string[],
  { stop, maxTokens = Number.POSITIVE_INFINITY }: ChatRequest,
): { tokens: readonly string[]; reason: 'stop' | 'length' } {
  const end = words.findIndex((word) => stop.some((text) => word.includes(text)))
  const tokens = end < 0 ? words : words.slice(0, end)
  return tokens.length > maxTokens
    ? { tokens: tokens.slice(0, maxTokens), reason: 'length' }
    : { tokens, reason: 'stop' }
}

function logprob(token: string, top: number): TextLogprob {
  const text = { token, bytes: new TextEncoder().encode(token), logprob: -0.5 }
  const masked = { token: '<mask>', bytes: null, logprob: Number.NEGATIVE_INFINITY }
  return { ...text, top: [text, masked].slice(0, top), start: 0 }
}

function seen({
  param,
  detail,
}: ReturnType<typeof imagesOf>[number]): Explanation['images'][number] {
  return {
    param,
    detail,
    format: 'png',
    bytes: 68,
    sha256: '0'.repeat(64),
    width: 640,
    height: 480,
    conversions: ['alpha on white'],
    tiles: 1,
    grid: { rows: 1, columns: 1 },
    levels: [{ rows: 1, columns: 1, area: { left: 0, top: -80, width: 640, height: 640 } }],
    towers: [{ name: 'vit', inputSize: 160 }],
    tokens: IMAGE_TOKENS,
    cached: false,
    cache: undefined,
    stations: { decode: 1, encode: 2 },
  }
}
