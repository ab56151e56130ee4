/**
 * Runs an automaton over bytes: all ways that a text may be meant at once, each a state and the rules that it will come back to. Positions are
 * interned, so that steps and masks are computed once for all requests of a grammar.
 */
import { AerieError } from '../errors.ts'
import { type Automaton, BYTE, CALL, END, JUMP, UNREACHABLE } from './automaton.ts'

/** A rule that was called, and where it goes on when it is done. */
interface Frame {
  readonly id: number
  readonly back: number
  readonly parent: Frame | undefined
  /** Fewest bytes to the end of the whole text, from `back` on. */
  readonly distance: number
  readonly children: Map<number, Frame>
}

/** One way that the text so far may be meant: a state that reads a byte. */
interface Way {
  readonly state: number
  readonly frame: Frame | undefined
}

/** A place in a text that the grammar allows: what may come next. Belongs to one {@link Matcher}. */
export interface Position {
  readonly ways: readonly Way[]
  /** The text may end here. */
  readonly mayEnd: boolean
  /** Fewest bytes until it may end. */
  readonly distance: number
  /** By the byte that came: null where it may not. */
  readonly next: (Position | null | undefined)[]
  readonly generation: number
  /** Tokens that may come next, a bit each; what may end the answer aside. Undefined: not known yet. */
  mask: Uint32Array | undefined
  /** Set while it is computed elsewhere. */
  pending: Promise<void> | undefined
}

/** A position as it crosses threads: for each way its state and the states that its rules go back to, the innermost first. */
export type PositionPath = readonly (readonly number[])[]

/** Ways of one position; more come of grammars in which the same text may mean hundreds of things. */
const MOST_WAYS = 4000
/** Positions that are kept for those who come by again. */
const MOST_POSITIONS = 8192
/** Of masks that are kept likewise. */
const MOST_MASK_BYTES = 32 * 2 ** 20
/** About what a position takes. */
const POSITION_BYTES = 2500

export class Matcher {
  readonly automaton: Automaton
  readonly #outermost = new Map<number, Frame>()
  #frames = 0
  readonly #positions = new Map<string, Position>()
  #generation = 0
  #maskBytes = 0
  readonly start: Position

  constructor(automaton: Automaton) {
    this.automaton = automaton
    this.start = this.#close([{ state: automaton.start, frame: undefined }])!
  }

  /** What is kept, in bytes, about. */
  get bytes(): number {
    return this.#positions.size * POSITION_BYTES + this.#maskBytes
  }

  keepMask(position: Position, mask: Uint32Array): void {
    if (this.#maskBytes + mask.byteLength > MOST_MASK_BYTES) this.#forget()
    position.mask = mask
    this.#maskBytes += mask.byteLength
  }

  /** Behind the bytes; null where the grammar does not allow them. */
  advance(from: Position, bytes: Uint8Array): Position | null {
    let position: Position | null = from
    for (let i = 0; i < bytes.length && position; i++) position = this.step(position, bytes[i]!)
    return position
  }

  step(from: Position, byte: number): Position | null {
    const known = from.next[byte]
    if (known === null || known?.generation === this.#generation) return known
    const { first, second } = this.automaton
    const ways: Way[] = []
    for (const { state, frame } of from.ways) {
      const range = first[state]!
      if (byte >= range >> 8 && byte <= (range & 0xff)) ways.push({ state: second[state]!, frame })
    }
    const next = ways.length === 0 ? null : this.#close(ways)
    from.next[byte] = next
    return next
  }

  /** The bytes of a shortest text to an end. */
  completion(from: Position): number[] {
    const bytes: number[] = []
    let position = from
    while (position.distance > 0) {
      const way = position.ways.find(
        (candidate) => this.#distance(candidate) === position.distance,
      )!
      const byte = this.automaton.first[way.state]! >> 8
      bytes.push(byte)
      position = this.step(position, byte)!
    }
    return bytes
  }

  toPath({ ways }: Position): PositionPath {
    return ways.map(({ state, frame }) => {
      const path = [state]
      for (let at = frame; at; at = at.parent) path.push(at.back)
      return path
    })
  }

  fromPath(path: PositionPath): Position {
    return this.#close(
      path.map(([state, ...backs]) => ({
        state: state!,
        frame: backs.reduceRight<Frame | undefined>(
          (parent, back) => this.#frame(back, parent),
          undefined,
        ),
      })),
    )!
  }

  /** Follows jumps, calls and ends until every way reads a byte; null where no way leads to an end. */
  #close(from: readonly Way[]): Position | null {
    const { kinds, first, second, targets, distance, atEnd } = this.automaton
    const ways: Way[] = []
    const seen = new Set<string>()
    let mayEnd = false
    const work = [...from]
    for (let way = work.pop(); way; way = work.pop()) {
      const { state, frame } = way
      if (distance[state] === UNREACHABLE) continue
      const name = `${state}:${frame?.id ?? ''}`
      if (seen.has(name)) continue
      seen.add(name)
      if (seen.size > MOST_WAYS) throw ambiguous()
      const kind = kinds[state]
      if (kind === BYTE) ways.push(way)
      else if (kind === JUMP) {
        for (let i = second[state]! - 1; i >= first[state]!; i--)
          work.push({ state: targets[i]!, frame })
      } else if (kind === CALL) {
        const behind = second[state]!
        // Where nothing is left to be said behind it, its caller is where it goes back to: so lists do not pile up.
        work.push({
          state: first[state]!,
          frame: atEnd[behind] ? frame : this.#frame(behind, frame),
        })
      } else if (kind === END) {
        if (!frame) mayEnd = true
        else work.push({ state: frame.back, frame: frame.parent })
      }
    }
    if (ways.length === 0 && !mayEnd) return null
    return this.#intern(ways, mayEnd)
  }

  #intern(ways: Way[], mayEnd: boolean): Position {
    ways.sort((a, b) => a.state - b.state || (a.frame?.id ?? 0) - (b.frame?.id ?? 0))
    const name = `${mayEnd}${ways.map(({ state, frame }) => `${state}:${frame?.id ?? ''}`).join()}`
    const known = this.#positions.get(name)
    if (known) return known
    if (this.#positions.size >= MOST_POSITIONS) this.#forget()
    const position: Position = {
      ways,
      mayEnd,
      distance: mayEnd ? 0 : Math.min(...ways.map((way) => this.#distance(way))),
      next: new Array(256),
      generation: this.#generation,
      mask: undefined,
      pending: undefined,
    }
    this.#positions.set(name, position)
    return position
  }

  /** Positions that are in use live on with their answers, and find the others anew. */
  #forget(): void {
    this.#positions.clear()
    this.#maskBytes = 0
    this.#generation++
  }

  #distance({ state, frame }: Way): number {
    return this.automaton.distance[state]! + (frame?.distance ?? 0)
  }

  #frame(back: number, parent: Frame | undefined): Frame {
    const siblings = parent?.children ?? this.#outermost
    let frame = siblings.get(back)
    if (!frame) {
      const distance = this.automaton.distance[back]! + (parent?.distance ?? 0)
      frame = { id: ++this.#frames, back, parent, distance, children: new Map() }
      siblings.set(back, frame)
    }
    return frame
  }
}

function ambiguous(): AerieError {
  return new AerieError(
    'invalid_request',
    `the grammar is too ambiguous: after what was said there are more than ${MOST_WAYS} ways to go on`,
  )
}
