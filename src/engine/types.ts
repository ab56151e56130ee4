/** What the engine takes and gives: token ids, features and numbers, never text or JSON. */
import type { PictureLayout } from '../../models/tiling/layout.ts'
import type { FramePooling } from '../../models/video/pooling.ts'
import type { WireError } from '../errors.ts'
import type { GrammarStats } from '../grammar/grammars.ts'
import type { Vocabulary } from '../grammar/vocabulary.ts'
import type { KvCacheType, TowerInput, TowerSessions } from './backend.ts'
import type { Constraint } from './constraint.ts'

/** How the next token is chosen. Values are already checked and defaulted. */
export interface SamplingParams {
  /** 0 is greedy. */
  readonly temperature: number
  readonly topP: number
  /** 0 is off. */
  readonly topK: number
  readonly minP: number
  readonly repetitionPenalty: number
  readonly presencePenalty: number
  readonly frequencyPenalty: number
  /** Token id → number added to its logit. */
  readonly logitBias: ReadonlyMap<number, number>
  /** An integer. Same seed and prompt → same tokens, whatever else is in the batch. Undefined: random. */
  readonly seed: number | undefined
  /**
   * Undefined: no log probabilities; n: the chosen token's and the n most probable (0…20), always of the model's
   * own distribution: before penalties, bias, temperature and truncation.
   */
  readonly topLogprobs: number | undefined
}

/** One stretch of a prompt. Features lie in shared memory so that no thread copies them. */
export type PromptPart =
  | { readonly kind: 'tokens'; readonly ids: Int32Array }
  | { readonly kind: 'features'; readonly features: Features }

/** Projected features of one picture or sound: `[rows, hidden]`, or a tower's output as one row, over a SharedArrayBuffer. */
export interface Features {
  readonly data: Float32Array
  readonly rows: number
  /** Content key: equal keys mean equal features; used for prefix reuse. */
  readonly key: string
  /** What was done to the pixels before, for people; kept as long as the features are. */
  readonly conversions?: readonly string[]
  /** Of frames of a clip: when each is shown, in seconds; kept likewise. */
  readonly seconds?: readonly number[]
}

export interface GenerateRequest {
  readonly prompt: readonly PromptPart[]
  readonly sampling: SamplingParams
  /** Number of independent answers to the one prompt. Answer i uses seed + i. */
  readonly n: number
  /** Most tokens that one answer may have. */
  readonly maxTokens: number
  /** Before an answer has this many tokens it cannot end by itself: ids that would end it are not chosen. */
  readonly minTokens: number
  /** Ids that end an answer and are not part of it. */
  readonly stopTokenIds: ReadonlySet<number>
  /** Milliseconds from submission after which the request ends with `deadline_exceeded`. */
  readonly deadlineMs: number
  /** Live requests go before batch ones. */
  readonly priority: 'live' | 'batch'
  /** Requests share prefix KV only where this is equal; the tenant goes in here. Absent: the common pool. */
  readonly cacheSalt?: string
  /** What every answer must look like; absent: any text. */
  readonly constraint?: Constraint
}

export interface TokenLogprob {
  readonly id: number
  readonly logprob: number
}

/** Times of one request inside the engine, in milliseconds. */
export interface EngineTimings {
  readonly queueMs: number
  readonly prefillMs: number
  readonly decodeMs: number
}

/** What a generation emits, in order; every choice ends with exactly one `finish`, or the whole with one `error`. */
export type GenerationEvent =
  /** Sent once, when the prompt has been read. */
  | { readonly type: 'prefill'; readonly promptTokens: number; readonly cachedTokens: number }
  | {
      readonly type: 'token'
      readonly choice: number
      readonly id: number
      readonly logprob?: number
      readonly top?: readonly TokenLogprob[]
    }
  | {
      readonly type: 'finish'
      readonly choice: number
      readonly reason: 'stop' | 'length'
      readonly timings: EngineTimings
      /** Of its tokens: computed on trial, and then chosen. */
      readonly drafted: number
      readonly accepted: number
    }
  | { readonly type: 'error'; readonly error: WireError }

/** A snapshot of the engine, posted to the main thread at most every 50 ms while something changes. */
export interface EngineStats {
  readonly running: number
  /** What was asked for, or fewer where there are fewer recurrent states. */
  readonly maxRunning: number
  readonly waiting: number
  readonly maxWaiting: number
  /** Held by running sequences. */
  readonly kvBlocksUsed: number
  /** Held by the prefix cache alone; given up as soon as a sequence needs them. */
  readonly kvBlocksCached: number
  /** That the prefix cache may hold. */
  readonly kvBlocksCachedMax: number
  readonly kvBlocksTotal: number
  /** Slots of recurrent states, held by running sequences and by the prefix cache alone; 0 of a decoder that has none. */
  readonly stateSlotsUsed: number
  readonly stateSlotsCached: number
  readonly stateSlotsTotal: number
  readonly kvCacheType: KvCacheType
  /** Since start. */
  readonly steps: number
  readonly promptTokens: number
  readonly cachedPromptTokens: number
  /** Prompts of which the prefix cache, or a running sequence, had a beginning; and those of which it had none. */
  readonly prefixHits: number
  readonly prefixMisses: number
  /** Kept prefixes that made room. */
  readonly prefixEvictions: number
  readonly generatedTokens: number
  /** Tokens that were computed on trial, and those of them that were then chosen. */
  readonly draftedTokens: number
  readonly acceptedTokens: number
  readonly preemptions: number
  readonly aborted: number
  /** Rows in each step since the previous call of `stats()`; the newest few thousand. */
  readonly batchSizes: readonly number[]
  readonly grammars: GrammarStats
}

/** A running request: its events in order. Returning from the iterator early aborts it. */
export interface Generation extends AsyncIterable<GenerationEvent> {
  /** Events that are here and have not been read. */
  readonly unread: number
  /** Ends one answer early, as when a stop string was found; its `finish` follows with reason `stop`. */
  stop(choice: number): void
}

/** The engine as the main thread sees it. */
export interface Engine {
  readonly vocabSize: number
  /** Longest prompt plus answer, in positions: what the model and the KV cache both allow. */
  readonly maxContext: number
  /** False while the worker is down or coming back after a crash; requests are refused meanwhile. */
  readonly healthy: boolean
  /** The tokens as text, which constraints need; given once, before the first of them. */
  useVocabulary(vocabulary: Vocabulary): void
  /**
   * Compiles a constraint, so that a generation under it can begin at once. Rejects with `invalid_request` or `unsupported_parameter` naming the
   * field, `cancelled`, or as `generate` throws.
   */
  prepare(constraint: Constraint, signal: AbortSignal): Promise<void>
  /**
   * Queues a generation. Throws at once: `queue_full` (with `retryAfterSeconds`), `shutting_down`,
   * `not_ready` while restarting, `backend_failure` when the worker is gone for good,
   * `context_length_exceeded`, `invalid_request`. Aborting the signal ends the
   * iteration with an AerieError `cancelled`; slot and memory are free within one step.
   */
  generate(request: GenerateRequest, signal: AbortSignal): Generation
  stats(): EngineStats
  /** Resolves when nothing runs or waits any more; new requests are refused from the call on. */
  drain(): Promise<void>
  dispose(): Promise<void>
}

/** Pixels on their way to the towers. `pixels` is transferred, not copied. */
export interface EncodeRequest {
  /** SHA-256 of the bytes, preprocessing, package digest and tenant: what the cache is keyed by. */
  readonly key: string
  /** Normalised `[tiles, 3, H, W]`, of every level of the layout in turn. */
  readonly pixels: Float32Array
  readonly layout: PictureLayout
  /** For a tower that is published alone, which takes whole pictures: at which size, and for what. */
  readonly input?: TowerInput
  /** Frames of a clip that are pooled: as many layouts one after the other. Absent: a picture, or a frame by itself. */
  readonly pooled?: PooledFrames
  /** What was done to the pixels, to be kept with the features; and when each frame is shown. */
  readonly conversions?: readonly string[]
  readonly seconds?: readonly number[]
}

/** Log-mel on its way to the sound tower. `mel` is transferred, not copied. */
export interface SoundRequest {
  /** As of {@link EncodeRequest}. */
  readonly key: string
  /** `[windows, bins, frames]`. */
  readonly mel: Float32Array
  readonly windows: number
}

/** Frames whose features are pooled to `[rows, hidden]`, the runs of all sizes one after the other. */
export interface PooledFrames {
  readonly frames: number
  readonly pooling: FramePooling
}

/** Features that need not be computed. */
export interface KnownFeatures {
  readonly features: Features
  readonly from: 'memory' | 'disk'
  /** Milliseconds that reading them took; 0 from memory. */
  readonly readMs: number
}

export interface EncodeResult {
  readonly features: Features
  /** True when the cache had it and no tower ran. */
  readonly cached: boolean
  /** Milliseconds waiting for the worker, and running the towers. */
  readonly queueMs: number
  readonly encodeMs: number
}

/** The vision encoder as the main thread sees it: one worker, a bounded queue, a bounded cache. */
export interface Encoder {
  readonly tokensPerTile: number
  /** False while the worker is down or coming back after a crash. */
  readonly healthy: boolean
  /**
   * Features for a key if the cache holds them, in memory or on disk; counts as a use. Saves decoding the picture at all.
   * Never rejects, and gives up on a disk that does not answer.
   */
  lookup(key: string): Promise<KnownFeatures | undefined>
  /**
   * Equal keys in flight are computed once. Rejects with `cancelled` when the signal fires,
   * `queue_full` (with `retryAfterSeconds`), `not_ready` while restarting, or `backend_failure`.
   */
  encode(request: EncodeRequest | SoundRequest, signal: AbortSignal): Promise<EncodeResult>
  stats(): EncoderStats
  dispose(): Promise<void>
}

export interface EncoderStats {
  readonly waiting: number
  readonly maxWaiting: number
  /** Windows of sounds among them. */
  readonly tilesEncoded: number
  /** Of the towers, for those tiles. */
  readonly runs: number
  /** Pictures whose features were in memory, or about to be; and pictures that went to the towers. */
  readonly cacheHits: number
  readonly cacheMisses: number
  readonly cacheBytes: number
  readonly cacheMaxBytes: number
  readonly cacheEntries: number
  readonly cacheEvictions: number
  /** Of the cache on disk; undefined where there is none. */
  readonly disk: FeatureDiskStats | undefined
  /** Of a tower of many sizes alone. */
  readonly sessions: TowerSessions | undefined
}

/** What the feature cache on disk says of itself. Counters are of this process, since start; bytes are of the folder. */
export interface FeatureDiskStats {
  readonly hits: number
  readonly misses: number
  readonly writes: number
  readonly evictions: number
  /** Entries that were damaged, cut off or another's: dropped, never served. */
  readonly rejected: number
  /** Reads and writes that failed or took too long. */
  readonly failures: number
  /** Features that were not written because too much was waiting to be, or because the last write had failed. */
  readonly skipped: number
  readonly entries: number
  readonly bytes: number
  readonly maxBytes: number
  /** Bytes of features that wait to be written, and how many may. */
  readonly waitingBytes: number
  readonly maxWaitingBytes: number
}
