/** KV of sequences that have ended, kept for requests that begin alike; bounded, least recently used goes first. */
import type { DecoderSession, SequenceId } from './backend.ts'
import type { BlockHash } from './block-hash.ts'

/** A kept sequence: exactly `hashes.length` full blocks. */
export interface KeptPrefix {
  readonly sequence: SequenceId
  readonly hashes: readonly BlockHash[]
  /** Identities of its blocks, as in Sequence.blocks. */
  readonly blocks: readonly number[]
}

export class PrefixCache {
  readonly maxBlocks: number
  readonly #session: Pick<DecoderSession, 'free'>
  readonly #forkable: (sequence: SequenceId, blocks: number) => number
  /** By the hash of their last block, least recently used first. */
  readonly #kept = new Map<BlockHash, KeptPrefix>()
  /** Which kept sequences hold a block of that name. */
  readonly #index = new Map<BlockHash, Set<KeptPrefix>>()
  /** Identity of a block → kept sequences that share it. */
  readonly #shares = new Map<number, number>()
  #evictions = 0

  /**
   * `maxBlocks` counts a block that several kept sequences share once; 0 switches the cache off. `forkable` says how many of the
   * first blocks of a kept sequence another may start with: all that are asked for, unless it has states.
   */
  constructor(
    session: Pick<DecoderSession, 'free'>,
    maxBlocks: number,
    forkable: (sequence: SequenceId, blocks: number) => number = (_, blocks) => blocks,
  ) {
    this.#session = session
    this.maxBlocks = maxBlocks
    this.#forkable = forkable
  }

  /** Blocks held, shared ones counted once. */
  get blocks(): number {
    return this.#shares.size
  }

  /** Kept sequences that were freed for want of room. */
  get evictions(): number {
    return this.#evictions
  }

  /** Blocks that would become free if the cache were emptied while `inUse` are held by others. */
  blocksOutside(inUse: ReadonlySet<number>): number {
    let count = 0
    for (const block of this.#shares.keys()) if (!inUse.has(block)) count++
    return count
  }

  /** A kept sequence that can give the longest run of leading blocks of `hashes`, and that many blocks. */
  match(hashes: readonly BlockHash[]): { kept: KeptPrefix; blocks: number } | undefined {
    let common = 0
    while (common < hashes.length && this.#index.has(hashes[common]!)) common++
    let best: { kept: KeptPrefix; blocks: number } | undefined
    const asked = new Set<KeptPrefix>()
    for (; common > (best?.blocks ?? 0); common--) {
      for (const kept of this.#index.get(hashes[common - 1]!)!) {
        if (asked.has(kept)) continue
        asked.add(kept)
        const blocks = this.#forkable(kept.sequence, common)
        if (blocks > (best?.blocks ?? 0)) best = { kept, blocks }
        if (blocks === common) break
      }
    }
    if (best) this.#touch(best.kept)
    return best
  }

  /** Whether a prefix of exactly these blocks can be had; counts as a use. */
  holds(hashes: readonly BlockHash[]): boolean {
    for (const kept of this.#index.get(hashes.at(-1)!) ?? []) {
      if (this.#forkable(kept.sequence, hashes.length) < hashes.length) continue
      this.#touch(kept)
      return true
    }
    return false
  }

  /** Takes over a sequence of the session. Beginnings of it that it can stand for go, and the oldest others beyond the bound. */
  keep(kept: KeptPrefix): void {
    for (const [i, hash] of kept.hashes.entries()) {
      const beginning = this.#kept.get(hash)
      if (beginning && this.#forkable(kept.sequence, i + 1) === i + 1) this.#evict(beginning)
    }
    this.#kept.set(kept.hashes.at(-1)!, kept)
    for (const hash of kept.hashes) {
      const holders = this.#index.get(hash)
      if (holders) holders.add(kept)
      else this.#index.set(hash, new Set([kept]))
    }
    for (const block of kept.blocks) this.#shares.set(block, (this.#shares.get(block) ?? 0) + 1)
    while (this.blocks > this.maxBlocks) this.evictOldest()
  }

  /** Frees the least recently used sequence; false when there is none. */
  evictOldest(): boolean {
    const [oldest] = this.#kept.values()
    if (!oldest) return false
    this.#evict(oldest)
    this.#evictions++
    return true
  }

  clear(): void {
    while (this.evictOldest());
  }

  #touch(kept: KeptPrefix): void {
    const last = kept.hashes.at(-1)!
    this.#kept.delete(last)
    this.#kept.set(last, kept)
  }

  #evict(kept: KeptPrefix): void {
    this.#kept.delete(kept.hashes.at(-1)!)
    for (const hash of kept.hashes) {
      const holders = this.#index.get(hash)!
      holders.delete(kept)
      if (holders.size === 0) this.#index.delete(hash)
    }
    for (const block of kept.blocks) {
      const shares = this.#shares.get(block)! - 1
      if (shares === 0) this.#shares.delete(block)
      else this.#shares.set(block, shares)
    }
    this.#session.free(kept.sequence)
  }
}
