/** The KV cache of a session: sequences as lists of blocks, shared between forks until written. */
import type { KvGeometry } from '../../../models/graph/graph.ts'
import { AerieError } from '../../errors.ts'
import { KvCacheFull, type KvStats, type SequenceId } from '../backend.ts'
import { KvPool } from './kv-pool.ts'

/**
 * Large enough that the allocator maps each slab on its own: pages count as resident when they are first written,
 * and thousands of small blocks do not break up the heap that everything else lives in.
 */
const SLAB_BYTES = 256 * 1024 ** 2
/** Floats. */
const SMALL_COPY = 256

/** One sequence. Positions below `length` never change: a copy of them stays good. */
export interface KvSequence {
  readonly blocks: number[]
  length: number
}

export interface KvCacheOptions {
  readonly geometry: KvGeometry
  readonly blockSize: number
  /** Bytes of all blocks together; rounded down to whole blocks. */
  readonly bytes: number
}

/**
 * A *plane* is one KV head's keys or values in one layer: number
 * `(layer · 2 + isValue) · kvHeads + head`. A block holds `[planes, blockSize, headDim]`, so that
 * reading a plane's positions is one copy a block; a position as the graph returns it is
 * `[planes, headDim]`.
 */
export class KvCache {
  readonly blockSize: number
  readonly planes: number
  readonly headDim: number
  readonly #pool: KvPool
  readonly #sequences = new Map<SequenceId, KvSequence>()
  /** Slabs of `#blocksPerSlab` blocks, made when one of theirs is first used. */
  readonly #slabs: (ArrayBuffer | undefined)[]
  readonly #blocksPerSlab: number
  readonly #blockFloats: number
  /** The block's view of its slab. */
  readonly #values: (Float32Array | undefined)[]

  constructor({ geometry, blockSize, bytes }: KvCacheOptions) {
    this.blockSize = blockSize
    this.planes = geometry.layers * 2 * geometry.kvHeads
    this.headDim = geometry.headDim
    const blockBytes = this.planes * blockSize * geometry.headDim * Float32Array.BYTES_PER_ELEMENT
    const total = Math.floor(bytes / blockBytes)
    if (total < 1) {
      throw new AerieError(
        'invalid_config',
        `a KV cache of ${bytes} bytes does not hold one block of ${blockBytes} bytes`,
      )
    }
    this.#pool = new KvPool(total)
    this.#values = new Array<undefined>(total)
    this.#blockFloats = blockBytes / Float32Array.BYTES_PER_ELEMENT
    this.#blocksPerSlab = Math.max(1, Math.floor(Math.min(bytes, SLAB_BYTES) / blockBytes))
    this.#slabs = new Array<undefined>(Math.ceil(total / this.#blocksPerSlab))
  }

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

  /** Stores `count` positions of a sequence: `[count, planes, headDim]` floats from `source[offset]` on. */
  write(
    sequence: KvSequence,
    start: number,
    count: number,
    source: Float32Array,
    offset: number,
  ): void {
    const { headDim, blockSize, planes } = this
    for (let written = 0; written < count; ) {
      const slot = (start + written) % blockSize
      const here = Math.min(blockSize - slot, count - written)
      const values = this.#valuesAt(sequence, start + written)
      // Plane by plane, so that what is written lies together.
      for (let plane = 0; plane < planes; plane++) {
        let from = offset + (written * planes + plane) * headDim
        let to = (plane * blockSize + slot) * headDim
        for (let i = 0; i < here; i++, from += planes * headDim, to += headDim) {
          copy(source, from, values, to, headDim)
        }
      }
      written += here
    }
  }

  /**
   * Copies positions start … end − 1 of one plane to `target`, `[end − start, headDim]` from
   * `offset` on.
   */
  read(
    sequence: KvSequence,
    plane: number,
    start: number,
    end: number,
    target: Float32Array,
    offset: number,
  ): void {
    const { headDim, blockSize } = this
    for (let position = start; position < end; ) {
      const slot = position % blockSize
      const count = Math.min(blockSize - slot, end - position)
      const from = (plane * blockSize + slot) * headDim
      const to = offset + (position - start) * headDim
      copy(this.#valuesAt(sequence, position), from, target, to, count * headDim)
      position += count
    }
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

  free(id: SequenceId): void {
    const sequence = this.#sequences.get(id)
    if (!sequence) return
    for (const block of sequence.blocks) this.#pool.release(block)
    this.#sequences.delete(id)
  }

  /** Forgets every sequence and gives the memory back. */
  clear(): void {
    for (const id of [...this.#sequences.keys()]) this.free(id)
    this.#values.fill(undefined)
    this.#slabs.fill(undefined)
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
    const values = this.#values[shared]
    if (values) this.#memory(copy).set(values)
    sequence.blocks[place] = copy
    this.#pool.release(shared)
  }

  #valuesAt(sequence: KvSequence, position: number): Float32Array {
    return this.#memory(sequence.blocks[Math.floor(position / this.blockSize)]!)
  }

  #memory(block: number): Float32Array {
    this.#values[block] ??= this.#view(block)
    return this.#values[block]
  }

  #view(block: number): Float32Array {
    const slab = Math.floor(block / this.#blocksPerSlab)
    const bytes = this.#blockFloats * Float32Array.BYTES_PER_ELEMENT
    this.#slabs[slab] ??= new ArrayBuffer(
      bytes * Math.min(this.#blocksPerSlab, this.#pool.total - slab * this.#blocksPerSlab),
    )
    return new Float32Array(
      this.#slabs[slab],
      bytes * (block % this.#blocksPerSlab),
      this.#blockFloats,
    )
  }
}

/** A loop beats subarray + set at the size of a head, which is what a decode step copies. */
function copy(
  source: Float32Array,
  from: number,
  target: Float32Array,
  to: number,
  count: number,
): void {
  if (count > SMALL_COPY) target.set(source.subarray(from, from + count), to)
  else for (let i = 0; i < count; i++) target[to + i] = source[from + i]!
}

function failure(message: string): AerieError {
  return new AerieError('backend_failure', message)
}
