/**
 * The addon of the native CPU runtime, `aerie-cpu.node`. Any number of threads may load it; what one makes is used by that
 * thread alone.
 *
 * Every function checks what it gets: an argument of the wrong type or length, a detached buffer or a number out of range is
 * a `TypeError` or `RangeError` that names it. What the system has no memory for is a `RangeError` with the code
 * `ERR_OUT_OF_MEMORY`.
 */

/** Instruction sets with kernels of their own. All give the same whole numbers, and floats that differ by about 1e-6. */
export type Isa = 'avx512-vnni' | 'avx2' | 'neon' | 'portable'

/** SHA-256 of the sources that it was built from (kernels/sources.ts), hexadecimal; `unknown` for a build by hand. */
export const sources: string

/** Those that this machine has, best first; `portable` is always the last. */
export function isas(): Isa[]

/** Threads that compute what one thread asks for. They sleep between runs and end when the pool is collected. */
export interface Pool {
  readonly threads: number
}

/** A pool of 1 … 256 threads, the caller's counted: `createPool(1)` starts none. */
export function createPool(threads: number): Pool

/** A weight [out, in] of floats. */
export interface DenseWeight {
  readonly type: 'f32' | 'f16' | 'bf16'
  readonly shape: readonly [out: number, width: number]
  /** Row after row, as in the file. */
  readonly values: Uint8Array
}

/** A weight in blocks of a GGUF file, which must be finite; the packed form holds the same numbers. */
export interface BlockWeight {
  readonly type: 'Q8_0' | 'Q4_0' | 'Q4_1' | 'Q5_0' | 'Q5_1' | 'Q4_K' | 'Q5_K' | 'Q6_K'
  readonly shape: readonly [out: number, width: number]
  /** Row after row of whole blocks, as in the file. */
  readonly values: Uint8Array
}

/** A quantised weight, as `QuantisedMatrix` of src/weights/quantised.ts describes it. */
export interface QuantisedWeight {
  readonly bits: 4 | 8
  readonly group: number
  readonly isSigned: boolean
  readonly shape: readonly [out: number, width: number]
  readonly values: Uint8Array
  /** [out, in/group] */
  readonly scales: Float32Array
  readonly zeroPoints?: Uint8Array
  readonly lowRank?: {
    readonly rank: number
    /** [rank, in] */
    readonly down: Float32Array
    /** [out, rank] */
    readonly up: Float32Array
  }
}

export interface PackOptions {
  /**
   * Of every four neighbouring inputs two values are kept, and which they are: 12 bits instead of 16 for int4, 20 instead of
   * 32 for int8, 36 instead of 64 for f16 and bf16. Products have the bits of the dense form. A `RangeError` names the first
   * row and inputs of which more than two are not zero; blocks of GGUF have no such form (`TypeError`).
   */
  readonly sparse24?: boolean
}

/**
 * Whether of every four neighbouring inputs of an output at most two are not zero (numbers: are not their zero point). It looks
 * until it finds others. False for blocks of GGUF.
 */
export function isSparse24(pool: Pool, weight: DenseWeight | BlockWeight | QuantisedWeight): boolean

/**
 * A weight in the form that kernels of every instruction set read (kernels/cpu/src/linear/packed_linear.h). It begins at a
 * multiple of 64 bytes, and must wherever it is copied to.
 */
export function packLinear(
  pool: Pool,
  weight: DenseWeight | BlockWeight | QuantisedWeight,
  options?: PackOptions,
): Uint8Array

/** Of the form of packed blocks; a block of another version cannot be read. */
export const packedVersion: number

/** A file, read-only and in one copy for all processes that map it. */
export interface MappedFile {
  readonly bytes: number
  /**
   * Whether programs read its blocks where they lie. False where the system has large pages for the memory of a process and
   * not for this file: then each program copies its blocks, since products that wait for memory take up to twice as long in
   * small ones.
   */
  readonly isReadInPlace: boolean
  /** For what is loaded from now on; programs keep what they have. */
  close(): void
}

/**
 * Maps a file that nobody writes to: where one that is mapped becomes shorter, reading what is gone ends the process. Throws
 * an `Error` with the code `ERR_SYSTEM` where the system refuses, a `TypeError` for a folder or device, a `RangeError` for an
 * empty file.
 */
export function mapFile(path: string): MappedFile

/** A packed block in a mapped file. */
export interface MappedBlock {
  readonly file: MappedFile
  /** Multiple of 64. */
  readonly offset: number
  readonly bytes: number
}

/** The memory of a KV cache: blocks of positions, each with keys and values of all layers and heads. */
export interface KvStore {
  /** Of all blocks. Reserved; a block takes memory when it is first written. */
  readonly bytes: number
  readonly blockBytes: number
  copyBlock(from: number, to: number): void
  /** Forgets all blocks and gives their memory back. */
  clear(): void
  /** Gives everything back now; the store cannot be used afterwards. */
  close(): void
}

export interface KvOptions {
  readonly layers: number
  readonly kvHeads: number
  /** At most 256. */
  readonly headDim: number
  /** Positions in a block: 1 … 4096. Multiples of 16 are read where they lie; others are copied first. */
  readonly blockSize: number
  readonly blocks: number
  /** `int8` has a scale for each position, head, and keys and values apart. */
  readonly type: 'f32' | 'f16' | 'int8'
}

export function createKv(options: KvOptions): KvStore

/** The memory of recurrent states: slots, each with all recurrences' states of one sequence at one position. */
export interface StateStore {
  /** Of all slots. Reserved; a slot takes memory when it is first written. */
  readonly bytes: number
  readonly slotBytes: number
  /** Forgets all states and gives their memory back. */
  clear(): void
  /** Gives everything back now; the store cannot be used afterwards. */
  close(): void
}

export interface StateOptions {
  /** Floats of each recurrence's state, in their order. */
  readonly sizes: readonly number[]
  readonly slots: number
}

export function createStates(options: StateOptions): StateStore

/** Where a packed block of floats lies in an adapter's memory. */
export interface AdapterBlock {
  /** Multiple of 64. */
  readonly offset: number
  readonly bytes: number
}

/** What an adapter adds to one linear: scale · (x · downᵀ) · upᵀ. */
export interface AdapterPair {
  /** The number that `linear` instructions name as `adapter`. */
  readonly linear: number
  readonly scale: number
  /** [rank, in] */
  readonly down: AdapterBlock
  /** [out, rank] */
  readonly up: AdapterBlock
}

/** Matrices that runs may add to a program's products. */
export interface Adapter {
  readonly bytes: number
  /** For runs that begin from now on; its memory is the caller's again. */
  close(): void
}

/** `memory` begins at a multiple of 64, as `allocate` makes it; it is read where it lies and must stay there. */
export function createAdapter(memory: Uint8Array, pairs: readonly AdapterPair[]): Adapter

/** Zeros that begin at a multiple of 64 bytes. */
export function allocate(bytes: number): Uint8Array

export interface RunOptions {
  /** A number for each name in the program's shapes; 0 is one. */
  readonly dims: Readonly<Record<string, number>>
  /** In the program's order: Float32Array for f32, Int32Array for i32. */
  readonly inputs: readonly (Float32Array | Int32Array)[]
  /** In the program's order, filled by the run. What no output needs that is asked for is not computed, but for what leaves something to later runs. */
  readonly outputs: readonly (Float32Array | null)[]
  /** Of programs with `kvAttention`. */
  readonly kv?: KvStore
  /**
   * [n, 4], a sequence each: its first token in the run, its number of tokens, the positions that it has in the store
   * already, and where in `tables` the numbers of its blocks begin. Tokens follow each other without gaps; tables reach as
   * far as the new tokens do.
   */
  readonly rows?: Int32Array
  readonly tables?: Int32Array
  /** Of programs with recurrences. */
  readonly states?: StateStore
  /**
   * [n, 2], of each row: the slot of its states before the run, −1 where it has no positions yet, and the slot for those behind
   * it, which may be the same. No other row may use a slot that one writes.
   */
  readonly stateSlots?: Int32Array
  readonly adapters?: readonly Adapter[]
  /**
   * With `adapters`, for each name that rows of adapted linears are counted by: [n, 2], the first row of each adapter and how
   * many rows it has; in order, and without overlaps. Rows that have none are what they are without adapters, bit for bit.
   */
  readonly adapterRows?: Readonly<Record<string, Int32Array>>
  /** Whether `profile` counts this run. */
  readonly profile?: boolean
}

export interface ProfileEntry {
  readonly op: string
  readonly runs: number
  /** Of all profiled runs together. */
  readonly milliseconds: number
}

export interface Program {
  readonly isa: Isa
  /**
   * Computes in the calling thread and the pool's, and returns when it is done. If it throws, outputs are undefined; what it
   * wrote to the KV store lies behind the past of its rows, and the slots that it was to write are undefined.
   */
  run(options: RunOptions): void
  /** An entry for each instruction. */
  profile(): ProfileEntry[]
  /** Memory that runs have needed so far beside weights and KV store; it stays for the next. */
  arenaBytes(): number
  /** Gives everything back now; the program cannot be used afterwards. */
  close(): void
}

/**
 * A program that is ready to run. `program` is a `Program` of models/graph/native/program.ts and is checked whole; an error
 * names the instruction. `weights` follow the program's list: packed blocks are read where they lie and must stay there,
 * tensors of more than 64 KiB too. Mapped blocks are in memory when it returns, and stay there as long as the program.
 */
export function createProgram(
  pool: Pool,
  program: object,
  weights: readonly (Uint8Array | MappedBlock | Float32Array | Int32Array)[],
  isa?: Isa,
): Program

/**
 * How a token is to be chosen; `SamplingParams` of src/engine/types.ts and src/engine/logits-processor.ts have the meaning of
 * each. Lists of ids hold each once.
 */
export interface SampleOptions {
  readonly temperature: number
  readonly topK: number
  readonly topP: number
  readonly minP: number
  /** In [0, 1): decides the draw. */
  readonly uniform: number
  readonly repetitionPenalty: number
  readonly presencePenalty: number
  readonly frequencyPenalty: number
  /** Ids that the repetition penalty concerns. */
  readonly repeated?: Int32Array
  /** Ids of the answer, which the presence and frequency penalties concern, and how often each was generated. */
  readonly generated?: Int32Array
  readonly counts?: Int32Array
  /** Ids and what is added to their logits. */
  readonly biased?: Int32Array
  readonly biases?: Float64Array
  /** Ids that must not be chosen. */
  readonly forbidden?: Int32Array
  /** Absent: no log probabilities; else the number of the most probable ids that are wanted, 0 … 1024. */
  readonly topLogprobs?: number | undefined
}

export interface Sampled {
  readonly id: number
  /** With `topLogprobs`: the log probability of an id is its logit − (max + ln(sum)), of the logits as they came. */
  readonly max?: number
  readonly sum?: number
  /** Most probable ids, best first, ties by id. */
  readonly top?: readonly number[]
}

/** Chooses tokens of one vocabulary: the same as src/engine/sampler.ts, on every instruction set. */
export interface Sampler {
  /** `logits` [vocab] are left as they are. A RangeError when they hold NaN or no token is possible. */
  sample(logits: Float32Array, options: SampleOptions): Sampled
}

/** `vocabSize` 1 … 2^24. */
export function createSampler(vocabSize: number, isa?: Isa): Sampler

/** Rows in 8 bits as linears quantise them, for tests; `group` 0 is the whole row. */
export function quantiseRows(
  pool: Pool,
  x: Float32Array,
  rows: number,
  width: number,
  group: number,
  isa?: Isa,
): { values: Int8Array; scales: Float32Array; sums: Int32Array }

/** x [rows, in] · the packed weight → [rows, out], for tests. */
export function linear(
  pool: Pool,
  block: Uint8Array | MappedBlock,
  x: Float32Array,
  rows: number,
  isa?: Isa,
): Float32Array

/** Of all threads of a pool together; a multiplication and an addition are two operations. */
export interface Limits {
  readonly isa: Isa
  readonly threads: number
  readonly floatOperationsPerSecond: number
  /** Products of 8-bit numbers, added in 32 bits. */
  readonly int8OperationsPerSecond: number
  /** Of 8-bit and 4-bit ones, several added in 16 bits first: as many as of int8 where one instruction adds to 32 bits. */
  readonly int4OperationsPerSecond: number
  /** Of memory beyond every cache. */
  readonly readBytesPerSecond: number
}

/**
 * What the machine does at most, measured: best of several in about `milliseconds` (1 … 60000) for each number. One thread is
 * measured in processor time, several by the clock. Takes 256 MiB meanwhile.
 */
export function limits(pool: Pool, milliseconds: number, isa?: Isa): Limits
