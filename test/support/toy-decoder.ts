/**
 * A small real decoder for scheduler tests. Its "KV" at a position is a hash of everything up to there, read back
 * from its own paged blocks for the next position; so a block that was freed too early, shared wrongly or not copied
 * on write changes the text. Logits are a pure function of that hash: batch, chunks and forks cannot matter.
 */
import { setTimeout } from 'node:timers/promises'
import {
  type DecoderSession,
  KvCacheFull,
  type KvStats,
  type Row,
  type SequenceId,
  type StepResult,
} from '../../src/engine/backend.ts'

export interface ToyDecoderOptions {
  readonly blockSize?: number
  readonly blocksTotal?: number
  readonly maxContext?: number
  readonly vocabSize?: number
  /** How long a step takes; 0: no waiting at all. */
  readonly stepMs?: number
  /** A step that reads this id throws. */
  readonly failOn?: number
  /** A step that reads this id ends its thread. */
  readonly exitOn?: number
  /** A step that reads this id returns NaN. */
  readonly nanOn?: number
}

export const TOY_HIDDEN = 4

/** A decoder of tests that can tell whether its blocks are in order. */
export interface CheckedDecoder extends DecoderSession {
  /** Positions of each step's rows. */
  readonly steps: readonly (readonly number[])[]
  /** Throws unless every block has exactly the owners that the sequences say. */
  assertConsistent(): void
}

export class ToyDecoder implements CheckedDecoder {
  readonly vocabSize: number
  readonly hiddenSize = TOY_HIDDEN
  readonly maxContext: number
  /** Positions of each step's rows, for assertions on what was scheduled. */
  readonly steps: number[][] = []
  readonly #options: ToyDecoderOptions
  readonly #blockSize: number
  readonly #blocks: Float64Array[]
  readonly #owners: number[]
  readonly #tables = new Map<SequenceId, { blocks: number[]; length: number }>()

  constructor(options: ToyDecoderOptions = {}) {
    const { blockSize = 4, blocksTotal = 64, maxContext = 256, vocabSize = 64 } = options
    this.#options = options
    this.vocabSize = vocabSize
    this.maxContext = maxContext
    this.#blockSize = blockSize
    this.#blocks = Array.from({ length: blocksTotal }, () =>
      new Float64Array(blockSize).fill(Number.NaN),
    )
    this.#owners = new Array<number>(blocksTotal).fill(0)
  }

  get kv(): KvStats {
    const blocksUsed = this.#owners.filter((owners) => owners > 0).length
    return { blockSize: this.#blockSize, blocksTotal: this.#blocks.length, blocksUsed }
  }

  async step(rows: readonly Row[]): Promise<StepResult[]> {
    const lengths = rows.map((row) => countPositions(row))
    const needed = rows.reduce(
      (sum, row, i) => sum + this.blocksNeeded(row.sequence, lengths[i]!),
      0,
    )
    const free = this.kv.blocksTotal - this.kv.blocksUsed
    if (needed > free) throw new KvCacheFull(needed, free)
    if (new Set(rows.map((row) => row.sequence)).size < rows.length) {
      throw new Error('a sequence has two rows')
    }
    this.steps.push(lengths)
    if (this.#options.stepMs) await setTimeout(this.#options.stepMs)
    return rows.map((row) => this.#run(row))
  }

  fork(sequence: SequenceId, parent: SequenceId, length: number): void {
    if (this.#tables.has(sequence)) throw new Error(`sequence ${sequence} exists`)
    const from = this.#tables.get(parent)
    if (!from || from.length < length)
      throw new Error(`sequence ${parent} has no ${length} positions`)
    const blocks = from.blocks.slice(0, Math.ceil(length / this.#blockSize))
    for (const block of blocks) this.#owners[block]!++
    this.#tables.set(sequence, { blocks, length })
  }

  truncate(sequence: SequenceId, length: number): void {
    const table = this.#tables.get(sequence)
    if (!table || table.length < length) throw new Error(`sequence ${sequence} has no ${length}`)
    for (const block of table.blocks.splice(Math.ceil(length / this.#blockSize)))
      this.#release(block)
    // What is left of the last block is forgotten too, unless others read it.
    const last = table.blocks.at(-1)
    if (last !== undefined && this.#owners[last] === 1 && length % this.#blockSize > 0)
      this.#blocks[last]!.fill(Number.NaN, length % this.#blockSize)
    table.length = length
  }

  length(sequence: SequenceId): number {
    return this.#tables.get(sequence)?.length ?? 0
  }

  blocksNeeded(sequence: SequenceId, positions: number): number {
    const table = this.#tables.get(sequence) ?? { blocks: [], length: 0 }
    const shared = this.#sharesWrittenBlock(table)
    const blocks = Math.ceil((table.length + positions) / this.#blockSize)
    return blocks - table.blocks.length + (positions > 0 && shared ? 1 : 0)
  }

  free(sequence: SequenceId): void {
    for (const block of this.#tables.get(sequence)?.blocks ?? []) this.#release(block)
    this.#tables.delete(sequence)
  }

  async dispose(): Promise<void> {
    for (const sequence of [...this.#tables.keys()]) this.free(sequence)
  }

  /** Throws unless every block has exactly the owners that the tables say. */
  assertConsistent(): void {
    const owners = new Array<number>(this.#blocks.length).fill(0)
    for (const table of this.#tables.values()) for (const block of table.blocks) owners[block]!++
    owners.forEach((count, block) => {
      if (count !== this.#owners[block]) throw new Error(`block ${block}: ${count} owners`)
    })
  }

  #run({ sequence, input, want, wantLast = 1 }: Row): StepResult {
    let state = this.#stateOf(sequence)
    const states: number[] = []
    for (const segment of input) {
      if (segment.kind === 'tokens') {
        for (const id of segment.ids) {
          this.#trip(id)
          state = id === this.#options.nanOn ? Number.NaN : afterToken(state, id)
          states.push(state)
          this.#append(sequence, state)
        }
      } else {
        for (let row = 0; row < segment.rows; row++) {
          state = afterFeatures(state, segment.data.subarray(row * TOY_HIDDEN))
          states.push(state)
          this.#append(sequence, state)
        }
      }
    }
    const values = want === 'logits' ? logitsOf(states.slice(-wantLast), this.vocabSize) : undefined
    return { sequence, values }
  }

  #trip(id: number): void {
    if (id === this.#options.failOn) throw new Error('the toy was told to fail')
    if (id === this.#options.exitOn) process.exit(1)
  }

  #stateOf(sequence: SequenceId): number {
    const table = this.#tables.get(sequence)
    if (!table || table.length === 0) return TOY_START
    const last = table.length - 1
    const state =
      this.#blocks[table.blocks[Math.floor(last / this.#blockSize)]!]![last % this.#blockSize]!
    if (Number.isNaN(state)) throw new Error(`sequence ${sequence} reads a block that was freed`)
    return state
  }

  #append(sequence: SequenceId, state: number): void {
    const table = this.#tables.get(sequence) ?? { blocks: [], length: 0 }
    this.#tables.set(sequence, table)
    const place = Math.floor(table.length / this.#blockSize)
    if (place === table.blocks.length) {
      table.blocks.push(this.#allocate())
    } else if (this.#sharesWrittenBlock(table)) {
      const copy = this.#allocate()
      this.#blocks[copy]!.set(this.#blocks[table.blocks[place]!]!)
      this.#release(table.blocks[place]!)
      table.blocks[place] = copy
    }
    this.#blocks[table.blocks[place]!]![table.length++ % this.#blockSize] = state
  }

  #sharesWrittenBlock({ blocks, length }: { blocks: number[]; length: number }): boolean {
    const block = blocks[Math.floor(length / this.#blockSize)]
    return block !== undefined && this.#owners[block]! > 1
  }

  #allocate(): number {
    const block = this.#owners.indexOf(0)
    if (block < 0) throw new Error('no free block')
    this.#owners[block] = 1
    return block
  }

  #release(block: number): void {
    if (--this.#owners[block]! === 0) this.#blocks[block]!.fill(Number.NaN)
  }
}

/** What the toy "remembers" before it has read anything: a 32-bit number, as after every position. */
export const TOY_START = 1

export function afterToken(state: number, id: number): number {
  return mix(state, id + 1)
}

/** `row` begins with the row's features. */
export function afterFeatures(state: number, row: Float32Array): number {
  return row
    .subarray(0, TOY_HIDDEN)
    .reduce((before, value) => mix(before, Math.round(value * 1e6)), state)
}

/** `[states, vocab]` */
export function logitsOf(states: readonly number[], vocabSize: number): Float32Array {
  const logits = new Float32Array(states.length * vocabSize)
  for (const [i, state] of states.entries()) logits.set(toyLogits(state, vocabSize), i * vocabSize)
  return logits
}

export function toyLogits(state: number, vocabSize: number): Float32Array {
  const logits = new Float32Array(vocabSize)
  if (Number.isNaN(state)) return logits.fill(Number.NaN)
  for (let id = 0; id < vocabSize; id++) {
    logits[id] = (mix(state, 7919 * (id + 1)) / 2 ** 32) * 8 - 4
  }
  return logits
}

export function countPositions(row: Row): number {
  return row.input.reduce(
    (sum, segment) => sum + (segment.kind === 'tokens' ? segment.ids.length : segment.rows),
    0,
  )
}

function mix(state: number, value: number): number {
  let x = Math.imul(state ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(value, 0xc2b2ae35)
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d)
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39)
  return (x ^ (x >>> 15)) >>> 0
}
