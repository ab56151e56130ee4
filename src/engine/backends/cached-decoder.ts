/** What decoder sessions over our KV cache have in common: checking, embedding, bookkeeping. */
import { AerieError } from '../../errors.ts'
import type {
  AdapterId,
  DecoderSession,
  KvStats,
  RecurrentStates,
  Row,
  SequenceId,
  SessionAdapters,
  StepResult,
} from '../backend.ts'
import type { TokenSampler } from '../sampler.ts'
import type { EmbeddingTable } from './embedding-table.ts'
import type { KnownAdapters } from './known-adapters.ts'
import type { KvSequence, KvTable } from './kv-table.ts'
import type { StateSlots, StateTable } from './state-table.ts'

/** A row whose tokens are embedded and whose cache positions are reserved. */
export interface PreparedRow {
  /** The first new position is `cache.length`; the runner writes, the session counts. */
  readonly cache: KvSequence
  readonly positions: number
  /** `[positions, hidden]` */
  readonly embeddings: Float32Array
  readonly want: Row['want']
  /** Positions, counted from the last, that `want` is said of; 0 with `none`. */
  readonly wanted: number
  /** Of a model with recurrences. */
  readonly states?: StateSlots
  readonly adapter?: AdapterId
}

/** Computes rows: takes the past from the cache, adds to it, returns what each row wants. */
export interface DecoderRunner {
  run(rows: readonly PreparedRow[]): Promise<(Float32Array | undefined)[]>
  /** Told of a sequence that has become shorter, where the runner keeps copies of its past. */
  shortened?(cache: KvSequence): void
  dispose(): Promise<void>
}

export interface CachedDecoderOptions {
  readonly embeddings: Pick<EmbeddingTable, 'vocabSize' | 'hiddenSize' | 'has' | 'embed' | 'close'>
  readonly cache: KvTable
  /** Of a model with recurrences. */
  readonly states?: StateTable | undefined
  /** Where it is to take adapters. */
  readonly adapters?: KnownAdapters | undefined
  readonly runner: DecoderRunner
  /** Positions that the model accepts. */
  readonly maxContext: number
  readonly sampler?: TokenSampler
}

export class CachedDecoder implements DecoderSession {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly maxContext: number
  readonly sampler?: TokenSampler
  readonly #embeddings: CachedDecoderOptions['embeddings']
  readonly #cache: KvTable
  readonly #states: StateTable | undefined
  readonly #adapters: KnownAdapters | undefined
  readonly #runner: DecoderRunner
  #disposed = false

  constructor(options: CachedDecoderOptions) {
    const { embeddings, cache, states, adapters, runner, maxContext, sampler } = options
    const { blocksTotal, blockSize } = cache.stats
    this.vocabSize = embeddings.vocabSize
    this.hiddenSize = embeddings.hiddenSize
    this.maxContext = Math.min(maxContext, blocksTotal * blockSize)
    if (sampler) this.sampler = sampler
    this.#embeddings = embeddings
    this.#cache = cache
    this.#states = states
    this.#adapters = adapters
    this.#runner = runner
  }

  get kv(): KvStats {
    return this.#cache.stats
  }

  get states(): RecurrentStates | undefined {
    return this.#states
  }

  get adapters(): SessionAdapters | undefined {
    return this.#adapters
  }

  async step(rows: readonly Row[]): Promise<StepResult[]> {
    if (this.#disposed) throw failure('the session is disposed')
    const counts = this.#check(rows)
    const states = this.#states?.reserve(rows.map(({ sequence }) => sequence))
    try {
      const values = await this.#run(rows, counts, states)
      return rows.map(({ sequence }, i) => ({ sequence, values: values[i] }))
    } catch (error) {
      for (const slots of states ?? []) this.#states!.cancel(slots)
      throw error
    }
  }

  fork(sequence: SequenceId, parent: SequenceId, length: number): void {
    this.#states?.expectForkable(parent, length)
    this.#cache.fork(sequence, parent, length)
    this.#states?.fork(sequence, parent, length)
  }

  truncate(sequence: SequenceId, length: number): void {
    if (this.#states) throw failure(`sequence ${sequence} has states, which cannot be cut back`)
    const shortened = this.#cache.truncate(sequence, length)
    this.#runner.shortened?.(shortened)
  }

  length(sequence: SequenceId): number {
    return this.#cache.length(sequence)
  }

  blocksNeeded(sequence: SequenceId, positions: number): number {
    return this.#cache.blocksNeeded(sequence, positions)
  }

  free(sequence: SequenceId): void {
    this.#cache.free(sequence)
    this.#states?.free(sequence)
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    this.#cache.clear()
    this.#states?.clear()
    this.#adapters?.clear()
    this.#embeddings.close()
    await this.#runner.dispose()
  }

  /** What each row wants; rejects with every sequence as it was. */
  async #run(
    rows: readonly Row[],
    counts: readonly number[],
    states: readonly StateSlots[] | undefined,
  ): Promise<(Float32Array | undefined)[]> {
    const reserved = this.#cache.reserve(
      rows.map(({ sequence }, i) => ({ sequence, positions: counts[i]! })),
    )
    const prepared = rows.map((row, i) => ({
      cache: reserved[i]!,
      positions: counts[i]!,
      embeddings: this.#embeddings.embed(row.input),
      want: row.want,
      wanted: row.want === 'none' ? 0 : (row.wantLast ?? 1),
      ...(states && { states: states[i]! }),
      ...(row.adapter !== undefined && { adapter: row.adapter }),
    }))
    const values = await this.#runner.run(prepared)
    // Lengths change last: a failed run leaves every sequence as it was.
    for (const row of prepared) row.cache.length += row.positions
    states?.forEach((slots, i) => {
      this.#states!.advance(rows[i]!.sequence, slots, reserved[i]!.length)
    })
    return values
  }

  /** Positions of each row. Throws before anything is changed. */
  #check(rows: readonly Row[]): number[] {
    const seen = new Set<SequenceId>()
    return rows.map(({ sequence, input, adapter, wantLast = 1 }) => {
      if (seen.has(sequence)) throw failure(`sequence ${sequence} occurs twice in one step`)
      seen.add(sequence)
      if (adapter !== undefined && !this.#adapters?.has(adapter))
        throw failure(`sequence ${sequence}: there is no adapter ${adapter}`)
      let positions = 0
      for (const segment of input) {
        if (segment.kind === 'tokens') {
          const unknown = segment.ids.find((id) => !this.#embeddings.has(id))
          if (unknown !== undefined)
            throw failure(`token id ${unknown} is outside the vocabulary of ${this.vocabSize}`)
          positions += segment.ids.length
        } else {
          if (segment.data.length !== segment.rows * this.hiddenSize) {
            throw failure(
              `embeddings of ${segment.rows} rows have ${segment.data.length} values, not ${segment.rows}×${this.hiddenSize}`,
            )
          }
          positions += segment.rows
        }
      }
      if (positions === 0)
        throw failure(`sequence ${sequence}: a row appends at least one position`)
      if (!(Number.isInteger(wantLast) && wantLast >= 1 && wantLast <= positions)) {
        throw failure(
          `sequence ${sequence}: the last ${wantLast} positions are wanted of a row of ${positions}`,
        )
      }
      const length = this.#cache.length(sequence) + positions
      if (length > this.maxContext) {
        throw new AerieError(
          'context_length_exceeded',
          `sequence ${sequence} would have ${length} positions, at most ${this.maxContext} fit`,
        )
      }
      return positions
    })
  }
}

function failure(message: string): AerieError {
  return new AerieError('backend_failure', message)
}
