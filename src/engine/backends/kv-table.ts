/** Block tables of a session: sequences as lists of blocks, shared between forks until written. Holds no values. */
import { AerieError } from '../../errors.ts'
import { KvCacheFull, type KvStats, type SequenceId } from '../backend.ts'
import { KvPool } from './kv-pool.ts'

/** One sequence. Positions below `length` do not change while it only grows: a copy of them stays good until `truncate`. */
export interface KvSequence {
  readonly blocks: number[]
  length: number
}

/** Where values are kept, is what a subclass adds; of that, the table knows how a block is copied. */
export abstract class KvTable {
  readonly blockSize: number
  readonly #pool: KvPool
  readonly #sequences = new Map<SequenceId, KvSequence>()

  constructor(blocks: number, blockSize: number) {
    this.blockSize = blockSize
    this.#pool = new KvPool(blocks)
  }

  /** Copies the values of a block to another one. */
  protected abstract copyBlock(from: number, to: number): void

  get stats(): KvStats {
    return { blockSize: this.blockSize, blocksTotal: this.#pool.total, blocksUsed: this.#pool.used }
  }

  length(id: SequenceId): number {
    return this.#sequences.get(id)?.length ?? 0
  }

  /** Free blocks that appending `positions` would take, the copy of a shared one included. */
  blocksNeeded(id: SequenceId, positions: number): number {
    if (positions === 0) return 0
    const sequence = this.#sequences.get(id)
    if (!sequence) return Math.ceil(positions / this.blockSize)
    const blocks = Math.ceil((sequence.length + positions) / this.blockSize)
    return (
      Math.max(0, blocks - sequence.blocks.length) + (this.#writesSharedBlock(sequence) ? 1 : 0)
    )
  }

  /**
   * Makes room for `positions` more positions in each sequence, creating unknown ones, without
   * changing any length. Throws {@link KvCacheFull} before anything is changed.
   */
  reserve(
    requests: readonly { readonly sequence: SequenceId; readonly positions: number }[],
  ): KvSequence[] {
    const needed = requests.reduce(
      (sum, request) => sum + this.blocksNeeded(request.sequence, request.positions),
      0,
    )
    if (needed > this.#pool.free) throw new KvCacheFull(needed, this.#pool.free)
    return requests.map(({ sequence: id, positions }) => {
      const sequence = this.#sequences.get(id) ?? this.#start(id)
      if (positions > 0 && this.#writesSharedBlock(sequence)) this.#copyLastBlock(sequence)
      while (sequence.blocks.length * this.blockSize < sequence.length + positions) {
        sequence.blocks.push(this.#pool.allocate())
      }
      return sequence
    })
  }

  /**
   * Starts `id` as the first `length` positions of `parent`. Throws `backend_failure` for a taken
   * id or too short a parent.
   */
  fork(id: SequenceId, parent: SequenceId, length: number): void {
    if (this.#sequences.has(id)) throw failure(`fork: sequence ${id} exists already`)
    const source = this.#sequences.get(parent)
    if (length > (source?.length ?? 0)) {
      throw failure(
        `fork: sequence ${parent} has ${source?.length ?? 0} positions, ${length} were asked for`,
      )
    }
    const blocks = source?.blocks.slice(0, Math.ceil(length / this.blockSize)) ?? []
    for (const block of blocks) this.#pool.retain(block)
    this.#sequences.set(id, { blocks, length })
  }

  /** Gives back the blocks behind the first `length` positions. Throws `backend_failure` for a sequence that is shorter. */
  truncate(id: SequenceId, length: number): KvSequence {
    const sequence = this.#sequences.get(id)
    const most = sequence?.length ?? 0
    if (!sequence || !Number.isInteger(length) || length < 0 || length > most)
      throw failure(`truncate: sequence ${id} has ${most} positions, ${length} were to be left`)
    const kept = Math.ceil(length / this.blockSize)
    for (const block of sequence.blocks.splice(kept)) this.#pool.release(block)
    sequence.length = length
    return sequence
  }

  free(id: SequenceId): void {
    const sequence = this.#sequences.get(id)
    if (!sequence) return
    for (const block of sequence.blocks) this.#pool.release(block)
    this.#sequences.delete(id)
  }

  /** Forgets every sequence. */
  clear(): void {
    for (const id of [...this.#sequences.keys()]) this.free(id)
  }

  #start(id: SequenceId): KvSequence {
    const sequence = { blocks: [], length: 0 }
    this.#sequences.set(id, sequence)
    return sequence
  }

  /** Whether the next position falls into a block that another sequence owns too. */
  #writesSharedBlock(sequence: KvSequence): boolean {
    const block = sequence.blocks[Math.floor(sequence.length / this.blockSize)]
    return block !== undefined && this.#pool.isShared(block)
  }

  #copyLastBlock(sequence: KvSequence): void {
    const place = Math.floor(sequence.length / this.blockSize)
    const shared = sequence.blocks[place]!
    const copy = this.#pool.allocate()
    this.copyBlock(shared, copy)
    sequence.blocks[place] = copy
    this.#pool.release(shared)
  }
}

/** Blocks of `blockBytes` that fit into `bytes`. Throws `invalid_config` when it is not one. */
export function blocksIn(bytes: number, blockBytes: number): number {
  const blocks = Math.floor(bytes / blockBytes)
  if (blocks >= 1) return blocks
  throw new AerieError(
    'invalid_config',
    `a KV cache of ${bytes} bytes does not hold one block of ${blockBytes} bytes`,
  )
}

function failure(message: string): AerieError {
  return new AerieError('backend_failure', message)
}
