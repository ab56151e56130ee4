/** Where a member of a JSON object lies in its text, so that it can be passed on byte by byte as it was written. */
import { endOfString } from './parse-json.ts'

export interface Stretch {
  readonly offset: number
  readonly length: number
}

const QUOTE = 0x22
const COMMA = 0x2c
const OPENING = [0x5b, 0x7b]
const CLOSING = [0x5d, 0x7d]
const WHITESPACE = [0x20, 0x09, 0x0a, 0x0d]

/**
 * The value of the last member called `name`, which is the one that `JSON.parse` takes; undefined where there is none. The text
 * must be a valid JSON object.
 */
export function findMember(text: Buffer, name: string): Stretch | undefined {
  let found: Stretch | undefined
  let at = text.indexOf('{') + 1
  for (;;) {
    at = skipWhitespace(text, at)
    if (text[at] === COMMA) at = skipWhitespace(text, at + 1)
    if (text[at] !== QUOTE) return found
    const end = endOfString(text, at + 1) + 1
    const key: unknown = JSON.parse(text.toString('utf8', at, end))
    const offset = skipWhitespace(text, skipWhitespace(text, end) + 1)
    at = endOfValue(text, offset)
    if (key === name) found = { offset, length: at - offset }
  }
}

/** Behind the value that begins at `from`. */
function endOfValue(text: Buffer, from: number): number {
  let depth = 0
  let at = from
  do {
    const byte = text[at]
    if (byte === undefined) return at
    if (byte === QUOTE) {
      at = endOfString(text, at + 1)
    } else if (OPENING.includes(byte)) {
      depth++
    } else if (CLOSING.includes(byte)) {
      depth--
    } else if (depth === 0) {
      return endOfWord(text, at)
    }
    at++
  } while (depth > 0)
  return at
}

/** Of a number, or of true, false and null. */
function endOfWord(text: Buffer, from: number): number {
  let at = from
  while (at < text.length && text[at] !== COMMA && !CLOSING.includes(text[at]!)) {
    if (WHITESPACE.includes(text[at]!)) break
    at++
  }
  return at
}

function skipWhitespace(text: Buffer, from: number): number {
  let at = from
  while (WHITESPACE.includes(text[at] ?? -1)) at++
  return at
}
