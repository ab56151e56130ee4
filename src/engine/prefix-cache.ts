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
  /** By the hash of their last block, least recently used first. */
  readonly #kept = new Map<BlockHash, KeptPrefix>()
  /** Which kept sequences hold a block of that name. */
  readonly #index = new Map<BlockHash, Set<KeptPrefix>>()
  /** Identity of a block → kept sequences that share it. */
  readonly #shares = new Map<number, number>()
  #evictions = 0

  /** `maxBlocks` counts a block that several kept sequences share once; 0 switches the cache off. */
  constructor(session: Pick<DecoderSession, 'free'>, maxBlocks: number) {
    this.#session = session
    this.maxBlocks = maxBlocks
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

  /** A kept sequence that shares the longest run of leading blocks with `hashes`, and that many blocks. */
  match(hashes: readonly BlockHash[]): { kept: KeptPrefix; blocks: number } | undefined {
    let blocks = 0
    while (blocks < hashes.length && this.#index.has(hashes[blocks]!)) blocks++
    const holders = blocks > 0 ? this.#index.get(hashes[blocks - 1]!) : undefined
    if (!holders) return undefined
    const [kept] = holders
    this.#touch(kept!)
    return { kept: kept!, blocks }
  }

  /** Whether a prefix that ends with this block is held; counts as a use. */
  holds(last: BlockHash): boolean {
    const [kept] = this.#index.get(last) ?? []
    if (kept) this.#touch(kept)
    return kept !== undefined
  }

  /** Takes over a sequence of the session. Kept beginnings of it go, and the oldest others beyond the bound. */
  keep(kept: KeptPrefix): void {
    for (const hash of kept.hashes) {
      const beginning = this.#kept.get(hash)
      if (beginning) this.#evict(beginning)
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
