/**
 * What of a rule may be read first, found once and for every place that the rule is called from. Most positions are a rule or two that have
 * just begun, such as the next character of a string, and differ only in where these go back to.
 */
import { AerieError } from '../errors.ts'
import { type Automaton, BYTE, CALL, END, JUMP, UNREACHABLE } from './automaton.ts'
import { leadBytes } from './utf8.ts'

/** Ways of one position; more come of grammars in which the same text may mean hundreds of things. */
export const MOST_WAYS = 4000
/** Ways of all closures that are kept. */
const MOST_KEPT = 2 ** 20
/** About what a closure and a way of it take. */
const CLOSURE_BYTES = 300
const WAY_BYTES = 24

/** A rule that is called inside of another before anything is read. */
interface Call {
  /** Where it goes on when that rule is done. */
  readonly back: number
  /** The call around it, as a place in the list; 0: the rule itself. */
  readonly around: number
  /** Fewest bytes from `back` to the end of the outermost rule. */
  readonly distance: number
}

/** A class of characters: whichever of them comes, the way goes on from one state. */
export interface ClassWay {
  /** In the automaton's list. */
  readonly class: number
  /** Place in {@link Closure.calls} of the rule that it is in. */
  readonly call: number
}

const NONE: readonly number[] = []
const FIRST: readonly number[] = [0]

interface ClosureParts {
  /** The first state. */
  readonly id: number
  /** States that read a byte. */
  readonly states: readonly number[]
  /** Of each, its place in `calls`. */
  readonly callOf: readonly number[]
  readonly calls: readonly Call[]
  /** The rule may end before a byte is read. */
  readonly mayEnd: boolean
  /** Fewest bytes to the end of the rule, at least one of them read. */
  readonly distance: number
  /** The state from which that is. */
  readonly nearest: number
}

/** Of a rule, or of a single state that reads a byte. */
export class Closure {
  readonly id: number
  readonly states: readonly number[]
  readonly callOf: readonly number[]
  readonly calls: readonly Call[]
  readonly mayEnd: boolean
  readonly distance: number
  readonly nearest: number
  readonly #automaton: Automaton
  readonly #leads: LeadBytes
  /** By the kind of byte: places in {@link states} of those that read it. */
  readonly #readers: (readonly number[])[] = []
  #overlaps: Map<number, boolean> | undefined
  #widest: ClassWay | null | undefined
  #isWidestAlone: boolean | undefined

  constructor(automaton: Automaton, leads: LeadBytes, parts: ClosureParts) {
    this.#automaton = automaton
    this.#leads = leads
    this.id = parts.id
    this.states = parts.states
    this.callOf = parts.callOf
    this.calls = parts.calls
    this.mayEnd = parts.mayEnd
    this.distance = parts.distance
    this.nearest = parts.nearest
  }

  /** What it takes, about. */
  get bytes(): number {
    return CLOSURE_BYTES + WAY_BYTES * (this.states.length + this.calls.length)
  }

  /** Places in {@link states} of those that read `byte`, and with it all bytes of its kind. */
  readers(kind: number, byte: number): readonly number[] {
    const { states } = this
    if (states.length === 1) return this.#reads(states[0]!, byte) ? FIRST : NONE
    let readers = this.#readers[kind]
    if (!readers) {
      readers = NONE
      for (let place = 0; place < states.length; place++)
        if (this.#reads(states[place]!, byte)) readers = [...readers, place]
      this.#readers[kind] = readers
    }
    return readers
  }

  #reads(state: number, byte: number): boolean {
    const range = this.#automaton.first[state]!
    return byte >= range >> 8 && byte <= (range & 0xff)
  }

  /** The one byte that may come; undefined where several may. */
  get onlyByte(): number | undefined {
    const { first } = this.#automaton
    const range = first[this.states[0]!]!
    const byte = range >> 8
    if (byte !== (range & 0xff)) return undefined
    return this.states.every((state) => first[state] === range) ? byte : undefined
  }

  /** Whether a byte of those that begin characters of the class may come. */
  overlaps(number: number): boolean {
    if (this.states.length === 1) return this.#begins(number, () => true)
    this.#overlaps ??= new Map()
    let overlaps = this.#overlaps.get(number)
    if (overlaps === undefined) {
      overlaps = this.#begins(number, () => true)
      this.#overlaps.set(number, overlaps)
    }
    return overlaps
  }

  /** The class of most characters; null where there is none. */
  get widest(): ClassWay | null {
    if (this.#widest === undefined) {
      const { classOf, classes } = this.#automaton
      let widest: ClassWay | null = null
      for (const [place, state] of this.states.entries()) {
        const number = classOf[state]! - 1
        if (number < 0 || (widest && classes[number]!.count <= classes[widest.class]!.count))
          continue
        widest = { class: number, call: this.callOf[place]! }
      }
      this.#widest = widest
    }
    return this.#widest
  }

  /** Nothing else begins as the characters of its widest class do. */
  get isWidestAlone(): boolean {
    if (this.#isWidestAlone === undefined) {
      const { class: number, call } = this.widest!
      // All first bytes of a class are there, as one jump leads to them.
      this.#isWidestAlone = !this.#begins(
        number,
        (state, place) =>
          this.#automaton.classOf[state] !== number + 1 || this.callOf[place] !== call,
      )
    }
    return this.#isWidestAlone
  }

  #begins(number: number, of: (state: number, place: number) => boolean): boolean {
    const { first } = this.#automaton
    const leads = this.#leads.of(number)
    return this.states.some((state, place) => of(state, place) && overlap(first[state]!, leads))
  }
}

function overlap(range: number, leads: Uint8Array): boolean {
  for (let byte = range >> 8; byte <= (range & 0xff); byte++) if (leads[byte]) return true
  return false
}

/** Follows jumps, calls and ends from a rule's first state until every way reads a byte. */
function follow(automaton: Automaton, id: number): ClosureParts {
  const { kinds, first, second, targets, distance, atEnd } = automaton
  const states: number[] = []
  const callOf: number[] = []
  const calls: Call[] = [{ back: id, around: 0, distance: 0 }]
  /** By the call around and the state to go back to: rules called from two places that go back to the same one are called once. */
  const inner = new Map<number, number>()
  const seen = new Set<number>()
  let mayEnd = false
  let nearest = id
  let fewest = UNREACHABLE
  const work = [{ state: id, call: 0 }]
  for (let way = work.pop(); way; way = work.pop()) {
    const { state, call } = way
    if (distance[state] === UNREACHABLE) continue
    const name = call * kinds.length + state
    if (seen.has(name)) continue
    seen.add(name)
    if (seen.size > MOST_WAYS) throw ambiguous()
    const kind = kinds[state]
    if (kind === BYTE) {
      states.push(state)
      callOf.push(call)
      const bytes = distance[state]! + calls[call]!.distance
      if (bytes < fewest) [fewest, nearest] = [bytes, state]
    } else if (kind === JUMP) {
      for (let i = second[state]! - 1; i >= first[state]!; i--)
        work.push({ state: targets[i]!, call })
    } else if (kind === CALL) {
      const back = second[state]!
      const place = call * kinds.length + back
      // Where nothing is left to be said behind it, its caller is where it goes back to: so lists do not pile up.
      let called = atEnd[back] ? call : inner.get(place)
      if (called === undefined) {
        const behind = distance[back]! + calls[call]!.distance
        called = calls.push({ back, around: call, distance: behind }) - 1
        inner.set(place, called)
      }
      work.push({ state: first[state]!, call: called })
    } else if (kind === END) {
      if (call === 0) mayEnd = true
      else work.push({ state: calls[call]!.back, call: calls[call]!.around })
    }
  }
  return { id, states, callOf, calls, mayEnd, distance: fewest, nearest }
}

/** First bytes of characters, of each class. */
class LeadBytes {
  readonly #automaton: Automaton
  readonly #known = new Map<number, Uint8Array>()

  constructor(automaton: Automaton) {
    this.#automaton = automaton
  }

  of(number: number): Uint8Array {
    let leads = this.#known.get(number)
    if (!leads) {
      leads = leadBytes(this.#automaton.classes[number]!.ranges)
      this.#known.set(number, leads)
    }
    return leads
  }
}

/** Those of one automaton. */
export class Closures {
  readonly #automaton: Automaton
  readonly #leads: LeadBytes
  readonly #known = new Map<number, Closure>()
  #ways = 0
  #bytes = 0
  /** Ways that were followed so far. */
  work = 0

  constructor(automaton: Automaton) {
    this.#automaton = automaton
    this.#leads = new LeadBytes(automaton)
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Of a rule's first state, or one that reads a byte. Throws `invalid_request` where there are too many ways. */
  of(state: number): Closure {
    const known = this.#known.get(state)
    if (known) return known
    if (this.#ways > MOST_KEPT) this.#forget()
    const closure = new Closure(this.#automaton, this.#leads, this.#parts(state))
    this.#known.set(state, closure)
    const ways = closure.states.length + closure.calls.length
    this.#ways += ways
    this.work += ways
    this.#bytes += closure.bytes
    return closure
  }

  #parts(id: number): ClosureParts {
    const { kinds, distance } = this.#automaton
    if (kinds[id] !== BYTE) return follow(this.#automaton, id)
    const calls = [{ back: id, around: 0, distance: 0 }]
    const alone = { id, states: [id], callOf: FIRST, calls, mayEnd: false }
    return { ...alone, distance: distance[id]!, nearest: id }
  }

  /** Those in use live on. */
  #forget(): void {
    this.#known.clear()
    this.#ways = 0
    this.#bytes = 0
  }
}

export function ambiguous(): AerieError {
  return new AerieError(
    'invalid_request',
    `the grammar is too ambiguous: after what was said there are more than ${MOST_WAYS} ways to go on`,
  )
}
