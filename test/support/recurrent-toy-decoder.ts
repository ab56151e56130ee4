/**
 * The toy decoder as a recurrent one, over the session, KV cache and table of states that real backends have: what it remembers of
 * a sequence lies in a slot, and in the last position of its blocks too, and both have to agree.
 */
import assert from 'node:assert/strict'
import type { Row, SequenceId, StepResult } from '../../src/engine/backend.ts'
import {
  CachedDecoder,
  type CachedDecoderOptions,
  type DecoderRunner,
  type PreparedRow,
} from '../../src/engine/backends/cached-decoder.ts'
import { KvCache } from '../../src/engine/backends/kv-cache.ts'
import { type StateSlots, StateTable } from '../../src/engine/backends/state-table.ts'
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
/** Stands behind a token's id where features have a number of theirs. */
const TOKEN = Number.POSITIVE_INFINITY

export interface RecurrentToyOptions {
  readonly blockSize: number
  readonly blocksTotal: number
  readonly maxContext: number
  readonly slots: number
  /** Blocks between two states that are kept. */
  readonly blocksBetweenStates: number
  /** A step that reads this id throws. */
  readonly failOn?: number
  /** A step that reads this id ends its thread. */
  readonly exitOn?: number
}

export class RecurrentToyDecoder extends CachedDecoder implements CheckedDecoder {
  readonly steps: number[][] = []
  readonly #cache: KvCache
  readonly #table: StateTable
  readonly #alive = new Set<SequenceId>()

  constructor(options: RecurrentToyOptions) {
    const { blockSize, blocksTotal, maxContext, slots, blocksBetweenStates } = options
    const bytes = blocksTotal * blockSize * FLOATS * Float32Array.BYTES_PER_ELEMENT
    const cache = new KvCache({ geometry: GEOMETRY, blockSize, bytes })
    const states = new StateTable({ slots, keptEvery: blocksBetweenStates * blockSize })
    const runner = new ToyRunner(cache, options)
    super({ embeddings: EMBEDDINGS, cache, states, runner, maxContext })
    this.#cache = cache
    this.#table = states
  }

  override async step(rows: readonly Row[]): Promise<StepResult[]> {
    this.steps.push(rows.map((row) => countPositions(row)))
    for (const { sequence } of rows) this.#alive.add(sequence)
    return await super.step(rows)
  }

  override fork(sequence: SequenceId, parent: SequenceId, length: number): void {
    super.fork(sequence, parent, length)
    this.#alive.add(sequence)
  }

  override free(sequence: SequenceId): void {
    super.free(sequence)
    this.#alive.delete(sequence)
  }

  assertConsistent(): void {
    const owned = new Set<number>()
    const alive = [...this.#alive]
    for (const { blocks } of this.#cache.reserve(
      alive.map((sequence) => ({ sequence, positions: 0 })),
    ))
      for (const block of blocks) owned.add(block)
    assert.equal(this.#cache.stats.blocksUsed, owned.size, 'blocks in use that no sequence owns')
    assert.equal(this.#table.slotsUsed, this.#table.slotsOf(alive), 'slots that no sequence holds')
    for (const id of alive) {
      const length = this.#cache.length(id)
      assert.equal(this.#table.forkable(id, length), length, 'a sequence without its state')
    }
  }
}

const EMBEDDINGS: CachedDecoderOptions['embeddings'] = {
  vocabSize: VOCABULARY,
  hiddenSize: TOY_HIDDEN,
  has: (id) => id >= 0 && id < VOCABULARY,
  embed: (prompt) =>
    Float32Array.from(
      prompt.flatMap((segment) =>
        segment.kind === 'tokens' ? Array.from(segment.ids).flatMap(rowOf) : [...segment.data],
      ),
    ),
  close() {},
}

/** A token's row: its id, what tells it from features, and nothing else. */
function rowOf(id: number): number[] {
  const row = new Array<number>(TOY_HIDDEN).fill(0)
  return row.with(0, id).with(1, TOKEN)
}

class ToyRunner implements DecoderRunner {
  readonly #cache: KvCache
  readonly #options: RecurrentToyOptions
  readonly #values = new Map<number, number>()

  constructor(cache: KvCache, options: RecurrentToyOptions) {
    this.#cache = cache
    this.#options = options
  }

  async run(rows: readonly PreparedRow[]): Promise<(Float32Array | undefined)[]> {
    const written = new Set(rows.map(({ states }) => states!.to))
    assert.equal(written.size, rows.length, 'two rows write to one slot')
    for (const { states } of rows)
      assert.ok(!written.has(states!.from), `slot ${states!.from} is read and written`)
    return rows.map((row) => this.#run(row))
  }

  async dispose(): Promise<void> {}

  #run({ cache: kv, positions, embeddings, want, wanted, states }: PreparedRow) {
    let state = this.#before(states!)
    if (kv.length > 0) assert.equal(state, this.#lastOf(kv), 'the state of another position')
    const behind: number[] = []
    for (let i = 0; i < positions; i++) {
      const row = embeddings.subarray(i * TOY_HIDDEN, (i + 1) * TOY_HIDDEN)
      const id = row[1] === TOKEN ? row[0]! : undefined
      if (id !== undefined) this.#trip(id)
      state = id === undefined ? afterFeatures(state, row) : afterToken(state, id)
      behind.push(state)
      this.#cache.write(kv, kv.length + i, 1, Float32Array.of(state >>> 16, state & 0xffff), 0)
    }
    this.#values.set(states!.to, state)
    return want === 'logits' ? logitsOf(behind.slice(-wanted), VOCABULARY) : undefined
  }

  #trip(id: number): void {
    if (id === this.#options.failOn) throw new Error('the toy was told to fail')
    if (id === this.#options.exitOn) process.exit(1)
  }

  #before({ from }: StateSlots): number {
    if (from < 0) return TOY_START
    const value = this.#values.get(from)
    assert.ok(value !== undefined, `slot ${from} is read and was never written`)
    return value
  }

  #lastOf(kv: PreparedRow['cache']): number {
    const halves = new Float32Array(FLOATS)
    for (let plane = 0; plane < FLOATS; plane++)
      this.#cache.read(kv, plane, kv.length - 1, kv.length, halves, plane)
    return halves[0]! * 2 ** 16 + halves[1]!
  }
}
