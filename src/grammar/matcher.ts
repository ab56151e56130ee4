/**
 * Runs an automaton over bytes: all ways that a text may be meant at once, each a state and the rules that it will come back to. Positions are
 * interned, so that steps and masks are computed once for all requests of a grammar.
 */
import { AerieError } from '../errors.ts'
import { type Automaton, BYTE, CALL, END, JUMP, UNREACHABLE } from './automaton.ts'
import { leadBytes } from './utf8.ts'

/** A rule that was called, and where it goes on when it is done. */
interface Frame {
  readonly id: number
  readonly back: number
  readonly parent: Frame | undefined
  /** Fewest bytes to the end of the whole text, from `back` on. */
  readonly distance: number
  /** The same number: the same tokens may come behind it. See {@link Automaton.alike}. */
  readonly alike: number
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
  /** By the kind of byte that came: null where it may not. Undefined until one is asked for. */
  next: (Position | null | undefined)[] | undefined
  readonly generation: number
  /** Tokens that may come next, a bit each; what may end the answer aside. Undefined: not known yet. */
  mask: Uint32Array | undefined
  /** Set while it is computed elsewhere. */
  pending: Promise<void> | undefined
  /** See {@link Matcher.classRun}; undefined: not known yet. */
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

/** A position as it crosses threads: for each way its state and the states that its rules go back to, the innermost first. */
export type PositionPath = readonly (readonly number[])[]

/** Ways of one position; more come of grammars in which the same text may mean hundreds of things. */
const MOST_WAYS = 4000
/** Positions that are kept for those who come by again. */
const MOST_POSITIONS = 8192
/** Rules that were called, from different places of different texts. */
const MOST_FRAMES = 65_536
/** About what one takes. */
const FRAME_BYTES = 250
/** Of masks that are kept likewise. */
const MOST_MASK_BYTES = 32 * 2 ** 20
/** About what a position takes; where a step was taken from it, 8 more for each kind of byte. */
const POSITION_BYTES = 900

export class Matcher {
  readonly automaton: Automaton
  #outermost = new Map<number, Frame>()
  #frames = 0
  #framesForgotten = 0
  readonly #positions = new Map<string, Position>()
  /** The same by the single way that leads there, before jumps and calls are followed. */
  readonly #behind = new Map<number, Position | null>()
  readonly #leads = new Map<number, Uint8Array>()
  /** Bytes that no state tells apart are of one kind, as RE2 has them. */
  readonly #kindOf: Uint8Array
  readonly #kinds: number
  /** Of positions that are alike. */
  readonly #masks = new Map<string, Uint32Array>()
  readonly #alikeFrames = new Map<number, number>()
  #stepped = 0
  #generation = 0
  #maskBytes = 0
  /** Ways that were followed so far, which is what new positions cost. */
  work = 0
  readonly start: Position

  constructor(automaton: Automaton) {
    this.automaton = automaton
    this.#kindOf = kindsOfBytes(automaton)
    this.#kinds = 1 + this.#kindOf[255]!
    this.start = this.#close([{ state: automaton.start, frame: undefined }])!
  }

  /** What is kept, in bytes, about. */
  get bytes(): number {
    const positions = this.#positions.size * POSITION_BYTES + this.#stepped * 8 * this.#kinds
    return positions + (this.#frames - this.#framesForgotten) * FRAME_BYTES + this.#maskBytes
  }

  keepMask(position: Position, mask: Uint32Array): void {
    if (this.#maskBytes + mask.byteLength > MOST_MASK_BYTES) this.#forget()
    position.mask = mask
    this.#maskBytes += mask.byteLength
    if (this.automaton.alike) this.#masks.set(this.#alikeName(position), mask)
  }

  /** Whether there is a mask for it, or one of a position behind which the same tokens may come. */
  knowsMask(position: Position): boolean {
    if (!position.mask && this.automaton.alike)
      position.mask = this.#masks.get(this.#alikeName(position))
    return position.mask !== undefined
  }

  #alikeName({ ways }: Position): string {
    const { alike } = this.automaton
    return ways.map(({ state, frame }) => `${alike![state]}:${frame?.alike ?? ''}`).join()
  }

  /** Behind the bytes, or some of them; null where the grammar does not allow them. */
  advance(from: Position, bytes: Uint8Array, begin = 0, end = bytes.length): Position | null {
    let position: Position | null = from
    for (let i = begin; i < end && position; i++) position = this.step(position, bytes[i]!)
    return position
  }

  step(from: Position, byte: number): Position | null {
    const kind = this.#kindOf[byte]!
    const known = from.next?.[kind]
    if (known === null || known?.generation === this.#generation) return known
    const { first, second } = this.automaton
    const ways: Way[] = []
    for (const { state, frame } of from.ways) {
      const range = first[state]!
      if (byte >= range >> 8 && byte <= (range & 0xff)) ways.push({ state: second[state]!, frame })
    }
    const next = this.#follow(ways)
    if (!from.next) {
      from.next = new Array(this.#kinds)
      this.#stepped++
    }
    from.next[kind] = next
    return next
  }

  /**
   * The largest class of characters that may come next and that is told apart by its first byte: whichever of them comes, the position
   * behind it is the same. Null where there is none.
   */
  classRun(position: Position): ClassRun | null {
    const known = position.run
    if (known === null || known?.next === null || known?.next.generation === this.#generation)
      return known
    position.run = this.#classRun(position.ways)
    return position.run
  }

  /** The one byte that may come next; undefined where several may, or the text may end. */
  onlyByte({ ways, mayEnd }: Position): number | undefined {
    if (mayEnd) return undefined
    const { first } = this.automaton
    const range = first[ways[0]!.state]!
    const byte = range >> 8
    if (byte !== (range & 0xff)) return undefined
    return ways.every(({ state }) => first[state] === range) ? byte : undefined
  }

  /** Whether a byte of those that begin characters of the class may come next. */
  mayBegin({ ways }: Position, classNumber: number): boolean {
    const { first } = this.automaton
    const leads = this.#leadsOf(classNumber)
    return ways.some(({ state }) => overlaps(first[state]!, leads))
  }

  #classRun(ways: readonly Way[]): ClassRun | null {
    const { first, classOf, classes } = this.automaton
    let widest: Way | undefined
    for (const way of ways) {
      const number = classOf[way.state]!
      if (number === 0) continue
      if (!widest || classes[number - 1]!.count > classes[classOf[widest.state]! - 1]!.count)
        widest = way
    }
    if (!widest) return null
    const { state, frame } = widest
    const number = classOf[state]! - 1
    const leads = this.#leadsOf(number)
    // All first bytes of a class are there, as one jump leads to them.
    for (const way of ways) {
      const isOfClass = classOf[way.state] === number + 1 && way.frame === frame
      if (!isOfClass && overlaps(first[way.state]!, leads)) return null
    }
    return { class: number, next: this.#follow([{ state: classes[number]!.end, frame }]) }
  }

  #leadsOf(number: number): Uint8Array {
    let leads = this.#leads.get(number)
    if (!leads) {
      leads = leadBytes(this.automaton.classes[number]!.ranges)
      this.#leads.set(number, leads)
    }
    return leads
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

  /** Where these ways lead. Most often it is one way, and one that was followed before. */
  #follow(ways: readonly Way[]): Position | null {
    const [only] = ways
    if (!only) return null
    if (ways.length > 1) return this.#close(ways)
    const name = this.#nameOf(only)
    const known = this.#behind.get(name)
    if (known !== undefined) return known
    const position = this.#close(ways)
    if (this.#behind.size >= MOST_POSITIONS) this.#behind.clear()
    this.#behind.set(name, position)
    return position
  }

  /** States are fewer than 2^18, frames than 2^35. */
  #nameOf({ state, frame }: Way): number {
    return (frame?.id ?? 0) * this.automaton.kinds.length + state
  }

  /** Follows jumps, calls and ends until every way reads a byte; null where no way leads to an end. */
  #close(from: readonly Way[]): Position | null {
    const { kinds, first, second, targets, distance, atEnd } = this.automaton
    const ways: Way[] = []
    const seen = new Set<number>()
    let mayEnd = false
    const work = [...from]
    for (let way = work.pop(); way; way = work.pop()) {
      const { state, frame } = way
      if (distance[state] === UNREACHABLE) continue
      const name = this.#nameOf(way)
      if (seen.has(name)) continue
      seen.add(name)
      if (seen.size > MOST_WAYS) throw ambiguous()
      this.work++
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
    const frames = this.#frames - this.#framesForgotten
    if (this.#positions.size >= MOST_POSITIONS || frames >= MOST_FRAMES) this.#forget()
    const position: Position = {
      ways,
      mayEnd,
      distance: mayEnd ? 0 : Math.min(...ways.map((way) => this.#distance(way))),
      next: undefined,
      generation: this.#generation,
      mask: undefined,
      pending: undefined,
      run: undefined,
      likely: undefined,
    }
    this.#positions.set(name, position)
    return position
  }

  /** Positions that are in use live on with their answers, and find the others anew. */
  #forget(): void {
    this.#positions.clear()
    this.#behind.clear()
    this.#outermost = new Map()
    this.#framesForgotten = this.#frames
    this.#stepped = 0
    this.#masks.clear()
    this.#alikeFrames.clear()
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
      const id = ++this.#frames
      const alike = this.#alikeFrame(id, back, parent)
      frame = { id, back, parent, distance, alike, children: new Map() }
      siblings.set(back, frame)
    }
    return frame
  }

  #alikeFrame(id: number, back: number, parent: Frame | undefined): number {
    const { alike, kinds } = this.automaton
    if (!alike) return id
    const name = (parent?.alike ?? 0) * kinds.length + alike[back]!
    const known = this.#alikeFrames.get(name)
    if (known === undefined) this.#alikeFrames.set(name, id)
    return known ?? id
  }
}

function kindsOfBytes({ kinds, first }: Automaton): Uint8Array {
  const begins = new Uint8Array(257)
  for (let state = 0; state < kinds.length; state++) {
    if (kinds[state] !== BYTE) continue
    const range = first[state]!
    begins[range >> 8] = 1
    begins[(range & 0xff) + 1] = 1
  }
  const kindOf = new Uint8Array(256)
  for (let byte = 1; byte < 256; byte++) kindOf[byte] = kindOf[byte - 1]! + begins[byte]!
  return kindOf
}

function overlaps(range: number, leads: Uint8Array): boolean {
  for (let byte = range >> 8; byte <= (range & 0xff); byte++) if (leads[byte]) return true
  return false
}

function ambiguous(): AerieError {
  return new AerieError(
    'invalid_request',
    `the grammar is too ambiguous: after what was said there are more than ${MOST_WAYS} ways to go on`,
  )
}
