/** Which KV blocks are free, and how many sequences own each of the others. Holds no values. */

/** Blocks are numbered 0 … total − 1. A block has owners or is free, never both. */
export class KvPool {
  readonly total: number
  readonly #owners: Uint32Array
  readonly #free: number[]

  constructor(total: number) {
    this.total = total
    this.#owners = new Uint32Array(total)
    // The lowest numbers are handed out first, so that a quiet server touches few blocks.
    this.#free = Array.from({ length: total }, (_, i) => total - 1 - i)
  }

  get free(): number {
    return this.#free.length
  }

  get used(): number {
    return this.total - this.#free.length
  }

  /** A free block with one owner. The caller has looked at `free`; an empty pool is a defect. */
  allocate(): number {
    const block = this.#free.pop()
    if (block === undefined) throw new Error(`KV pool: all ${this.total} blocks are in use`)
    this.#owners[block] = 1
    return block
  }

  /** Adds an owner to a block in use. */
  retain(block: number): void {
    this.#owners[block] = this.#ownersOf(block) + 1
  }

  /** Takes an owner away; without any left the block is free. */
  release(block: number): void {
    const owners = this.#ownersOf(block) - 1
    this.#owners[block] = owners
    if (owners === 0) this.#free.push(block)
  }

  isShared(block: number): boolean {
    return this.#ownersOf(block) > 1
  }

  #ownersOf(block: number): number {
    const owners = this.#owners[block]
    if (!owners) throw new Error(`KV pool: block ${block} has no owner`)
    return owners
  }
}
