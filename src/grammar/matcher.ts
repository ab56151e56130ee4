/**
 * Runs an automaton over bytes: all ways that a text may be meant at once, each a state and the rules that it will come back to. Positions are
 * interned, so that steps and masks are computed once for all requests of a grammar.
 */
import { type Automaton, BYTE, CALL, END, JUMP, UNREACHABLE } from './automaton.ts'
import { ambiguous, Closures, MOST_WAYS } from './closures.ts'
import { type Frame, Frames } from './frames.ts'
import {
  type ClassRun,
  compareOpenings,
  distanceOf,
  type Opening,
  type Position,
  Positions,
} from './positions.ts'

/** One way that the text so far may be meant. */
interface Way {
  readonly state: number
  readonly frame: Frame | undefined
}

/** A position as it crosses threads: for each opening its first state and the states that its rules go back to, the innermost first. */
export type PositionPath = readonly (readonly number[])[]

/** Positions that are kept for those who come by again. */
const MOST_POSITIONS = 8192
/** Rules that were called, from different places of different texts. */
const MOST_FRAMES = 65_536
/** Of masks that are kept likewise. */
const MOST_MASK_BYTES = 32 * 2 ** 20
/** What a step from a position takes, for each kind of byte. */
const STEP_BYTES = 8

export class Matcher {
  readonly automaton: Automaton
  readonly #closures: Closures
  readonly #frames: Frames
  readonly #positions = new Positions()
  /** Bytes that no state tells apart are of one kind, as RE2 has them. */
  readonly #kindOf: Uint8Array
  readonly #kinds: number
  /** Of positions that are alike. */
  readonly #masks = new Map<string, Uint32Array>()
  #stepped = 0
  #maskBytes = 0
  #work = 0
  readonly start: Position

  constructor(automaton: Automaton) {
    this.automaton = automaton
    this.#closures = new Closures(automaton)
    this.#frames = new Frames(automaton)
    this.#kindOf = kindsOfBytes(automaton)
    this.#kinds = 1 + this.#kindOf[255]!
    this.start = this.#close([{ state: automaton.start, frame: undefined }])!
  }

  /** Ways that were followed so far, which is what new positions cost. */
  get work(): number {
    return this.#work + this.#closures.work
  }

  /** What is kept, in bytes, about. */
  get bytes(): number {
    const steps = this.#stepped * this.#kinds * STEP_BYTES
    return (
      this.#positions.bytes + steps + this.#frames.bytes + this.#closures.bytes + this.#maskBytes
    )
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

  #alikeName({ openings }: Position): string {
    let name = ''
    for (const { closure, frame } of openings) name += `${closure.id}:${frame?.alike ?? ''},`
    return name
  }

  /** Behind the bytes, or some of them; null where the grammar does not allow them. */
  advance(from: Position, bytes: Uint8Array, begin = 0, end = bytes.length): Position | null {
    let position: Position | null = from
    for (let i = begin; i < end && position; i++) position = this.step(position, bytes[i]!)
    return position
  }

  step(from: Position, byte: number): Position | null {
    const kind = this.#kindOf[byte]!
    const isFirst = kind === from.firstKind
    const known = isFirst ? from.firstNext : from.next?.[kind]
    if (known !== undefined && this.#isCurrent(known)) return known
    const { second } = this.automaton
    let ways: Way[] | undefined
    for (const opening of from.openings) {
      const { states, callOf } = opening.closure
      for (const place of opening.closure.readers(kind, byte)) {
        ways ??= []
        ways.push({ state: second[states[place]!]!, frame: this.#called(opening, callOf[place]!) })
      }
    }
    const next = ways ? this.#follow(ways) : null
    if (isFirst || from.firstKind < 0) {
      from.firstKind = kind
      from.firstNext = next
      return next
    }
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
    if (known !== undefined && (known === null || this.#isCurrent(known.next))) return known
    position.run = this.#classRun(position.openings)
    return position.run
  }

  /** The one byte that may come next; undefined where several may, or the text may end. */
  onlyByte({ openings, mayEnd }: Position): number | undefined {
    if (mayEnd) return undefined
    const byte = openings[0]!.closure.onlyByte
    return openings.every(({ closure }) => closure.onlyByte === byte) ? byte : undefined
  }

  /** Whether a byte of those that begin characters of the class may come next. */
  mayBegin({ openings }: Position, classNumber: number): boolean {
    return openings.some(({ closure }) => closure.overlaps(classNumber))
  }

  #classRun(openings: readonly Opening[]): ClassRun | null {
    const { classes } = this.automaton
    let of: Opening | undefined
    for (const opening of openings) {
      const { widest } = opening.closure
      if (!widest) continue
      const most = of?.closure.widest
      if (!most || classes[widest.class]!.count > classes[most.class]!.count) of = opening
    }
    if (!of?.closure.isWidestAlone) return null
    const { class: number, call } = of.closure.widest!
    for (const opening of openings)
      if (opening !== of && opening.closure.overlaps(number)) return null
    const frame = this.#called(of, call)
    return { class: number, next: this.#follow([{ state: classes[number]!.end, frame }]) }
  }

  /** The bytes of a shortest text to an end. */
  completion(from: Position): number[] {
    const bytes: number[] = []
    let position = from
    while (position.distance > 0) {
      const { closure } = position.openings.find(
        (candidate) => distanceOf(candidate) === position.distance,
      )!
      const byte = this.automaton.first[closure.nearest]! >> 8
      bytes.push(byte)
      position = this.step(position, byte)!
    }
    return bytes
  }

  toPath({ openings }: Position): PositionPath {
    return openings.map(({ closure, frame }) => {
      const path = [closure.id]
      for (let at = frame; at; at = at.parent) path.push(at.back)
      return path
    })
  }

  fromPath(path: PositionPath): Position {
    const openings = path.map(([state, ...backs]) => ({
      closure: this.#closures.of(state!),
      frame: backs.reduceRight<Frame | undefined>(
        (parent, back) => this.#frames.of(back, parent),
        undefined,
      ),
    }))
    // Whether the text may end makes no difference to what may come next.
    return this.#intern(openings, false)
  }

  /** Where these ways lead. Most often it is one way, and one that was followed before. */
  #follow(ways: readonly Way[]): Position | null {
    if (ways.length > 1) return this.#close(ways)
    const { state, frame } = ways[0]!
    if (!frame) return this.#close(ways)
    if (frame.followedState !== state || !this.#isCurrent(frame.followed)) {
      frame.followed = this.#close(ways)
      frame.followedState = state
    }
    return frame.followed
  }

  /** Positions of before are found anew; that there is no way stays so. */
  #isCurrent(position: Position | null): boolean {
    return position === null || position.generation === this.#positions.generation
  }

  /** States are fewer than 2^18, frames than 2^35. */
  #nameOf({ state, frame }: Way): number {
    return (frame?.id ?? 0) * this.automaton.kinds.length + state
  }

  /** Follows jumps, calls and ends to the rules and bytes that may come next; null where no way leads to an end. */
  #close(from: readonly Way[]): Position | null {
    const { kinds, first, second, targets, distance, atEnd } = this.automaton
    const openings: Opening[] = []
    const seen = new Seen()
    let mayEnd = false
    let ways = 0
    const open = (way: Way) => {
      const closure = this.#closures.of(way.state)
      if (seen.adds(this.#nameOf(way)) && closure.states.length > 0) {
        ways += closure.states.length
        openings.push({ closure, frame: way.frame })
      }
      return closure
    }
    const work = [...from]
    for (let way = work.pop(); way; way = work.pop()) {
      const { state, frame } = way
      if (distance[state] === UNREACHABLE) continue
      const kind = kinds[state]
      this.#work++
      if (kind === BYTE) {
        open(way)
        continue
      }
      if (!seen.adds(this.#nameOf(way))) continue
      if (seen.size + ways > MOST_WAYS) throw ambiguous()
      if (kind === JUMP) {
        for (let i = second[state]! - 1; i >= first[state]!; i--)
          work.push({ state: targets[i]!, frame })
      } else if (kind === CALL) {
        const behind = second[state]!
        // Where nothing is left to be said behind it, its caller is where it goes back to: so lists do not pile up.
        const inner = atEnd[behind] ? frame : this.#frames.of(behind, frame)
        const { mayEnd: isOver } = open({ state: first[state]!, frame: inner })
        if (isOver) work.push({ state: behind, frame })
      } else if (kind === END) {
        if (!frame) mayEnd = true
        else work.push({ state: frame.back, frame: frame.parent })
      }
    }
    if (openings.length === 0 && !mayEnd) return null
    return this.#intern(openings, mayEnd)
  }

  #intern(openings: Opening[], mayEnd: boolean): Position {
    if (openings.length > 1) openings.sort(compareOpenings)
    const known = this.#positions.find(openings, mayEnd)
    if (known) return known
    if (this.#positions.size >= MOST_POSITIONS || this.#frames.size >= MOST_FRAMES) this.#forget()
    return this.#positions.add(openings, mayEnd)
  }

  /** Positions that are in use live on with their answers, and find the others anew. */
  #forget(): void {
    this.#positions.forget()
    this.#frames.forget()
    this.#stepped = 0
    this.#masks.clear()
    this.#maskBytes = 0
  }

  /** The frame of a rule that an opening calls. */
  #called({ closure, frame }: Opening, call: number): Frame | undefined {
    if (call === 0) return frame
    const { back, around } = closure.calls[call]!
    return this.#frames.of(back, this.#called({ closure, frame }, around))
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

/** Of the numbers that are looked at while a position is made, most often a handful. */
class Seen {
  readonly #few: number[] = []
  #many: Set<number> | undefined

  get size(): number {
    return this.#many?.size ?? this.#few.length
  }

  /** False where it is there. */
  adds(value: number): boolean {
    if (!this.#many) {
      if (this.#few.includes(value)) return false
      this.#few.push(value)
      if (this.#few.length > 16) this.#many = new Set(this.#few)
      return true
    }
    const before = this.#many.size
    return this.#many.add(value).size > before
  }
}
