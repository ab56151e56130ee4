/**
 * Grammars as llama.cpp (GBNF) and XGrammar (EBNF) write them → {@link Grammar}. Both mean the same by what is read here: `name ::= …`,
 * `"text"`, `[classes]`, `( )`, `|`, `* + ? {n} {n,} {n,m}`, `.`, `#` comments.
 */
import {
  chars,
  choice,
  EMPTY,
  type Expr,
  type Grammar,
  inverted,
  LAST_CODE_POINT,
  MOST_REPEATS,
  normalised,
  refuse,
  repeat,
  rule,
  sequence,
  text,
  unsupported,
} from './expression.ts'

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ n: '\n', r: '\r', t: '\t', f: '\f', v: '\v', b: '\b', 0: '\0' },
  ...{ '"': '"', '\\': '\\', '[': '[', ']': ']', '-': '-', '^': '^', '/': '/', "'": "'" },
}
const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 }
const NAME = /[a-zA-Z_][a-zA-Z0-9_.-]*/y
const MOST_NESTED = 100

/** Throws `invalid_request` naming line and column, also for rules that are missing or begin with themselves. */
export function parseEbnf(source: string, where: string): Grammar {
  const rules = new EbnfParser(source, where).parse()
  if (!rules.has('root')) throw refuse(where, 'no grammar: there is no rule "root"')
  return { rules, root: rule('root') }
}

class EbnfParser {
  readonly #source: string
  readonly #where: string
  readonly #used = new Map<string, number>()
  #at = 0
  #depth = 0

  constructor(source: string, where: string) {
    this.#source = source
    this.#where = where
  }

  parse(): Map<string, Expr> {
    const rules = new Map<string, Expr>()
    for (this.#skip(true); this.#at < this.#source.length; this.#skip(true)) {
      const name = this.#name()
      if (name === undefined) throw this.#wrong('expected the name of a rule')
      if (rules.has(name)) throw this.#wrong(`there are two rules "${name}"`)
      this.#skip(true)
      if (!this.#take('::=')) throw this.#wrong(`expected "::=" behind "${name}"`)
      this.#skip(true)
      rules.set(name, this.#alternatives(false))
    }
    for (const [name, at] of this.#used) {
      if (!rules.has(name)) throw this.#wrong(`there is no rule "${name}"`, at)
    }
    return rules
  }

  /** In brackets lines may end anywhere, else only behind a bar. */
  #alternatives(bracketed: boolean): Expr {
    const all = [this.#sequence(bracketed)]
    while (this.#take('|')) {
      this.#skip(true)
      all.push(this.#sequence(bracketed))
    }
    return choice(all)
  }

  #sequence(bracketed: boolean): Expr {
    const parts: Expr[] = []
    for (;;) {
      this.#skip(bracketed)
      if (!bracketed && this.#isNextRule()) break
      const atom = this.#atom()
      if (!atom) break
      parts.push(this.#quantified(atom))
    }
    return parts.length === 0 ? EMPTY : sequence(...parts)
  }

  /** Behind an end of line: whether a rule or a bar follows; a bar goes on with this one. */
  #isNextRule(): boolean {
    const before = this.#at
    this.#skip(true)
    if (this.#at === before) return false
    if (this.#source[this.#at] === '|') return false
    const start = this.#at
    const name = this.#name()
    if (name !== undefined) {
      this.#skip(false)
      if (this.#source.startsWith('::=', this.#at)) {
        this.#at = start
        return true
      }
    }
    this.#at = start
    return this.#at >= this.#source.length
  }

  #atom(): Expr | undefined {
    const start = this.#source[this.#at]
    if (start === undefined || start === '|' || start === ')') return undefined
    if (start === '"') return text(this.#literal())
    if (start === '[') return chars(this.#class())
    if (this.#take('.')) return chars(inverted([]))
    if (this.#take('(')) {
      if (this.#source[this.#at] === '=') throw this.#missing('look-ahead "(="')
      if (++this.#depth > MOST_NESTED) throw this.#wrong('too many brackets inside each other')
      this.#skip(true)
      const inner = this.#alternatives(true)
      this.#skip(true)
      if (!this.#take(')')) throw this.#wrong('a "(" is not closed')
      this.#depth--
      return inner
    }
    const at = this.#at
    const name = this.#name()
    if (name === undefined) throw this.#wrong(`"${start}" means nothing here`)
    if (this.#source[this.#at] === '(') throw this.#missing(`"${name}(…)"`)
    if (!this.#used.has(name)) this.#used.set(name, at)
    return rule(name)
  }

  #quantified(atom: Expr): Expr {
    let expr = atom
    for (;;) {
      if (this.#take('*')) expr = repeat(expr, 0)
      else if (this.#take('+')) expr = repeat(expr, 1)
      else if (this.#take('?')) expr = repeat(expr, 0, 1)
      else if (this.#source[this.#at] === '{') expr = this.#counted(expr)
      else return expr
    }
  }

  #counted(expr: Expr): Expr {
    const found = /^\{\s*(\d{1,9})\s*(,\s*(\d{0,9})\s*)?\}/.exec(
      this.#source.slice(this.#at, this.#at + 64),
    )
    if (!found) throw this.#wrong('expected {n}, {n,} or {n,m}')
    const min = Number(found[1])
    const max =
      found[2] === undefined ? min : found[3] === '' ? Number.POSITIVE_INFINITY : Number(found[3])
    if (max < min) throw this.#wrong('numbers of a repetition out of order')
    if (min > MOST_REPEATS || (Number.isFinite(max) && max > MOST_REPEATS))
      throw this.#wrong(
        `expected at most ${MOST_REPEATS} repetitions, got ${Number.isFinite(max) ? max : min}`,
      )
    this.#at += found[0].length
    return repeat(expr, min, max)
  }

  #literal(): string {
    const start = this.#at++
    let value = ''
    while (this.#source[this.#at] !== '"') {
      if (this.#at >= this.#source.length || this.#source[this.#at] === '\n')
        throw this.#wrong('a string is not closed', start)
      value += this.#char()
    }
    this.#at++
    return value
  }

  #class(): number[] {
    const start = this.#at++
    const isInverted = this.#take('^')
    const ranges: number[] = []
    while (!this.#take(']')) {
      if (this.#at >= this.#source.length) throw this.#wrong('a "[" is not closed', start)
      const from = this.#char().codePointAt(0)!
      const isRange = this.#source[this.#at] === '-' && this.#source[this.#at + 1] !== ']'
      if (isRange) this.#at++
      const to = isRange ? this.#char().codePointAt(0)! : from
      if (to < from) throw this.#wrong('a range out of order')
      ranges.push(from, to)
    }
    return isInverted ? inverted(ranges) : normalised(ranges)
  }

  /** One character, as it is or escaped. */
  #char(): string {
    const char = String.fromCodePoint(this.#source.codePointAt(this.#at)!)
    this.#at += char.length
    if (char !== '\\') return char
    const letter = this.#source[this.#at++] ?? ''
    const digits = HEX_DIGITS[letter]
    if (digits === undefined) {
      const meant = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined
      if (meant === undefined) throw this.#wrong(`"\\${letter}" means nothing`)
      return meant
    }
    const hex = this.#source.slice(this.#at, this.#at + digits)
    const code = /^[0-9a-fA-F]+$/.test(hex) && hex.length === digits ? Number.parseInt(hex, 16) : -1
    if (code < 0 || code > LAST_CODE_POINT || (code >= 0xd800 && code < 0xe000))
      throw this.#wrong(`"\\${letter}${hex}" is no character`)
    this.#at += digits
    return String.fromCodePoint(code)
  }

  #name(): string | undefined {
    NAME.lastIndex = this.#at
    const name = NAME.exec(this.#source)?.[0]
    if (name !== undefined) this.#at += name.length
    return name
  }

  #skip(lines: boolean): void {
    const space = lines ? /(?:\s|#[^\n]*)*/y : /(?:[ \t]|#[^\n]*)*/y
    space.lastIndex = this.#at
    this.#at += space.exec(this.#source)![0].length
  }

  #take(token: string): boolean {
    if (!this.#source.startsWith(token, this.#at)) return false
    this.#at += token.length
    return true
  }

  #wrong(what: string, at = this.#at): Error {
    return refuse(this.#where, `no grammar: ${what}, ${this.#place(at)}`)
  }

  #missing(what: string): Error {
    return unsupported(this.#where, `${what} is not supported, ${this.#place(this.#at)}`)
  }

  #place(at: number): string {
    const before = this.#source.slice(0, at).split('\n')
    return `line ${before.length}, column ${before.at(-1)!.length + 1}`
  }
}
