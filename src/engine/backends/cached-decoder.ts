/** What decoder sessions over our KV cache have in common: checking, embedding, bookkeeping. */
import { AerieError } from '../../errors.ts'
import type { DecoderSession, KvStats, Row, SequenceId, StepResult } from '../backend.ts'
import type { EmbeddingTable } from './embedding-table.ts'
import type { KvSequence, KvTable } from './kv-table.ts'

/** A row whose tokens are embedded and whose cache positions are reserved. */
export interface PreparedRow {
  /** The first new position is `cache.length`; the runner writes, the session counts. */
  readonly cache: KvSequence
  readonly positions: number
  /** `[positions, hidden]` */
  readonly embeddings: Float32Array
  readonly want: Row['want']
}

/** Computes rows: takes the past from the cache, adds to it, returns what each row wants. */
export interface DecoderRunner {
  run(rows: readonly PreparedRow[]): Promise<(Float32Array | undefined)[]>
  dispose(): Promise<void>
}

export interface CachedDecoderOptions {
  readonly embeddings: EmbeddingTable
  readonly cache: KvTable
  readonly runner: DecoderRunner
  /** Positions that the model accepts. */
  readonly maxContext: number
}

export class CachedDecoder implements DecoderSession {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly maxContext: number
  readonly #embeddings: EmbeddingTable
  readonly #cache: KvTable
  readonly #runner: DecoderRunner
  #disposed = false

  constructor({ embeddings, cache, runner, maxContext }: CachedDecoderOptions) {
    const { blocksTotal, blockSize } = cache.stats
    this.vocabSize = embeddings.vocabSize
    this.hiddenSize = embeddings.hiddenSize
    this.maxContext = Math.min(maxContext, blocksTotal * blockSize)
    this.#embeddings = embeddings
    this.#cache = cache
    this.#runner = runner
  }

  get kv(): KvStats {
    return this.#cache.stats
  }

  async step(rows: readonly Row[]): Promise<StepResult[]> {
    if (this.#disposed) throw failure('the session is disposed')
    const counts = this.#check(rows)
    const reserved = this.#cache.reserve(
      rows.map(({ sequence }, i) => ({ sequence, positions: counts[i]! })),
    )
    const prepared = rows.map((row, i) => ({
      cache: reserved[i]!,
      positions: counts[i]!,
      embeddings: this.#embed(row, counts[i]!),
      want: row.want,
    }))
    const values = await this.#runner.run(prepared)
    // Lengths change last: a failed run leaves every sequence as it was.
    for (const row of prepared) row.cache.length += row.positions
    return rows.map(({ sequence }, i) => ({ sequence, values: values[i] }))
  }

  fork(sequence: SequenceId, parent: SequenceId, length: number): void {
    this.#cache.fork(sequence, parent, length)
  }

  length(sequence: SequenceId): number {
    return this.#cache.length(sequence)
  }

  blocksNeeded(sequence: SequenceId, positions: number): number {
    return this.#cache.blocksNeeded(sequence, positions)
  }

  free(sequence: SequenceId): void {
    this.#cache.free(sequence)
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    this.#cache.clear()
    this.#embeddings.close()
    await this.#runner.dispose()
  }

  /** Positions of each row. Throws before anything is changed. */
  #check(rows: readonly Row[]): number[] {
    const seen = new Set<SequenceId>()
    return rows.map(({ sequence, input }) => {
      if (seen.has(sequence)) throw failure(`sequence ${sequence} occurs twice in one step`)
      seen.add(sequence)
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

  /** `[positions, hidden]` */
  #embed(row: Row, positions: number): Float32Array {
    const embedded = new Float32Array(positions * this.hiddenSize)
    let offset = 0
    for (const segment of row.input) {
      if (segment.kind === 'embeddings') {
        embedded.set(segment.data, offset)
        offset += segment.data.length
        continue
      }
      for (const id of segment.ids) {
        this.#embeddings.write(id, embedded, offset)
        offset += this.hiddenSize
      }
    }
    return embedded
  }
}

function failure(message: string): AerieError {
  return new AerieError('backend_failure', message)
}
