/** The past of a group of sequences as the tensors that a run is fed, kept from step to step. */
import type { KvGeometry } from '../../../models/graph/graph.ts'
import type { KvCache } from './kv-cache.ts'
import type { KvSequence } from './kv-table.ts'

interface Slot {
  sequence: KvSequence | undefined
  /** Positions of the sequence that the tensors hold. */
  filled: number
}

/**
 * `[rows, kvHeads, 1, capacity, headDim]` a layer for keys and for values. A sequence that stays keeps
 * its row, so that a decode step copies one position a sequence instead of its whole past.
 */
export class PastWindow {
  /** Positions that each row has room for. */
  readonly capacity: number
  /** For the owner: when it was last of use. */
  lastUsed = 0
  readonly #cache: KvCache
  readonly #geometry: KvGeometry
  readonly #slots: Slot[] = []
  #tensors: Float32Array[] = []
  #room = 0

  constructor(cache: KvCache, geometry: KvGeometry, capacity: number) {
    this.#cache = cache
    this.#geometry = geometry
    this.capacity = capacity
  }

  /**
   * Gives every sequence a row below `sequences.length`, brings the rows up to date and returns
   * them in that order.
   */
  place(sequences: readonly KvSequence[]): number[] {
    this.#makeRoom(sequences.length)
    // What was appended and then not counted, because another run of the step failed, is taken back.
    for (const slot of this.#slots) slot.filled = Math.min(slot.filled, slot.sequence?.length ?? 0)
    const wanted = new Set(sequences)
    const rowOf = new Map<KvSequence, number>()
    const vacant: number[] = []
    for (let row = sequences.length - 1; row >= 0; row--) {
      const { sequence } = this.#slots[row]!
      // A sequence may have left a copy behind when it moved to a lower row.
      if (sequence && wanted.has(sequence) && !rowOf.has(sequence)) rowOf.set(sequence, row)
      else vacant.push(row)
    }
    return sequences.map((sequence) => {
      const row = rowOf.get(sequence) ?? vacant.pop()!
      const slot = this.#slots[row]!
      if (slot.sequence !== sequence) Object.assign(slot, { sequence, filled: 0 })
      this.#fill(row, slot, sequence)
      return row
    })
  }

  /** The fed tensor of a layer's keys or values for the first `rows` rows. */
  tensor(
    layer: number,
    part: 'key' | 'value',
    rows: number,
  ): { data: Float32Array; dims: number[] } {
    const { kvHeads, headDim } = this.#geometry
    const data = this.#tensors[layer * 2 + (part === 'key' ? 0 : 1)]!
    return {
      data: data.subarray(0, rows * kvHeads * this.capacity * headDim),
      dims: [rows, kvHeads, 1, this.capacity, headDim],
    }
  }

  /**
   * Takes over what a run added to the sequence in `row`, `[count, planes, headDim]` from `source[offset]` on, while it is
   * in the processor's cache; what does not fit waits for a larger window.
   */
  append(row: number, count: number, source: Float32Array, offset: number): void {
    const { layers, kvHeads, headDim } = this.#geometry
    const slot = this.#slots[row]!
    if (slot.filled + count > this.capacity) return
    let from = offset
    for (let position = slot.filled; position < slot.filled + count; position++) {
      for (let part = 0; part < layers * 2; part++) {
        const target = this.#tensors[part]!
        for (let head = 0; head < kvHeads; head++) {
          const to = ((row * kvHeads + head) * this.capacity + position) * headDim
          for (let i = 0; i < headDim; i++) target[to + i] = source[from++]!
        }
      }
    }
    slot.filled += count
  }

  /** Forgets what a sequence has no longer. */
  shorten(sequence: KvSequence): void {
    for (const slot of this.#slots)
      if (slot.sequence === sequence) slot.filled = Math.min(slot.filled, sequence.length)
  }

  #fill(row: number, slot: Slot, sequence: KvSequence): void {
    const { layers, kvHeads, headDim } = this.#geometry
    const { filled } = slot
    for (let part = 0; part < layers * 2; part++) {
      const target = this.#tensors[part]!
      for (let head = 0; head < kvHeads; head++) {
        const offset = ((row * kvHeads + head) * this.capacity + filled) * headDim
        this.#cache.read(sequence, part * kvHeads + head, filled, sequence.length, target, offset)
      }
    }
    slot.filled = sequence.length
  }

  #makeRoom(rows: number): void {
    if (rows <= this.#room) return
    this.#room = Math.max(rows, Math.ceil(this.#room * 1.5))
    const { layers, kvHeads, headDim } = this.#geometry
    const size = this.#room * kvHeads * this.capacity * headDim
    this.#tensors = Array.from({ length: layers * 2 }, (_, i) => {
      const grown = new Float32Array(size)
      const old = this.#tensors[i]
      if (old) grown.set(old)
      return grown
    })
    while (this.#slots.length < this.#room) this.#slots.push({ sequence: undefined, filled: 0 })
  }
}
