/** A grammar → its automaton, as Thompson's construction makes it (1968), rules as calls. */
import {
  type Automaton,
  BYTE,
  CALL,
  type CharacterClass,
  END,
  JUMP,
  UNREACHABLE,
} from './automaton.ts'
import { characters, type Expr, type Grammar, type Ranges, refuse } from './expression.ts'
import { shortestWays } from './shortest-ways.ts'
import { utf8Ranges } from './utf8.ts'
import { specialBytes } from './vocabulary.ts'

/** States of one grammar; each takes 16 bytes, and a jump 4 more a target. */
const MOST_STATES = 200_000
/**
 * Of a class that masks are put together by: any character, and any but a few. What is not of a smaller one is most of a vocabulary, so that
 * a table of it is large and spares little.
 */
const FEWEST_CHARACTERS = 1000
/** Of those, for one grammar. */
const MOST_CLASSES = 1000

/**
 * Throws `invalid_request` for grammars that are too large, that allow nothing, or in which a rule begins with itself. No token has more than
 * `longestToken` bytes.
 */
export function buildAutomaton(grammar: Grammar, where: string, longestToken: number): Automaton {
  return new Builder(grammar, where, longestToken).build()
}

class Builder {
  readonly #grammar: Grammar
  readonly #where: string
  readonly #longestToken: number
  readonly #alike = new Map<number, number>()
  readonly #kinds: number[] = []
  readonly #first: number[] = []
  readonly #second: number[] = []
  readonly #jumps = new Map<number, number[]>()
  /** First states of rules. */
  readonly #starts = new Map<string, number>()
  readonly #names = new Map<number, string>()
  readonly #toBuild: { readonly start: number; readonly body: Expr }[] = []
  /** Expressions that several places share, as rules. */
  readonly #shared = new Map<Expr, number>()
  readonly #classStarts = new Map<string, number>()
  readonly #classes: CharacterClass[] = []
  /** Of states that read the first byte of a character. */
  readonly #classOf = new Map<number, number>()

  constructor(grammar: Grammar, where: string, longestToken: number) {
    this.#grammar = grammar
    this.#where = where
    this.#longestToken = longestToken
  }

  build(): Automaton {
    const start = this.#state(JUMP)
    this.#toBuild.push({ start, body: this.#grammar.root })
    for (let next = this.#toBuild.pop(); next; next = this.#toBuild.pop()) {
      const end = this.#state(END)
      this.#jump(next.start, this.#build(next.body, end))
    }
    const targets: number[] = []
    for (const [state, to] of this.#jumps) {
      this.#first[state] = targets.length
      targets.push(...to)
      this.#second[state] = targets.length
    }
    const parts = {
      kinds: shared(Uint8Array, this.#kinds),
      first: shared(Int32Array, this.#first),
      second: shared(Int32Array, this.#second),
      targets: shared(Int32Array, targets),
    }
    const distance = shared(Int32Array, shortestWays(parts))
    if (distance[start] === UNREACHABLE)
      throw refuse(this.#where, 'nothing can be said that it allows')
    this.#refuseLeftRecursion({ ...parts, distance })
    const classOf = shared(Uint16Array, new Uint16Array(this.#kinds.length))
    for (const [state, number] of this.#classOf) classOf[state] = number
    const atEnd = shared(Uint8Array, endsOf(parts))
    return {
      ...parts,
      distance,
      atEnd,
      classOf,
      classes: this.#classes,
      alike: this.#alikes(),
      start,
    }
  }

  /** The first state of what says `expr` and goes on to `next`. */
  #build(expr: Expr, next: number): number {
    switch (expr.kind) {
      case 'text':
        return this.#bytes(new TextEncoder().encode(expr.text), next)
      case 'token':
        return this.#bytes(specialBytes(expr.id), next)
      case 'chars':
        return this.#chars(expr.ranges, next)
      case 'sequence':
        return expr.of.reduceRight((behind, part) => this.#build(part, behind), next)
      case 'choice': {
        const start = this.#state(JUMP)
        for (const alternative of expr.of) this.#jump(start, this.#build(alternative, next))
        return start
      }
      case 'repeat':
        return this.#repeat(expr, next)
      case 'rule':
        return this.#call(this.#ruleStart(expr.name), next)
    }
  }

  #repeat({ of, min, max }: Extract<Expr, { kind: 'repeat' }>, next: number): number {
    const copies = Number.isFinite(max) ? max : min + 1
    const one =
      copies > 1 ? (behind: number) => this.#call(this.#sharedStart(of), behind) : undefined
    const copy = one ?? ((behind: number) => this.#build(of, behind))
    let start = next
    if (Number.isFinite(max)) {
      const far = this.#far()
      for (let i = min; i < max; i++) {
        const maybe = this.#state(JUMP)
        this.#jump(maybe, copy(start))
        this.#jump(maybe, next)
        start = far(maybe)
      }
    } else {
      start = this.#state(JUMP)
      this.#jump(start, copy(start))
      this.#jump(start, next)
    }
    const far = this.#far()
    for (let i = 0; i < min; i++) start = far(copy(start))
    return start
  }

  /**
   * Given the states of a counted repetition from its end on, holds those alike that are further from it than a token has bytes: of copies
   * that are something each takes a byte at least, and those that may be nothing make no difference.
   */
  #far(): (state: number) => number {
    let copies = 0
    let first: number | undefined
    return (state) => {
      if (++copies > this.#longestToken) {
        first ??= state
        this.#alike.set(state, first)
      }
      return state
    }
  }

  #alikes(): Int32Array | undefined {
    if (this.#alike.size === 0) return undefined
    const alike = shared(
      Int32Array,
      this.#kinds.map((_, state) => state),
    )
    for (const [state, other] of this.#alike) alike[state] = other
    return alike
  }

  #chars(ranges: readonly number[], next: number): number {
    if (ranges.length === 2 && ranges[1]! < 0x80) return this.#byte(ranges[0]!, ranges[1]!, next)
    const name = ranges.join()
    let start = this.#classStarts.get(name)
    if (start === undefined) {
      start = this.#state(JUMP)
      this.#classStarts.set(name, start)
      const end = this.#state(END)
      const number = this.#class(ranges, end)
      for (let i = 0; i < ranges.length; i += 2) {
        for (const bytes of utf8Ranges(ranges[i]!, ranges[i + 1]!)) {
          const first = bytes.reduceRight(
            (behind, [low, high]) => this.#byte(low, high, behind),
            end,
          )
          this.#jump(start, first)
          if (number > 0) this.#classOf.set(first, number)
        }
      }
    }
    return this.#call(start, next)
  }

  /** Its number, or 0 where masks are no faster for knowing it. */
  #class(ranges: Ranges, end: number): number {
    const count = characters(ranges)
    if (count < FEWEST_CHARACTERS || this.#classes.length >= MOST_CLASSES) return 0
    return this.#classes.push({ ranges, count, end })
  }

  #bytes(bytes: Uint8Array, next: number): number {
    return bytes.reduceRight((behind, byte) => this.#byte(byte, byte, behind), next)
  }

  #byte(low: number, high: number, next: number): number {
    return this.#state(BYTE, low * 256 + high, next)
  }

  #call(start: number, next: number): number {
    return this.#state(CALL, start, next)
  }

  #ruleStart(name: string): number {
    const known = this.#starts.get(name)
    if (known !== undefined) return known
    const body = this.#grammar.rules.get(name)
    if (!body) throw new Error(`grammar: no rule ${name}`)
    const start = this.#state(JUMP)
    this.#starts.set(name, start)
    this.#names.set(start, name)
    this.#toBuild.push({ start, body })
    return start
  }

  #sharedStart(expr: Expr): number {
    if (expr.kind === 'rule') return this.#ruleStart(expr.name)
    const known = this.#shared.get(expr)
    if (known !== undefined) return known
    const start = this.#state(JUMP)
    this.#shared.set(expr, start)
    this.#toBuild.push({ start, body: expr })
    return start
  }

  #state(kind: number, first = 0, second = 0): number {
    if (this.#kinds.length >= MOST_STATES)
      throw refuse(
        this.#where,
        `too large: expected at most ${MOST_STATES} states of the automaton that it stands for`,
      )
    this.#first.push(first)
    this.#second.push(second)
    return this.#kinds.push(kind) - 1
  }

  #jump(state: number, target: number): void {
    const targets = this.#jumps.get(state)
    if (targets) targets.push(target)
    else this.#jumps.set(state, [target])
  }

  /** A rule that begins with itself would call itself for ever before it reads anything. */
  #refuseLeftRecursion(
    parts: Pick<Automaton, 'kinds' | 'first' | 'second' | 'targets' | 'distance'>,
  ): void {
    const { kinds, first, second, targets, distance } = parts
    const seen = new Uint8Array(kinds.length)
    const ON_PATH = 1
    const DONE = 2
    for (const from of this.#starts.values()) {
      if (seen[from]) continue
      const path: number[] = []
      const work = [from]
      while (work.length > 0) {
        const state = work.pop()!
        if (state < 0) {
          seen[path.pop()!] = DONE
          continue
        }
        if (seen[state] === ON_PATH && this.#isRuleStart(state, kinds)) {
          const name = this.#names.get(state)?.replace(/^.*:/, '') ?? 'a part'
          throw refuse(
            this.#where,
            `rule "${name}" begins with itself; write the repetition with * or +`,
          )
        }
        if (seen[state]) continue
        seen[state] = ON_PATH
        path.push(state)
        work.push(-1)
        const kind = kinds[state]
        if (kind === JUMP) {
          for (let i = first[state]!; i < second[state]!; i++) work.push(targets[i]!)
        } else if (kind === CALL) {
          work.push(first[state]!)
          // What may be nothing lets what is behind it begin.
          if (distance[first[state]!] === 0) work.push(second[state]!)
        }
      }
    }
  }

  #isRuleStart(state: number, kinds: Uint8Array): boolean {
    return (
      kinds[state] === JUMP &&
      (this.#names.has(state) || [...this.#shared.values()].includes(state))
    )
  }
}

function endsOf({
  kinds,
  first,
  second,
  targets,
}: Pick<Automaton, 'kinds' | 'first' | 'second' | 'targets'>): Uint8Array {
  const ends = new Uint8Array(kinds.length)
  for (let state = 0; state < kinds.length; state++) {
    let at = state
    for (let i = 0; i < 8 && kinds[at] === JUMP && second[at]! - first[at]! === 1; i++)
      at = targets[first[at]!]!
    if (kinds[at] === END) ends[state] = 1
  }
  return ends
}

function shared<T extends Uint8Array | Uint16Array | Int32Array>(
  type: { new (buffer: SharedArrayBuffer): T; readonly BYTES_PER_ELEMENT: number },
  values: ArrayLike<number>,
): T {
  const array = new type(new SharedArrayBuffer(values.length * type.BYTES_PER_ELEMENT))
  array.set(values)
  return array
}
