/** The KV cache of a session as floats in memory of its own. */
import type { KvGeometry } from '../../../models/graph/graph.ts'
import { AerieError } from '../../errors.ts'
import type { BackendOptions } from '../backend.ts'
import { blocksIn, type KvSequence, KvTable } from './kv-table.ts'

/**
 * Large enough that the allocator maps each slab on its own: pages count as resident when they are first written,
 * and thousands of small blocks do not break up the heap that everything else lives in.
 */
const SLAB_BYTES = 256 * 1024 ** 2
/** Floats. */
const SMALL_COPY = 256

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
export class KvCache extends KvTable {
  readonly planes: number
  readonly headDim: number
  readonly #blocks: number
  /** Slabs of `#blocksPerSlab` blocks, made when one of theirs is first used. */
  readonly #slabs: (ArrayBuffer | undefined)[]
  readonly #blocksPerSlab: number
  readonly #blockFloats: number
  /** The block's view of its slab. */
  readonly #values: (Float32Array | undefined)[]

  constructor({ geometry, blockSize, bytes }: KvCacheOptions) {
    const planes = geometry.layers * 2 * geometry.kvHeads
    const blockBytes = planes * blockSize * geometry.headDim * Float32Array.BYTES_PER_ELEMENT
    const blocks = blocksIn(bytes, blockBytes)
    super(blocks, blockSize)
    this.planes = planes
    this.headDim = geometry.headDim
    this.#blocks = blocks
    this.#values = new Array<undefined>(blocks)
    this.#blockFloats = blockBytes / Float32Array.BYTES_PER_ELEMENT
    this.#blocksPerSlab = Math.max(1, Math.floor(Math.min(bytes, SLAB_BYTES) / blockBytes))
    this.#slabs = new Array<undefined>(Math.ceil(blocks / this.#blocksPerSlab))
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

  /** Forgets every sequence and gives the memory back. */
  override clear(): void {
    super.clear()
    this.#values.fill(undefined)
    this.#slabs.fill(undefined)
  }

  protected override copyBlock(from: number, to: number): void {
    const values = this.#values[from]
    if (values) this.#memory(to).set(values)
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
      bytes * Math.min(this.#blocksPerSlab, this.#blocks - slab * this.#blocksPerSlab),
    )
    return new Float32Array(
      this.#slabs[slab],
      bytes * (block % this.#blocksPerSlab),
      this.#blockFloats,
    )
  }
}

/** The cache of a backend that keeps floats. Throws `invalid_config` where another type is asked for. */
export function floatCache(
  backend: string,
  geometry: KvGeometry,
  { kvBlockSize: blockSize, kvCacheBytes: bytes, kvCacheType: type = 'f32' }: BackendOptions,
): KvCache {
  if (type !== 'f32') {
    throw new AerieError(
      'invalid_config',
      `kvCacheType ${type}: the ${backend} backend keeps keys and values as f32`,
    )
  }
  return new KvCache({ geometry, blockSize, bytes })
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
