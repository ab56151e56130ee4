/** Which tokens may come next: the tree of all tokens walked as far as the grammar goes along, or put together where a class of characters repeats. */
import { type ClassTokens, MOST_COUNTED } from './class-tokens.ts'
import type { Matcher } from './matcher.ts'
import type { Position } from './positions.ts'
import type { TokenTree } from './vocabulary.ts'

/** What a way that is followed costs, in nodes of a tree that are walked. */
const WAY_COST = 16

/** Ways that are followed to see whether a class repeats; a string of JSON takes some hundred. */
const MOST_CHAIN_WORK = 2000

/** What masks of one vocabulary are computed from. */
export interface MaskSource {
  readonly tree: TokenTree
  /** Tokens of the vocabulary. */
  readonly size: number
}

/** A class of characters repeats from a position on: where so many of them lead, until they may not come any more. */
export interface Repetition {
  /** In the automaton's list of classes. */
  readonly class: number
  /** The position itself, that behind one character, two and so on. */
  readonly positions: readonly Position[]
  /** Any number of them leads to the position itself. */
  readonly isEndless: boolean
}

/** Undefined where tokens are not told apart by how many characters of a class they begin with, or where finding out takes long. */
export function repetitionAt(matcher: Matcher, from: Position): Repetition | undefined {
  const mostWork = matcher.work + MOST_CHAIN_WORK
  const first = matcher.classRun(from)
  if (!first?.next) return undefined
  const positions = [from]
  if (first.next === from) return { class: first.class, positions, isEndless: true }
  for (let next: Position | null = first.next; next; ) {
    positions.push(next)
    if (positions.length > MOST_COUNTED) break
    if (matcher.work > mostWork) return undefined
    const run = matcher.classRun(next)
    if (run?.class === first.class) next = run.next
    else if (matcher.mayBegin(next, first.class)) return undefined
    else break
  }
  return { class: first.class, positions, isEndless: false }
}

/** Walks trees of tokens and sets the bits of those that the grammar allows. */
class Walk {
  readonly mask: Uint32Array
  readonly #matcher: Matcher
  readonly #mostWork: number
  #nodes = 0

  constructor(matcher: Matcher, mask: Uint32Array, most: number) {
    this.#matcher = matcher
    this.mask = mask
    this.#mostWork = most + WAY_COST * matcher.work
  }

  /** False where it was given up. */
  from(position: Position, { bytes, depths, skips, ends, ids, deepest }: TokenTree): boolean {
    const matcher = this.#matcher
    const mask = this.mask
    const path: (Position | null)[] = new Array(deepest + 1).fill(null)
    path[0] = position
    // What a schema prescribes is one byte after the other.
    const only = matcher.onlyByte(position) ?? -1
    for (let node = 0; node < bytes.length; ) {
      if (++this.#nodes + WAY_COST * matcher.work > this.#mostWork) return false
      const depth = depths[node]!
      if (depth === 1 && only >= 0 && bytes[node] !== only) {
        node = skips[node]!
        continue
      }
      const next = matcher.step(path[depth - 1]!, bytes[node]!)
      if (next === null) {
        node = skips[node]!
        continue
      }
      path[depth] = next
      for (let i = ends[node]!; i < ends[node + 1]!; i++) {
        const id = ids[i]!
        mask[id >>> 5]! |= 1 << (id & 31)
      }
      node++
    }
    return true
  }
}

/** A bit each token: bit `id % 32` of word `id / 32`. Null where it takes more than `most` nodes, or as much other work. */
export function computeMask(
  matcher: Matcher,
  from: Position,
  { tree, size }: MaskSource,
  most = Number.POSITIVE_INFINITY,
): Uint32Array | null {
  const mask = emptyMask(size)
  return new Walk(matcher, mask, most).from(from, tree) ? mask : null
}

/** The same where a class of characters repeats; `tokens` are those of that class. */
export function repetitionMask(
  matcher: Matcher,
  { positions, isEndless }: Repetition,
  tokens: ClassTokens,
  { size }: Pick<MaskSource, 'size'>,
  most = Number.POSITIVE_INFINITY,
): Uint32Array | null {
  const mask = emptyMask(size)
  const walk = new Walk(matcher, mask, most)
  const counted = isEndless ? MOST_COUNTED : positions.length - 1
  mask.set(tokens.upTo.subarray(counted * tokens.words, (counted + 1) * tokens.words))
  if (isEndless) return walk.from(positions[0]!, tokens.anyRest) ? mask : null
  for (const [count, position] of positions.entries()) {
    if (!walk.from(position, tokens.rests[count]!)) return null
  }
  return mask
}

function emptyMask(size: number): Uint32Array {
  return new Uint32Array(Math.ceil(size / 32))
}
