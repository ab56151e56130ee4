/**
 * The grids that published tiling rules choose from, in the order in which they try them: by area, and among equal areas as
 * CPython iterates over the set that the published code builds. The order decides wherever two grids score the same.
 */
import type { TileGrid } from './layout.ts'

const PRIME_1 = 11400714785074694791n
const PRIME_2 = 14029467366897019727n
const PRIME_5 = 2870177450012600261n
/** Slots that are tried one after another before a probe jumps. */
const LINEAR_PROBES = 9
const SMALLEST_TABLE = 8

const known = new Map<string, readonly TileGrid[]>()

/** All grids of `minTiles` to `maxTiles` tiles. */
export function candidateGrids(minTiles: number, maxTiles: number): readonly TileGrid[] {
  const key = `${minTiles}-${maxTiles}`
  const grids = known.get(key) ?? sortedGrids(minTiles, maxTiles)
  known.set(key, grids)
  return grids
}

function sortedGrids(minTiles: number, maxTiles: number): readonly TileGrid[] {
  const set = new PairSet()
  for (let n = minTiles; n <= maxTiles; n++) {
    for (let columns = 1; columns <= n; columns++) {
      for (let rows = 1; rows <= n; rows++) {
        const tiles = columns * rows
        if (tiles >= minTiles && tiles <= maxTiles) set.add({ columns, rows })
      }
    }
  }
  return [...set].sort((a, b) => a.columns * a.rows - b.columns * b.rows)
}

/** CPython's hash of a tuple of two small integers, as 64 unsigned bits (Objects/tupleobject.c, xxHash). */
function pairHash({ columns, rows }: TileGrid): bigint {
  let hash = PRIME_5
  for (const lane of [BigInt(columns), BigInt(rows)]) {
    hash = BigInt.asUintN(64, hash + lane * PRIME_2)
    hash = BigInt.asUintN(64, (hash << 31n) | (hash >> 33n))
    hash = BigInt.asUintN(64, hash * PRIME_1)
  }
  return BigInt.asUintN(64, hash + (2n ^ PRIME_5 ^ 3527539n))
}

/** The open-addressing table behind CPython's `set` (Objects/setobject.c), as far as adding and iterating go. */
class PairSet {
  #slots: (TileGrid | undefined)[] = new Array(SMALLEST_TABLE)
  #used = 0

  add(pair: TileGrid): void {
    const slot = this.#find(pair)
    if (this.#slots[slot]) return
    this.#slots[slot] = pair
    this.#used++
    if (this.#used * 5 >= (this.#slots.length - 1) * 3) this.#grow()
  }

  *[Symbol.iterator](): Iterator<TileGrid> {
    for (const pair of this.#slots) if (pair) yield pair
  }

  /** The slot that holds the pair, or the free one that it would go to. */
  #find(pair: TileGrid): number {
    const mask = this.#slots.length - 1
    const hash = pairHash(pair)
    let perturb = hash
    let start = Number(hash & BigInt(mask))
    for (;;) {
      const probes = start + LINEAR_PROBES <= mask ? LINEAR_PROBES : 0
      for (let slot = start; slot <= start + probes; slot++) {
        const there = this.#slots[slot]
        if (!there || (there.columns === pair.columns && there.rows === pair.rows)) return slot
      }
      perturb >>= 5n
      start = Number((BigInt(start) * 5n + 1n + perturb) & BigInt(mask))
    }
  }

  #grow(): void {
    const pairs = [...this]
    let size = SMALLEST_TABLE
    while (size <= this.#used * 4) size *= 2
    this.#slots = new Array(size)
    for (const pair of pairs) this.#slots[this.#find(pair)] = pair
  }
}
