/** Places in a text, and those that were come to: one object for each, so that steps and masks are computed once. */
import { UNREACHABLE } from './automaton.ts'
import type { Closure } from './closures.ts'
import type { Frame } from './frames.ts'

/** Ways that begin a rule, or a single one: each a state that reads a byte. */
export interface Opening {
  readonly closure: Closure
  readonly frame: Frame | undefined
}

/** A place in a text that the grammar allows: what may come next. Belongs to one {@link Matcher}. */
export interface Position {
  /** None: nothing can follow but the end. */
  readonly openings: readonly Opening[]
  /** The text may end here. */
  readonly mayEnd: boolean
  /** Fewest bytes until it may end. */
  readonly distance: number
  /** The kind of byte that was asked for first, and where it leads, null where it may not come; most are asked for one. -1: for none yet. */
  firstKind: number
  firstNext: Position | null
  /** The same by kind, of the others. Undefined until one is asked for. */
  next: (Position | null | undefined)[] | undefined
  readonly generation: number
  /** Another one of the same hash. */
  readonly sibling: Position | undefined
  /** Tokens that may come next, a bit each; what may end the answer aside. Undefined: not known yet. */
  mask: Uint32Array | undefined
  /** Set while it is computed elsewhere. */
  pending: Promise<void> | undefined
  /** See `Matcher.classRun`; undefined: not known yet. */
  run: ClassRun | null | undefined
  /** See `CompiledGrammar.likely`; null where none is, undefined: not known yet. */
  likely: number | null | undefined
}

/** A class of characters that may come next, all of which lead to the same place, while nothing else begins as they do. */
export interface ClassRun {
  /** In the automaton's list. */
  readonly class: number
  readonly next: Position | null
}

/** About what a position takes, without its steps. */
const POSITION_BYTES = 500

/** Those of one matcher. */
export class Positions {
  /** By hash; see {@link hashOf}. */
  readonly #known = new Map<number, Position>()
  #size = 0
  #generation = 0

  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.#size * POSITION_BYTES
  }

  /** Of what is known now; positions of another one live on, and find the others anew. */
  get generation(): number {
    return this.#generation
  }

  find(openings: readonly Opening[], mayEnd: boolean): Position | undefined {
    let known = this.#known.get(hashOf(openings, mayEnd))
    while (known && !isAt(known, openings, mayEnd)) known = known.sibling
    return known
  }

  /** One that is not there; `openings` in order. */
  add(openings: readonly Opening[], mayEnd: boolean): Position {
    const hash = hashOf(openings, mayEnd)
    const position: Position = {
      openings,
      mayEnd,
      distance: mayEnd ? 0 : openings.reduce(nearer, UNREACHABLE),
      firstKind: -1,
      firstNext: null,
      next: undefined,
      generation: this.#generation,
      sibling: this.#known.get(hash),
      mask: undefined,
      pending: undefined,
      run: undefined,
      likely: undefined,
    }
    this.#known.set(hash, position)
    this.#size++
    return position
  }

  forget(): void {
    this.#known.clear()
    this.#size = 0
    this.#generation++
  }
}

/** Their order in a position. */
export function compareOpenings(a: Opening, b: Opening): number {
  return a.closure.id - b.closure.id || (a.frame?.id ?? 0) - (b.frame?.id ?? 0)
}

/** A small integer, as maps find these fastest. */
function hashOf(openings: readonly Opening[], mayEnd: boolean): number {
  let hash = mayEnd ? 1 : 0
  for (const { closure, frame } of openings) {
    hash = Math.imul(hash ^ closure.id, 0x9e3779b1)
    hash = Math.imul(hash ^ (hash >>> 15) ^ (frame?.id ?? 0), 0x85ebca6b)
  }
  return (hash ^ (hash >>> 13)) & 0x3fffffff
}

function isAt(position: Position, openings: readonly Opening[], mayEnd: boolean): boolean {
  if (position.mayEnd !== mayEnd || position.openings.length !== openings.length) return false
  return position.openings.every(
    ({ closure, frame }, i) =>
      closure.id === openings[i]!.closure.id && frame === openings[i]!.frame,
  )
}

function nearer(distance: number, opening: Opening): number {
  return Math.min(distance, distanceOf(opening))
}

export function distanceOf({ closure, frame }: Opening): number {
  return closure.distance + (frame?.distance ?? 0)
}
