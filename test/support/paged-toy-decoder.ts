/** The toy decoder over the KV cache of the real backends: what it remembers lies in that cache's blocks, as floats. */
import assert from 'node:assert/strict'
import type { KvStats, Row, SequenceId, StepResult } from '../../src/engine/backend.ts'
import { KvCache } from '../../src/engine/backends/kv-cache.ts'
import type { KvSequence } from '../../src/engine/backends/kv-table.ts'
import {
  afterFeatures,
  afterToken,
  type CheckedDecoder,
  countPositions,
  logitsOf,
  TOY_HIDDEN,
  TOY_START,
} from './toy-decoder.ts'

/** Keys and values of one head, one float each: the halves of the 32 bits that the toy remembers. */
const GEOMETRY = { layers: 1, kvHeads: 1, headDim: 1 }
const FLOATS = 2
const VOCABULARY = 64

export class PagedToyDecoder implements CheckedDecoder {
  readonly vocabSize = VOCABULARY
  readonly hiddenSize = TOY_HIDDEN
  readonly maxContext: number
  readonly steps: number[][] = []
  readonly #cache: KvCache
  readonly #sequences = new Set<SequenceId>()

  constructor(options: { blockSize: number; blocksTotal: number; maxContext: number }) {
    const { blockSize, blocksTotal, maxContext } = options
    this.maxContext = maxContext
    const bytes = blocksTotal * blockSize * FLOATS * Float32Array.BYTES_PER_ELEMENT
    this.#cache = new KvCache({ geometry: GEOMETRY, blockSize, bytes })
  }

  get kv(): KvStats {
    return this.#cache.stats
  }

  async step(rows: readonly Row[]): Promise<StepResult[]> {
    const wanted = rows.map((row) => ({ sequence: row.sequence, positions: countPositions(row) }))
    const sequences = this.#cache.reserve(wanted)
    for (const { sequence } of wanted) this.#sequences.add(sequence)
    this.steps.push(wanted.map(({ positions }) => positions))
    this.#assertSoleWriters(sequences, this.steps.at(-1)!)
    return rows.map((row, i) => this.#run(row, sequences[i]!))
  }

  fork(sequence: SequenceId, parent: SequenceId, length: number): void {
    this.#cache.fork(sequence, parent, length)
    this.#sequences.add(sequence)
  }

  truncate(sequence: SequenceId, length: number): void {
    this.#cache.truncate(sequence, length)
  }

  length(sequence: SequenceId): number {
    return this.#cache.length(sequence)
  }

  blocksNeeded(sequence: SequenceId, positions: number): number {
    return this.#cache.blocksNeeded(sequence, positions)
  }

  free(sequence: SequenceId): void {
    this.#cache.free(sequence)
    this.#sequences.delete(sequence)
  }

  async dispose(): Promise<void> {
    this.#cache.clear()
  }

  assertConsistent(): void {
    const owned = new Set<number>()
    for (const { blocks, length } of this.#all()) {
      assert.equal(new Set(blocks).size, blocks.length, 'a block stands twice in one sequence')
      assert.equal(
        blocks.length,
        Math.ceil(length / this.#cache.blockSize),
        'blocks without positions',
      )
      for (const block of blocks) owned.add(block)
    }
    assert.equal(this.#cache.stats.blocksUsed, owned.size, 'blocks in use that no sequence owns')
  }

  /** No block that a row is about to write to belongs to anyone else. */
  #assertSoleWriters(sequences: readonly KvSequence[], positions: readonly number[]): void {
    const owners = new Map<number, number>()
    for (const { blocks } of this.#all())
      for (const block of blocks) owners.set(block, (owners.get(block) ?? 0) + 1)
    for (const [i, { blocks, length }] of sequences.entries()) {
      const from = Math.floor(length / this.#cache.blockSize)
      const to = Math.ceil((length + positions[i]!) / this.#cache.blockSize)
      for (const block of blocks.slice(from, to)) {
        assert.equal(owners.get(block), 1, `block ${block} is written to and has several owners`)
      }
    }
  }

  #all(): KvSequence[] {
    return this.#cache.reserve([...this.#sequences].map((sequence) => ({ sequence, positions: 0 })))
  }

  #run({ sequence, input, want, wantLast = 1 }: Row, kv: KvSequence): StepResult {
    let state = this.#stateOf(kv)
    const states: number[] = []
    for (const segment of input) {
      const count = segment.kind === 'tokens' ? segment.ids.length : segment.rows
      for (let i = 0; i < count; i++) {
        state =
          segment.kind === 'tokens'
            ? afterToken(state, segment.ids[i]!)
            : afterFeatures(state, segment.data.subarray(i * TOY_HIDDEN))
        states.push(state)
        const halves = Float32Array.of(state >>> 16, state & 0xffff)
        this.#cache.write(kv, kv.length, 1, halves, 0)
        kv.length++
      }
    }
    const values = want === 'logits' ? logitsOf(states.slice(-wantLast), VOCABULARY) : undefined
    return { sequence, values }
  }

  #stateOf(kv: KvSequence): number {
    if (kv.length === 0) return TOY_START
    const halves = new Float32Array(FLOATS)
    for (let plane = 0; plane < FLOATS; plane++)
      this.#cache.read(kv, plane, kv.length - 1, kv.length, halves, plane)
    return halves[0]! * 2 ** 16 + halves[1]!
  }
}
