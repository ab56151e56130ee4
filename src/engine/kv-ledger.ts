/** Who holds which KV blocks and recurrent states: the scheduler's view of the session's cache, and all forks and frees in it. */
import { type DecoderSession, mostRunning, type SequenceId } from './backend.ts'
import type { BlockHash } from './block-hash.ts'
import { PrefixCache } from './prefix-cache.ts'
import type { Sequence } from './sequence.ts'

export class KvLedger {
  readonly blockSize: number
  readonly #session: DecoderSession
  readonly #cache: PrefixCache
  #nextBlock = 0
  /** Names of kept sequences count down, those of the engine's sequences up. */
  #nextKept: SequenceId = -1

  constructor(session: DecoderSession, prefixCacheBlocks: number) {
    this.#session = session
    this.blockSize = session.kv.blockSize
    this.#cache = new PrefixCache(session, prefixCacheBlocks, (id, blocks) =>
      this.#forkable(id, blocks),
    )
  }

  /** Sequences that the slots of a session with states are for, all with a row of the same step. */
  get mostRunning(): number {
    return mostRunning(this.#session.states?.slotsTotal ?? 0)
  }

  /** Blocks that nobody holds. */
  get free(): number {
    return this.#session.kv.blocksTotal - this.#session.kv.blocksUsed
  }

  /** Prefixes that the cache gave up for others. */
  get evictions(): number {
    return this.#cache.evictions
  }

  /** Blocks held by `running`, and those held by the prefix cache alone. */
  count(running: readonly Sequence[]): { used: number; cached: number } {
    const inUse = blocksOf(running)
    return { used: inUse.size, cached: this.#cache.blocksOutside(inUse) }
  }

  /** Slots of recurrent states held by `running`, and those held by the prefix cache alone. */
  countStates(running: readonly Sequence[]): { used: number; cached: number } {
    const { states } = this.#session
    if (!states) return { used: 0, cached: 0 }
    const used = states.slotsOf(running.map(({ id }) => id))
    return { used, cached: states.slotsUsed - used }
  }

  blocksNeeded(sequence: Sequence, positions: number): number {
    return this.#session.blocksNeeded(sequence.id, positions)
  }

  /**
   * Whether a waiting sequence can be admitted: all it has to read and one more block must fit beside what the
   * running ones have yet to read and one more block each. The spare block keeps a sequence from being
   * admitted only to be preempted in the next steps.
   */
  fits(sequence: Sequence, running: readonly Sequence[]): boolean {
    let claimed = this.#claim(sequence)
    for (const other of running) claimed += this.#claim(other) - other.blocks.length
    if (claimed <= this.free) return true
    const inUse = blocksOf(running)
    const shared = this.#findPrefix(sequence, running)?.blocks.filter((block) => inUse.has(block))
    const reclaimable = this.#cache.blocksOutside(inUse)
    return claimed - (shared?.length ?? 0) <= this.free + reclaimable
  }

  /** Whether one of the sequences `ahead` is about to compute the next block that this one can start behind: wait and share. */
  isBeingComputed(sequence: Sequence, ahead: readonly Sequence[]): boolean {
    if (ahead.length === 0 || this.#cache.maxBlocks === 0) return false
    const hashes = this.#sharedHashes(sequence)
    const known = this.#findPrefix(sequence, ahead)?.blocks.length ?? 0
    const step = this.#blocksBetweenForks
    const next = known - (known % step) + step
    if (next > hashes.length) return false
    return ahead.some(
      (other) =>
        other.computed < next * this.blockSize &&
        this.#hashes(other)[next - 1] === hashes[next - 1],
    )
  }

  /**
   * How many positions a sequence reads next, of `budget` and of `more` that it may have if that saves a step. Where states are kept,
   * pieces end at the places of those, so that others can start there, and are about equally long.
   */
  piece(sequence: Sequence, budget: number, more: number): number {
    const take = Math.min(sequence.pending, Math.max(budget, 0))
    const { states } = this.#session
    if (!states || this.#cache.maxBlocks === 0 || take === 0) return take
    const toKept = states.keptEvery - (sequence.computed % states.keptEvery)
    if (toKept > sequence.pending) return take
    return Math.ceil(toKept / Math.ceil(toKept / (budget + more)))
  }

  /** Gives kept prefixes up until there is a slot for the new state of each of so many rows, or none is kept. */
  makeRoomForStates(rows: number): void {
    const { states } = this.#session
    if (!states) return
    while (states.slotsTotal - states.slotsUsed < rows && this.reclaim());
  }

  /** Gives an empty sequence the longest beginning that the prefix cache or a running sequence has computed. */
  attachPrefix(sequence: Sequence, running: readonly Sequence[]): void {
    const found = this.#findPrefix(sequence, running)
    if (!found) return
    // At least one position is left to compute, or there would be no logits.
    const positions = Math.min(found.blocks.length * this.blockSize, sequence.length - 1)
    this.#share(sequence, found.sequence, found.blocks, positions)
  }

  /** Starts `child` as the first `positions` positions of `parent`. */
  fork(child: Sequence, parent: Sequence, positions: number): void {
    this.#share(child, parent.id, parent.blocks, positions)
  }

  append(sequence: Sequence, positions: number): void {
    sequence.computed += positions
    sequence.blocks = this.#cover(sequence.blocks, sequence.computed)
  }

  /** Takes back what the session holds of a sequence behind what counts. */
  dropDraft(sequence: Sequence): void {
    this.#session.truncate(sequence.id, sequence.computed)
  }

  /** Takes a sequence's blocks away; the full ones stay in the prefix cache if `keep`. */
  release(sequence: Sequence, keep: boolean): void {
    if (keep) this.#keep(sequence)
    this.#session.free(sequence.id)
    sequence.computed = 0
    sequence.blocks = []
  }

  /** Frees the oldest kept sequence; false when none is kept. */
  reclaim(): boolean {
    return this.#cache.evictOldest()
  }

  clearPrefixCache(): void {
    this.#cache.clear()
  }

  #keep(sequence: Sequence): void {
    const computed = Math.floor(sequence.computed / this.blockSize)
    const count = this.#forkable(sequence.id, Math.min(computed, this.#cache.maxBlocks))
    if (count === 0) return
    const hashes = this.#hashes(sequence).slice(0, count)
    if (this.#cache.holds(hashes)) return
    const kept = this.#nextKept--
    this.#session.fork(kept, sequence.id, count * this.blockSize)
    this.#cache.keep({ sequence: kept, hashes, blocks: sequence.blocks.slice(0, count) })
  }

  /** The sequence, kept or running, that this one can have the most leading blocks of. */
  #findPrefix(
    sequence: Sequence,
    running: readonly Sequence[],
  ): { sequence: SequenceId; blocks: readonly number[] } | undefined {
    if (this.#cache.maxBlocks === 0) return undefined
    const hashes = this.#sharedHashes(sequence)
    const match = this.#cache.match(hashes)
    let best = match && {
      sequence: match.kept.sequence,
      blocks: match.kept.blocks.slice(0, match.blocks),
    }
    for (const other of running) {
      if (other === sequence) continue
      const theirs = this.#hashes(other)
      let common = Math.min(hashes.length, Math.floor(other.computed / this.blockSize))
      while (common > 0 && theirs[common - 1] !== hashes[common - 1]) common--
      if (common > (best?.blocks.length ?? 0)) common = this.#forkable(other.id, common)
      if (common > (best?.blocks.length ?? 0)) {
        best = { sequence: other.id, blocks: other.blocks.slice(0, common) }
      }
    }
    return best
  }

  #hashes(sequence: Sequence): readonly BlockHash[] {
    return sequence.hashes(sequence.length, this.blockSize)
  }

  /** Names of the blocks that a sequence may have from others. Its last position is computed anyway, which a state is not to be behind. */
  #sharedHashes(sequence: Sequence): readonly BlockHash[] {
    const hashes = this.#hashes(sequence)
    if (!this.#session.states) return hashes
    return hashes.slice(0, Math.floor((sequence.length - 1) / this.blockSize))
  }

  /** How many of the first `blocks` blocks of a sequence another can start with. */
  #forkable(sequence: SequenceId, blocks: number): number {
    const { states } = this.#session
    return states
      ? Math.floor(states.forkable(sequence, blocks * this.blockSize) / this.blockSize)
      : blocks
  }

  /** Blocks between two places where a running sequence can be forked later. */
  get #blocksBetweenForks(): number {
    return (this.#session.states?.keptEvery ?? this.blockSize) / this.blockSize
  }

  #share(child: Sequence, parent: SequenceId, blocks: readonly number[], positions: number): void {
    this.#session.fork(child.id, parent, positions)
    child.computed = positions
    // A block shared in part is copied when either writes to it: count it as the child's own.
    child.blocks = this.#cover(blocks.slice(0, Math.floor(positions / this.blockSize)), positions)
  }

  /** `blocks` and as many new ones as `positions` positions take. */
  #cover(blocks: readonly number[], positions: number): readonly number[] {
    const missing = Math.ceil(positions / this.blockSize) - blocks.length
    if (missing <= 0) return blocks
    return [...blocks, ...Array.from({ length: missing }, () => this.#nextBlock++)]
  }

  /** Blocks that a sequence has once it has read everything known and has room for one more block. */
  #claim(sequence: Sequence): number {
    const positions = Math.min(sequence.length + this.blockSize, sequence.maxLength)
    return Math.ceil(positions / this.blockSize)
  }
}

function blocksOf(sequences: readonly Sequence[]): Set<number> {
  const blocks = new Set<number>()
  for (const sequence of sequences) for (const block of sequence.blocks) blocks.add(block)
  return blocks
}
