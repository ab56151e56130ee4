/** What is in the cache before a decode: sequences that hold contexts, each with keys and values of its own. */
import type { DecoderSession, SequenceId } from '../../engine/backend.ts'
import type { NativeKvTable } from '../../engine/backends/native-kv.ts'

export interface Contexts {
  /** `batch` sequences of so many positions, which stay as they are. Rejects as the backend does. */
  of(context: number, batch: number): Promise<readonly SequenceId[]>
}

/** Reads positions of a sequence behind those that it has. */
export type Read = (sequence: SequenceId, positions: number) => Promise<void>

/** Ids that no other sequence has. */
export type NewSequence = () => SequenceId

/** Reads every context the first time, and keeps them all: measures take turns. */
export class ReadContexts implements Contexts {
  readonly #session: DecoderSession
  readonly #read: Read
  readonly #newSequence: NewSequence
  readonly #known = new Map<number, SequenceId[]>()

  constructor(session: DecoderSession, read: Read, newSequence: NewSequence) {
    this.#session = session
    this.#read = read
    this.#newSequence = newSequence
  }

  /** The first goes on from the longest context that is shorter. */
  async of(context: number, batch: number): Promise<readonly SequenceId[]> {
    const known = this.#known.get(context) ?? []
    while (known.length < batch) {
      const sequence = this.#newSequence()
      const shorter = known.length === 0 ? this.#longestBelow(context) : 0
      if (shorter > 0) this.#session.fork(sequence, this.#known.get(shorter)![0]!, shorter)
      await this.#read(sequence, context - shorter)
      known.push(sequence)
    }
    this.#known.set(context, known)
    return known.slice(0, batch)
  }

  /** 0: there is none. */
  #longestBelow(context: number): number {
    return Math.max(0, ...[...this.#known.keys()].filter((length) => length < context))
  }
}

/** Of {@link CopiedContexts}, what is read; a multiple of every size of a block. */
export const READ_POSITIONS = 512

/**
 * Reads 512 positions once and copies their blocks for every context, as often as it takes: reading 32 sequences of 32 k would
 * take hours, and a step takes the same time whatever keys and values say. Keeps those of one length.
 */
export class CopiedContexts implements Contexts {
  readonly #cache: NativeKvTable
  readonly #read: Read
  readonly #newSequence: NewSequence
  #source: readonly number[] | undefined
  #context = 0
  #sequences: SequenceId[] = []

  constructor(cache: NativeKvTable, read: Read, newSequence: NewSequence) {
    this.#cache = cache
    this.#read = read
    this.#newSequence = newSequence
  }

  async of(context: number, batch: number): Promise<readonly SequenceId[]> {
    this.#source ??= await this.#readSource()
    if (context !== this.#context) {
      for (const sequence of this.#sequences) this.#cache.free(sequence)
      this.#sequences = []
      this.#context = context
    }
    while (this.#sequences.length < batch) this.#sequences.push(this.#copied(context, this.#source))
    return this.#sequences.slice(0, batch)
  }

  async #readSource(): Promise<readonly number[]> {
    const sequence = this.#newSequence()
    await this.#read(sequence, READ_POSITIONS)
    const [read] = this.#cache.reserve([{ sequence, positions: 0 }])
    return read!.blocks
  }

  #copied(context: number, source: readonly number[]): SequenceId {
    const sequence = this.#newSequence()
    const [copy] = this.#cache.reserve([{ sequence, positions: context }])
    for (const [i, block] of copy!.blocks.entries())
      this.#cache.store.copyBlock(source[i % source.length]!, block)
    copy!.length = context
    return sequence
  }
}
