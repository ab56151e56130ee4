/** The pieces of JSON texts: white space, strings, numbers. What is lowered to them is read back by any parser as what was meant. */
import {
  chars,
  choice,
  type Expr,
  intersected,
  inverted,
  optional,
  repeat,
  sequence,
  text,
} from '../expression.ts'

/** Spaces that a new line may begin with: deep nesting, and no rambling for ever. */
const MOST_INDENT = 32

/** Between tokens: nothing, a space, or a new line with its indentation. */
export const SPACE: Expr = optional(
  choice([text(' '), sequence(text('\n'), repeat(chars([0x20, 0x20]), 0, MOST_INDENT))]),
)
/** Behind a colon. */
export const AFTER_COLON: Expr = optional(text(' '))

/** In strings they are only written with a backslash. */
const ESCAPED = [0, 0x1f, 0x22, 0x22, 0x5c, 0x5c]
const RAW = inverted(ESCAPED)
const SHORT_ESCAPES: Readonly<Record<number, string>> = {
  8: '\\b',
  9: '\\t',
  10: '\\n',
  12: '\\f',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
}
const HEX = [0x30, 0x39, 0x41, 0x46, 0x61, 0x66]

/** One character of any string, as it is or escaped; halves of surrogate pairs are no characters. */
const ANY_CHARACTER: Expr = choice([
  chars(RAW),
  sequence(
    text('\\'),
    chars([
      0x22, 0x22, 0x2f, 0x2f, 0x5c, 0x5c, 0x62, 0x62, 0x66, 0x66, 0x6e, 0x6e, 0x72, 0x72, 0x74,
      0x74,
    ]),
  ),
  sequence(
    text('\\u'),
    choice([
      sequence(
        chars([0x30, 0x39, 0x41, 0x43, 0x45, 0x46, 0x61, 0x63, 0x65, 0x66]),
        repeat(chars(HEX), 3, 3),
      ),
      sequence(chars([0x44, 0x44, 0x64, 0x64]), chars([0x30, 0x37]), repeat(chars(HEX), 2, 2)),
    ]),
  ),
])

/** A string of so many characters. */
export function anyString(min = 0, max = Number.POSITIVE_INFINITY): Expr {
  return sequence(text('"'), repeat(ANY_CHARACTER, min, max), text('"'))
}

/** A string whose content is what the expression says. */
export function stringOf(content: Expr): Expr {
  return sequence(text('"'), encoded(content), text('"'))
}

/** Characters → how they are written inside a string; without rules. */
function encoded(expr: Expr): Expr {
  switch (expr.kind) {
    case 'text':
      return text(JSON.stringify(expr.text).slice(1, -1))
    case 'chars':
      return encodedClass(expr.ranges)
    case 'repeat':
      return { ...expr, of: encoded(expr.of) }
    case 'sequence':
    case 'choice':
      return { ...expr, of: expr.of.map(encoded) }
    case 'rule':
    case 'token':
      return expr
  }
}

function encodedClass(ranges: readonly number[]): Expr {
  const raw = intersected(ranges, RAW)
  const escapes: Expr[] = []
  const special = intersected(ranges, ESCAPED)
  for (let i = 0; i < special.length; i += 2) {
    for (let code = special[i]!; code <= special[i + 1]!; code++) {
      escapes.push(text(SHORT_ESCAPES[code] ?? `\\u${code.toString(16).padStart(4, '0')}`))
    }
  }
  return choice([...(raw.length > 0 ? [chars(raw)] : []), ...escapes])
}

/** A name of a property that is none of these; it is written without escapes, so that it is told apart by its letters. */
export function otherName(names: readonly string[]): Expr {
  return sequence(text('"'), otherThan(names.map((name) => [...name])), text('"'))
}

function otherThan(names: readonly (readonly string[])[]): Expr {
  const heads = new Map<string, (readonly string[])[]>()
  for (const [head, ...rest] of names) {
    if (head !== undefined) heads.set(head, [...(heads.get(head) ?? []), rest])
  }
  const codes = [...heads.keys()].flatMap((head) => [head.codePointAt(0)!, head.codePointAt(0)!])
  const others = intersected(inverted(codes), RAW)
  const ways: Expr[] = [sequence(chars(others), repeat(chars(RAW), 0))]
  for (const [head, rests] of heads) {
    // A name with an escape cannot be written here at all.
    const code = head.codePointAt(0)!
    if (intersected([code, code], RAW).length > 0)
      ways.push(sequence(chars([code, code]), otherThan(rests)))
  }
  const isName = names.some(({ length }) => length === 0)
  return isName ? choice(ways) : optional(choice(ways))
}
