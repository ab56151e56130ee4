/**
 * Where a text stops being JSON (RFC 8259). V8 tells the position of some faults only, and of none in bytes; this scanner
 * tells it of all. One pass without recursion, run only over a body that `JSON.parse` has refused.
 */
import { isAscii } from 'node:buffer'

export interface JsonFault {
  /** Bytes before the fault: the longest beginning of the text that some JSON text begins with as well. */
  readonly offset: number
  /** From 1; lines end with LF, CR LF or CR. */
  readonly line: number
  /** From 1, in characters (code points). */
  readonly column: number
  /** What may stand there, in words. */
  readonly expected: string
  /** Whether the text ends there, which is too early. */
  readonly isEnd: boolean
}

/** The first fault of a text in UTF-8; undefined where it is JSON. */
export function findJsonFault(text: Buffer): JsonFault | undefined {
  const scanner = new Scanner(text)
  if (scanner.scan()) return undefined
  const { at: offset, expected } = scanner
  return { offset, ...locate(text, offset), expected, isEnd: offset === text.length }
}

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const QUOTE = 0x22
const PLUS = 0x2b
const COMMA = 0x2c
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const BRACKET = 0x5b
const BACKSLASH = 0x5c
const BRACKET_END = 0x5d
const LOWER_U = 0x75
const BRACE = 0x7b
const BRACE_END = 0x7d

const LITERALS = ['true', 'false', 'null'].map((word) => ({ word, bytes: Buffer.from(word) }))

/** 1 at the bytes of the set. */
type ByteSet = Uint8Array

const WHITESPACE = oneOf(' \n\r\t')
const DIGITS = oneOf('0123456789')
const HEX = oneOf('0123456789abcdefABCDEF')
const EXPONENT = oneOf('eE')
/** What may follow a backslash, but for `u`, which wants more. */
const ESCAPES = oneOf('"\\/bfnrt')
/** What a string may have as it is. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < SPACE || byte === QUOTE || byte === BACKSLASH ? 0 : 1,
)

function oneOf(characters: string): ByteSet {
  const set = new Uint8Array(256)
  for (const byte of Buffer.from(characters)) set[byte] = 1
  return set
}

/** What comes next, whitespace left out. */
type Next = 'value' | 'item' | 'name' | 'member' | 'colon' | 'after'

class Scanner {
  readonly #text: Buffer
  /** The closing brackets that are still to come. */
  readonly #open: number[] = []
  /** Bytes read; after a fault, its place. */
  at = 0
  expected = ''

  constructor(text: Buffer) {
    this.#text = text
  }

  /** Whether the whole text is JSON. */
  scan(): boolean {
    let next: Next | 'end' | false = 'value'
    while (next && next !== 'end') {
      this.at = skip(this.#text, this.at, WHITESPACE)
      next = this.#step(next)
    }
    return next === 'end'
  }

  /** Reads one token and tells what comes after it; false at a fault. */
  #step(next: Next): Next | 'end' | false {
    const byte = this.#text[this.at]
    switch (next) {
      case 'item':
        return byte === BRACKET_END ? this.#close() : this.#value(byte, 'a value or ]')
      case 'value':
        return this.#value(byte, 'a value')
      case 'member':
        return byte === BRACE_END ? this.#close() : this.#name(byte, 'a name in double quotes or }')
      case 'name':
        return this.#name(byte, 'a name in double quotes')
      case 'colon':
        if (byte !== COLON) return this.#fail('a colon')
        this.at++
        return 'value'
      case 'after':
        return this.#after(byte)
    }
  }

  #value(byte: number | undefined, expected: string): Next | false {
    if (byte === BRACE || byte === BRACKET) {
      this.at++
      this.#open.push(byte === BRACE ? BRACE_END : BRACKET_END)
      return byte === BRACE ? 'member' : 'item'
    }
    if (byte === QUOTE) return this.#string() && 'after'
    if (byte === MINUS || isDigit(byte)) return this.#number() && 'after'
    const literal = LITERALS.find(({ bytes }) => bytes[0] === byte)
    if (!literal) return this.#fail(expected)
    for (const letter of literal.bytes) {
      if (this.#text[this.at] !== letter) return this.#fail(`the rest of ${literal.word}`)
      this.at++
    }
    return 'after'
  }

  #name(byte: number | undefined, expected: string): Next | false {
    if (byte !== QUOTE) return this.#fail(expected)
    return this.#string() && 'colon'
  }

  #after(byte: number | undefined): Next | 'end' | false {
    const close = this.#open.at(-1)
    if (close === undefined) return byte === undefined ? 'end' : this.#fail('nothing more')
    if (byte === close) return this.#close()
    const isObject = close === BRACE_END
    if (byte !== COMMA) return this.#fail(isObject ? 'a comma or }' : 'a comma or ]')
    this.at++
    return isObject ? 'name' : 'value'
  }

  #close(): Next {
    this.at++
    this.#open.pop()
    return 'after'
  }

  #string(): boolean {
    for (this.at++; ; this.at++) {
      this.at = skip(this.#text, this.at, PLAIN)
      const byte = this.#text[this.at]
      if (byte === QUOTE) break
      if (byte === undefined) return this.#fail('the end of a string')
      if (byte < SPACE) return this.#fail('an escape such as \\n for a control character')
      if (!this.#escape()) return false
    }
    this.at++
    return true
  }

  /** From the backslash to the last byte of the escape. */
  #escape(): boolean {
    const kind = this.#text[++this.at]
    if (kind === undefined || (kind !== LOWER_U && ESCAPES[kind] === 0)) {
      return this.#fail('one of "\\/bfnrtu after a backslash')
    }
    for (let digit = 0; kind === LOWER_U && digit < 4; digit++) {
      const byte = this.#text[++this.at]
      if (byte === undefined || HEX[byte] === 0) return this.#fail('four hexadecimal digits')
    }
    return true
  }

  #number(): boolean {
    if (this.#text[this.at] === MINUS) this.at++
    // Nothing may follow a leading zero but a fraction or an exponent.
    if (this.#text[this.at] === ZERO) this.at++
    else if (!this.#digits()) return false
    if (this.#text[this.at] === POINT) {
      this.at++
      if (!this.#digits()) return false
    }
    const byte = this.#text[this.at]
    if (byte === undefined || EXPONENT[byte] === 0) return true
    const sign = this.#text[++this.at]
    if (sign === PLUS || sign === MINUS) this.at++
    return this.#digits()
  }

  /** One digit or more. */
  #digits(): boolean {
    if (!isDigit(this.#text[this.at])) return this.#fail('a digit')
    this.at = skip(this.#text, this.at, DIGITS)
    return true
  }

  #fail(expected: string): false {
    this.expected = expected
    return false
  }
}

/** Where the first byte from `at` on lies that is none of `bytes`; a local index, because millions are passed here. */
function skip(text: Buffer, at: number, bytes: ByteSet): number {
  const end = text.length
  while (at < end && bytes[text[at]!] === 1) at++
  return at
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE
}

function locate(text: Buffer, offset: number): { readonly line: number; readonly column: number } {
  let line = 1
  let start = 0
  for (let at = 0; at < offset; at++) {
    const byte = text[at]!
    if (byte > CR) continue
    if (byte !== LF && !(byte === CR && text[at + 1] !== LF)) continue
    line++
    start = at + 1
  }
  if (isAscii(text.subarray(start, offset))) return { line, column: offset - start + 1 }
  let column = 1
  // A byte that continues a character (10xxxxxx) is none of its own.
  for (let at = start; at < offset; at++) if ((text[at]! & 0xc0) !== 0x80) column++
  return { line, column }
}
