/** The interface that a runtime for models implements: reference, ONNX Runtime, native, TensorRT. */
import type { ScaleMerge } from '../../models/tiling/merge-scales.ts'
import type { AdapterMatrices, AdapterShape } from '../adapters/contract.ts'
import type { TokenSampler } from './sampler.ts'

/** An opaque number that names one sequence inside one session; chosen by the caller. */
export type SequenceId = number

/**
 * A run of positions to append to a sequence: token ids, which the session embeds itself,
 * or ready rows of features `[rows, hidden]` that take the place of image tokens.
 */
export type Segment =
  | { readonly kind: 'tokens'; readonly ids: Int32Array }
  | { readonly kind: 'embeddings'; readonly data: Float32Array; readonly rows: number }

/** An opaque number that names one adapter inside one session; chosen by the caller. */
export type AdapterId = number

/** One sequence's share of a step. Rows of one step may differ in length (ragged). */
export interface Row {
  readonly sequence: SequenceId
  readonly input: readonly Segment[]
  /** What to return for the last `wantLast` appended positions. */
  readonly want: 'logits' | 'hidden' | 'none'
  /** From 1 to the positions of the row; absent: 1. */
  readonly wantLast?: number
  /** Of those that were added to the session; absent: none. All rows of a sequence, and of its forks, have the same. */
  readonly adapter?: AdapterId | undefined
}

/** The matrices of an adapter (LoRA) in the form that a backend computes with. */
export interface PreparedAdapter {
  /** All of them, one after the other; transferred between threads, not copied. */
  readonly memory: Uint8Array
  readonly pairs: readonly PreparedPair[]
}

/** Of one linear. */
export interface PreparedPair {
  /** Of `adaptableLinears`. */
  readonly linear: number
  readonly scale: number
  readonly rank: number
  /** Where its matrices lie in the memory. */
  readonly down: PreparedBlock
  readonly up: PreparedBlock
}

export interface PreparedBlock {
  readonly offset: number
  readonly bytes: number
}

/** The adapters of a session, which rows may then name. */
export interface SessionAdapters {
  /** Takes the memory over, and is done at once: a step may wait for it. Throws `backend_failure` for matrices that do not fit. */
  add(id: AdapterId, adapter: PreparedAdapter): void
  /** Gives its memory back. */
  remove(id: AdapterId): void
}

/**
 * The answer to one row: `[wantLast, vocab]` logits, `[wantLast, hidden]` final hidden states, or nothing. They are the
 * caller's, who may free their memory; rows of a step may share it.
 */
export interface StepResult {
  readonly sequence: SequenceId
  readonly values: Float32Array | undefined
}

/** KV memory of a session, counted in blocks of `blockSize` positions. */
export interface KvStats {
  readonly blockSize: number
  readonly blocksTotal: number
  readonly blocksUsed: number
}

/** Slots of a sequence with recurrences while a step has a row of it: the step reads one state and writes another. */
export const SLOTS_WHILE_RUNNING = 2

/** Sequences that one step can have rows of with so many slots of states; 0 slots: the decoder has no states, and nothing bounds it. */
export function mostRunning(slots: number): number {
  return slots > 0 ? Math.floor(slots / SLOTS_WHILE_RUNNING) : Number.POSITIVE_INFINITY
}

/**
 * What sequences have read beside keys and values, of a decoder with recurrences. A state is that of one sequence at one position
 * and lies in a slot, which forks share.
 */
export interface RecurrentStates {
  readonly slotsTotal: number
  readonly slotsUsed: number
  /** A state stays, for forks, where a step ends at a multiple of so many positions, whole blocks, until slots are short. */
  readonly keptEvery: number
  /** The longest beginning of at most `length` positions of a sequence that can be forked; 0 where there is none. */
  forkable(sequence: SequenceId, length: number): number
  /** Slots of these sequences together, shared ones counted once. */
  slotsOf(sequences: Iterable<SequenceId>): number
}

/**
 * A loaded decoder with its KV cache. Calls do not overlap: the engine awaits each `step`.
 *
 * Errors: `step` rejects with `backend_failure`; when the cache cannot hold the appended positions, or has no free slot for the
 * new state of each row, it rejects with {@link KvCacheFull} *before* it changes anything.
 */
export interface DecoderSession {
  readonly vocabSize: number
  readonly hiddenSize: number
  /** Longest sequence, in positions, that the model and this session accept. */
  readonly maxContext: number
  readonly kv: KvStats
  /** The runtime's own, where it has one: it chooses as `Sampler` does, token for token. */
  readonly sampler?: TokenSampler
  /** Appends each row to its sequence (a new id starts an empty one) and returns what each asked for, in order. */
  step(rows: readonly Row[]): Promise<StepResult[]>
  /**
   * Starts `sequence` as a copy of the first `length` positions of `parent`; blocks are shared until written. Throws
   * `backend_failure` for a length that the parent does not have, or that is not forkable.
   */
  fork(sequence: SequenceId, parent: SequenceId, length: number): void
  /** Of a decoder with recurrences. They cannot be cut back, so nothing is guessed ahead. */
  readonly states?: RecurrentStates | undefined
  /** Forgets what a sequence has behind its first `length` positions. Throws `backend_failure` when it has fewer, or is recurrent. */
  truncate(sequence: SequenceId, length: number): void
  /** Undefined where `BackendOptions.adapters` was not set. */
  readonly adapters?: SessionAdapters | undefined
  /** Positions held by a sequence; 0 for an unknown one. */
  length(sequence: SequenceId): number
  /** How many more blocks appending `positions` to `sequence` would take. */
  blocksNeeded(sequence: SequenceId, positions: number): number
  /** Forgets a sequence and returns its blocks; an unknown id is not an error. */
  free(sequence: SequenceId): void
  dispose(): Promise<void>
}

/** Thrown by {@link DecoderSession.step} when the KV cache has too few free blocks. */
export class KvCacheFull extends Error {
  override readonly name = 'KvCacheFull'
  readonly needed: number
  readonly free: number
  constructor(needed: number, free: number, unit = 'blocks') {
    super(`KV cache is full: ${needed} ${unit} needed, ${free} free`)
    this.needed = needed
    this.free = free
  }
}

/** The towers, fusion and projector of a model, loaded. */
export interface EncoderSession {
  readonly hiddenSize: number
  /** Positions that a tile takes; with `merging`, a merged block. */
  readonly tokensPerTile: number
  /**
   * Normalised pixels `[tiles, 3, H, W]` → projected features `[tiles, tokensPerTile, hidden]`; with `merging`, the tiles' maps
   * `[tiles, grid², channels]`. They are the caller's.
   */
  encode(pixels: Float32Array, tiles: number): Promise<Float32Array>
  /** Where a picture's tiles are brought together before they are projected. */
  readonly merging?: MergingProjector
  /** Of a model that also hears. */
  readonly sounds?: SoundTower
  dispose(): Promise<void>
}

export interface SoundTower {
  readonly tokensPerWindow: number
  /** Log-mel `[windows, bins, frames]` → features `[windows, tokensPerWindow, hidden]`, which are the caller's. */
  encode(mel: Float32Array, windows: number): Promise<Float32Array>
}

export interface MergingProjector {
  readonly merge: ScaleMerge
  /** Merged blocks `[blocks, grid², scales · channels]` → features `[blocks, tokensPerTile, hidden]`, which are the caller's. */
  project(blocks: Float32Array, count: number): Promise<Float32Array>
}

/** How a tower of many sizes is to see a picture, and what of it is wanted. */
export interface TowerInput {
  /** In pixels. */
  readonly height: number
  readonly width: number
  /** One of the tower's outputs, by name. */
  readonly output: string
}

/** How many sessions a tower of many sizes keeps: one an input size and output. */
export interface TowerSessions {
  readonly loaded: number
  readonly max: number
  /** Since start. */
  readonly loads: number
  readonly evictions: number
}

/** A tower that is published alone, for pictures of many sizes. Calls do not overlap. */
export interface TowerSession {
  readonly sessions: TowerSessions
  /**
   * Pixels `[pictures, 3, height, width]`, colours 0…1 → the output `[pictures, …]`, which is the caller's. Rejects with
   * `backend_failure`, also for numbers that are not finite.
   */
  see(pixels: Float32Array, pictures: number, input: TowerInput): Promise<Float32Array>
  dispose(): Promise<void>
}

/** Numbers that keys and values are kept as; `int8` has a scale a position and head. */
export const KV_CACHE_TYPES = ['f32', 'f16', 'int8'] as const
export type KvCacheType = (typeof KV_CACHE_TYPES)[number]

export interface BackendOptions {
  /** Threads that one run may use. */
  readonly threads: number
  /** Bytes of KV cache that a decoder session may hold, recurrent states included. */
  readonly kvCacheBytes: number
  /** Positions a KV block holds. */
  readonly kvBlockSize: number
  /** Sequences that one step may have rows of, which a decoder with recurrences sets states aside for. Absent: 1. */
  readonly maxRunning?: number
  /**
   * File of the model's weights as the native runtime reads them, of a package that was verified and that nobody changes; other
   * backends have no use for it.
   */
  readonly packedWeights?: string | undefined
  /** Hears what there is to say of how a model was loaded. */
  readonly remark?: (text: string) => void
  /** Whether the decoder is to take adapters. A backend that has none rejects with `invalid_config`. */
  readonly adapters?: boolean
  /** Absent: f32. A backend that does not have the type rejects with `invalid_config`. */
  readonly kvCacheType?: KvCacheType
}

export interface Backend {
  readonly name: 'reference' | 'onnx' | 'native' | 'tensorrt'
  /**
   * Loads the decoder of the model folder `modelDir` (config.json, safetensors, …), or of that GGUF file. Rejects with
   * `invalid_package`.
   */
  loadDecoder(modelDir: string, options: BackendOptions): Promise<DecoderSession>
  loadEncoder(modelDir: string, options: BackendOptions): Promise<EncoderSession>
  /**
   * Puts the matrices of an adapter into the form that sessions take, in any thread; they come and go one after the other. Absent:
   * the backend has no adapters. Rejects as the iteration does.
   */
  prepareAdapter?(
    shapes: readonly AdapterShape[],
    matrices: AsyncIterable<AdapterMatrices>,
  ): Promise<PreparedAdapter>
  /** The tower of a model that is nothing else, with at most `maxSessions` sessions at a time. Rejects with `invalid_package`. */
  loadTower(modelDir: string, options: BackendOptions, maxSessions: number): Promise<TowerSession>
}
