/** What is served, as the edge and the rooms see it: models that are loaded when they are asked for, and leases on them. */
import type { CapabilityDocument } from '../capabilities/document.ts'
import type { ChatService } from '../chat/contract.ts'
import type { EmbeddingService } from '../embeddings/contract.ts'
import type { EncoderStats, EngineStats } from '../engine/types.ts'
import type { SpeechService } from '../speech/contract.ts'
import type { SpeechStats } from '../speech/recogniser.ts'

/** What a model does: answers, embeds pictures, or writes down speech. */
export type ModelKind = 'chat' | 'tower' | 'speech'

/**
 * `unloading`: finishes what it answers, takes nothing new, and then gives its memory back. `failed`: the last load failed;
 * the next request loads it again, but not before some time has passed.
 */
export type ModelState = 'unloaded' | 'loading' | 'loaded' | 'unloading' | 'failed'

/** Memory of one model, in bytes. */
export interface Footprint {
  /** Files that are read where they lie: pages that other processes share, and that the system can drop. */
  readonly mapped: number
  /** Weights, sessions and threads. */
  readonly held: number
  /** What caches may grow to: keys and values, features, sessions of further sizes. */
  readonly reserved: number
}

/** A loaded model, whichever kind it is; the two services of the other kinds are undefined. */
export interface LoadedModel {
  readonly document: CapabilityDocument
  /** Documents of its adapters. */
  readonly adapters: readonly CapabilityDocument[]
  readonly chat: ChatService | undefined
  readonly embeddings: EmbeddingService | undefined
  readonly speech: SpeechService | undefined
  stats(): ModelStats
  /** Why a request would not be served now, in words; empty when it would. */
  problems(): readonly string[]
  /** Resolves when nothing of it runs or waits any more; refuses what is new. */
  drain(): Promise<void>
  /** Ends its threads and gives back all memory. */
  dispose(): Promise<void>
}

/** What the parts of a model say of themselves; undefined for a part that it does not have. */
export interface ModelStats {
  readonly engine: EngineStats | undefined
  readonly encoder: EncoderStats | undefined
  readonly speech: SpeechStats | undefined
}

/** What is known of a model that was never loaded. */
export interface ModelOutline {
  /** `model_type` of the family. */
  readonly family: string
  /** Unix seconds. */
  readonly created: number
  readonly inputModalities: CapabilityDocument['inputModalities']
  readonly outputModalities: CapabilityDocument['outputModalities']
}

/** A model as it lies on the disk now. */
export interface FoundForLoad {
  readonly footprint: Footprint
  /** Whether that is what somebody has said it is, which no measurement corrects. */
  readonly isGiven: boolean
  open(): Promise<LoadedModel>
}

/** A model that the configuration names. */
export interface ConfiguredModel {
  /** Under which it is listed. */
  readonly id: string
  /** Further names that requests may use. */
  readonly aliases: readonly string[]
  /** Names of its adapters, which requests use like names of models. */
  readonly adapters: readonly string[]
  readonly kind: ModelKind
  readonly outline: ModelOutline
  /** Where it and its adapters lie, by their paths, and what clients are told in place of each. */
  readonly places: ReadonlyMap<string, string>
  /** Stays once it is loaded: neither memory nor time makes it go. */
  readonly isPinned: boolean
  /** Loaded before the server listens. */
  readonly isPreloaded: boolean
  /** Finds it again, as it may have been replaced. Rejects as {@link LoadedModel} would not open: `invalid_package` and the like. */
  find(signal: AbortSignal): Promise<FoundForLoad>
}

/** One model, as `/v1/models` and `/metrics` show it; of an adapter, its own id and document, and for the rest what its model is. */
export interface ModelStatus {
  readonly id: string
  /** Of an adapter, the model that it belongs to, whose state and figures these are; undefined: it is no adapter. */
  readonly base: string | undefined
  readonly aliases: readonly string[]
  readonly kind: ModelKind
  readonly isPinned: boolean
  readonly state: ModelState
  /** Of a failed one: why, and in how many seconds the next request tries again. */
  readonly failure: { readonly reason: string; readonly retryAfterSeconds: number } | undefined
  readonly outline: ModelOutline
  /** Of the last load; undefined before the first. */
  readonly document: CapabilityDocument | undefined
  /** What it takes, or took when it was last loaded; undefined before anything was estimated. */
  readonly bytes: number | undefined
  readonly leases: number
  readonly waiting: number
  /** Since start. */
  readonly loads: number
  readonly failures: number
  /** For want of memory, for want of use and by hand. */
  readonly evictions: { readonly memory: number; readonly idle: number; readonly asked: number }
  /** Of all loads together. */
  readonly loadSeconds: number
}

/** What the edge needs to know about models. */
export interface ModelDirectory {
  /** In the order of the configuration, each with its adapters behind it. */
  list(): readonly ModelStatus[]
  /** By id, alias or name of an adapter. Throws `model_not_found`, or, where a kind is wanted, `unsupported_parameter` for a model of another. */
  find(name: string, wanted?: ModelKind): ModelStatus
  /** Loads it, if it is not, within the deadline of a request. */
  load(name: string, signal: AbortSignal): Promise<ModelStatus>
  /** Lets it finish what it answers and gives its memory back. */
  unload(name: string, signal: AbortSignal): Promise<ModelStatus>
}

export interface ResolvedName {
  readonly id: string
  readonly kind: ModelKind
  /** The adapter that was named; undefined: the model as it is. */
  readonly adapter: string | undefined
}

/** The right to use a loaded model, which stays as long. */
export interface Lease extends Disposable {
  readonly model: LoadedModel
  /** Whether the model was there at once. */
  readonly waited: boolean
}

export interface AcquireOptions {
  /** Batch requests come after all live ones, and never make a model go that is in use. */
  readonly priority: 'live' | 'batch'
  readonly signal: AbortSignal
  /** Milliseconds after which a wait ends with `not_ready`, to be tried again; absent: the signal alone ends it. */
  readonly patienceMs?: number
}

/** What the routers of the rooms need. */
export interface ModelLender {
  /** Throws `model_not_found`, or `unsupported_parameter` for a model of another kind. */
  resolve(name: string, kind: ModelKind): ResolvedName
  /**
   * Waits until the model is loaded. Rejects with `queue_full`, `model_unavailable`, `not_ready`, `shutting_down`, or
   * `cancelled` when the signal fires.
   */
  acquire(id: string, options: AcquireOptions): Promise<Lease>
}
