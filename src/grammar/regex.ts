/**
 * Regular expressions as of ECMAScript with its flag `u` → {@link Expr}. What a finite automaton cannot know (look-around,
 * back-references, word boundaries) is refused by name and place.
 */
import {
  chars,
  choice,
  EMPTY,
  type Expr,
  inverted,
  LAST_CODE_POINT,
  lengths,
  MOST_REPEATS,
  normalised,
  type Ranges,
  refuse,
  repeat,
  sequence,
  unsupported,
} from './expression.ts'

const DIGITS: Ranges = [0x30, 0x39]
const WORDS: Ranges = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a]
/** White space and ends of lines as ECMAScript has them. */
const SPACES: Ranges = normalised([
  ...[9, 13, 0x20, 0x20, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a],
  ...[0x2028, 0x2029, 0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff],
])
const LINE_ENDS: Ranges = [0x0a, 0x0a, 0x0d, 0x0d, 0x2028, 0x2029]
const ANYTHING = inverted([])

const CLASSES: Readonly<Record<string, Ranges>> = {
  d: DIGITS,
  D: inverted(DIGITS),
  w: WORDS,
  W: inverted(WORDS),
  s: SPACES,
  S: inverted(SPACES),
}
const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, 0: 0 }

const MOST_NESTED = 100

/** An alternative of the whole expression: what lies between its anchors, and whether it has them. */
interface Branch {
  readonly parts: Expr[]
  starts: boolean
  ends: boolean
}

/** What a whole text must be that matches from its first to its last character; anchors at its ends say no more. */
export function wholeMatch(pattern: string, where: string): Expr {
  const branches = new RegexParser(pattern, where).parse()
  return choice(branches.map(({ parts }) => sequence(...parts)))
}

/** What a text must be that has a match in it, as JSON Schema's `pattern` asks; `any` is the text around it. */
export function searchMatch(pattern: string, where: string): Expr {
  const around = repeat(chars(ANYTHING), 0)
  return choice(
    new RegexParser(pattern, where)
      .parse()
      .map(({ parts, starts, ends }) =>
        sequence(...(starts ? [] : [around]), ...parts, ...(ends ? [] : [around])),
      ),
  )
}

class RegexParser {
  readonly #chars: readonly string[]
  readonly #where: string
  #at = 0
  #depth = 0

  constructor(pattern: string, where: string) {
    this.#chars = [...pattern]
    this.#where = where
  }

  parse(): Branch[] {
    const branches = [this.#branch(true)]
    while (this.#take('|')) branches.push(this.#branch(true))
    if (this.#peek() !== undefined) throw this.#wrong('")" closes nothing')
    return branches
  }

  #branch(outermost: boolean): Branch {
    const branch: Branch = { parts: [], starts: false, ends: false }
    for (
      let next = this.#peek();
      next !== undefined && next !== '|' && next !== ')';
      next = this.#peek()
    ) {
      if (next === '^' || next === '$') {
        this.#anchor(branch, next, outermost)
        continue
      }
      if (branch.ends) throw this.#wrong('nothing can follow "$"')
      branch.parts.push(this.#quantified(this.#atom()))
    }
    return branch
  }

  #anchor(branch: Branch, anchor: '^' | '$', outermost: boolean): void {
    if (!outermost) throw this.#missing(`"${anchor}" inside a group`)
    if (anchor === '^' && branch.parts.length > 0) throw this.#wrong('nothing can stand before "^"')
    if (anchor === '^') branch.starts = true
    else branch.ends = true
    this.#at++
  }

  #atom(): Expr {
    const start = this.#chars[this.#at++]!
    switch (start) {
      case '(':
        return this.#group()
      case '[':
        return chars(this.#class())
      case '.':
        return chars(inverted(LINE_ENDS))
      case '\\':
        return chars(this.#escape())
      case '*':
      case '+':
      case '?':
      case '{':
      case '}':
      case ']':
        this.#at--
        throw this.#wrong(`"${start}" stands where a character is expected; write "\\${start}"`)
      default: {
        const code = start.codePointAt(0)!
        return chars(normalised([code, code]))
      }
    }
  }

  #group(): Expr {
    if (this.#take('?') && !this.#take(':')) {
      const named = this.#peek() === '<' && !['=', '!'].includes(this.#chars[this.#at + 1] ?? '')
      if (!named)
        throw this.#missing('look-around and modifiers ("(?=", "(?!", "(?<=", "(?<!", "(?i:")')
      while (this.#peek() !== undefined && !this.#take('>')) this.#at++
    }
    if (++this.#depth > MOST_NESTED)
      throw this.#wrong(`more than ${MOST_NESTED} groups inside each other`)
    const branches = [this.#branch(false)]
    while (this.#take('|')) branches.push(this.#branch(false))
    if (!this.#take(')')) throw this.#wrong('a "(" is not closed')
    this.#depth--
    return choice(branches.map(({ parts }) => (parts.length === 0 ? EMPTY : sequence(...parts))))
  }

  #quantified(atom: Expr): Expr {
    const bounds = this.#bounds()
    if (!bounds) return atom
    // Lazy or not, the same texts match.
    this.#take('?')
    if (['*', '+', '?', '{'].includes(this.#peek() ?? '')) throw this.#wrong('nothing to repeat')
    const [min, max] = bounds
    // A repetition of nothing is nothing.
    return lengths(atom).max === 0 ? EMPTY : repeat(atom, min, max)
  }

  #bounds(): [number, number] | undefined {
    if (this.#take('*')) return [0, Number.POSITIVE_INFINITY]
    if (this.#take('+')) return [1, Number.POSITIVE_INFINITY]
    if (this.#take('?')) return [0, 1]
    if (this.#peek() !== '{') return undefined
    const found = /^\{(\d{1,15})(,(\d{0,15}))?\}/.exec(
      this.#chars.slice(this.#at, this.#at + 40).join(''),
    )
    if (!found) throw this.#wrong('expected {n}, {n,} or {n,m}; write "\\{" for the character')
    const min = Number(found[1])
    const max =
      found[2] === undefined ? min : found[3] === '' ? Number.POSITIVE_INFINITY : Number(found[3])
    if (max < min) throw this.#wrong('numbers of a quantifier out of order')
    if (min > MOST_REPEATS)
      throw this.#wrong(`expected at most ${MOST_REPEATS} repetitions, got ${min}`)
    this.#at += found[0].length
    return [min, Number.isFinite(max) ? Math.min(max, MOST_REPEATS) : max]
  }

  /** Of one escape; the backslash is read. */
  #escape(): number[] {
    const letter = this.#chars[this.#at++]
    if (letter === undefined) throw this.#wrong('a "\\" at the end')
    const set = CLASSES[letter]
    if (set) return normalised(set)
    if (/[1-9k]/.test(letter)) throw this.#missing(`the back-reference "\\${letter}"`)
    if (letter === 'b' || letter === 'B') throw this.#missing(`the word boundary "\\${letter}"`)
    if (letter === 'p' || letter === 'P') throw this.#missing(`the Unicode property "\\${letter}"`)
    const code = this.#codeOf(letter)
    if (code >= 0xd800 && code < 0xe000) throw this.#missing('half of a surrogate pair')
    return [code, code]
  }

  #codeOf(letter: string): number {
    if (Object.hasOwn(CONTROLS, letter)) return CONTROLS[letter]!
    if (letter === 'x') return this.#hex(2)
    if (letter === 'c') return this.#chars[this.#at++]!.charCodeAt(0) % 32
    if (letter !== 'u') {
      if (/[a-zA-Z]/.test(letter)) throw this.#wrong(`"\\${letter}" means nothing`)
      return letter.codePointAt(0)!
    }
    if (this.#take('{')) {
      let code = 0
      while (!this.#take('}')) code = code * 16 + this.#hex(1)
      if (code > LAST_CODE_POINT) throw this.#wrong('no such code point')
      return code
    }
    const high = this.#hex(4)
    if (high < 0xd800 || high > 0xdbff || !this.#take('\\') || !this.#take('u')) return high
    return 0x10000 + (high - 0xd800) * 0x400 + (this.#hex(4) - 0xdc00)
  }

  #hex(digits: number): number {
    const written = this.#chars.slice(this.#at, this.#at + digits).join('')
    if (!new RegExp(`^[0-9a-fA-F]{${digits}}$`).test(written))
      throw this.#wrong(`expected ${digits} hexadecimal digits`)
    this.#at += digits
    return Number.parseInt(written, 16)
  }

  /** Of `[…]`; the bracket is read. */
  #class(): number[] {
    const isInverted = this.#take('^')
    const ranges: number[] = []
    while (!this.#take(']')) {
      const from = this.#classAtom()
      if (this.#peek() === '-' && this.#chars[this.#at + 1] !== ']' && isSingle(from)) {
        this.#at++
        const to = this.#classAtom()
        if (!isSingle(to) || to[0]! < from[0]!) throw this.#wrong('a range out of order')
        ranges.push(from[0]!, to[0]!)
      } else ranges.push(...from)
    }
    return isInverted ? inverted(ranges) : normalised(ranges)
  }

  #classAtom(): number[] {
    const start = this.#chars[this.#at++]
    if (start === undefined) throw this.#wrong('a "[" is not closed')
    if (start !== '\\') return [start.codePointAt(0)!, start.codePointAt(0)!]
    if (this.#take('b')) return [8, 8]
    if (this.#take('-')) return [0x2d, 0x2d]
    return this.#escape()
  }

  #peek(): string | undefined {
    return this.#chars[this.#at]
  }

  #take(char: string): boolean {
    if (this.#chars[this.#at] !== char) return false
    this.#at++
    return true
  }

  #wrong(what: string): Error {
    return refuse(this.#where, `no regular expression: ${what}, at character ${this.#at + 1}`)
  }

  #missing(what: string): Error {
    return unsupported(this.#where, `${what} is not supported, at character ${this.#at + 1}`)
  }
}

function isSingle(ranges: readonly number[]): boolean {
  return ranges.length === 2 && ranges[0] === ranges[1]
}
