/** Grammars as a tree: what regular expressions, schemas and EBNF are lowered to, and automata are built from. */
import { AerieError } from '../errors.ts'

/** Code points as sorted, disjoint ranges: [from, to, from, to, …], both inclusive. */
export type Ranges = readonly number[]

export type Expr =
  | { readonly kind: 'text'; readonly text: string }
  /** One special token; see vocabulary.ts. */
  | { readonly kind: 'token'; readonly id: number }
  /** One code point. */
  | { readonly kind: 'chars'; readonly ranges: Ranges }
  | { readonly kind: 'sequence'; readonly of: readonly Expr[] }
  /** Without alternatives: nothing at all can be said. */
  | { readonly kind: 'choice'; readonly of: readonly Expr[] }
  /** `max` may be infinite. */
  | { readonly kind: 'repeat'; readonly of: Expr; readonly min: number; readonly max: number }
  | { readonly kind: 'rule'; readonly name: string }

export interface Grammar {
  readonly rules: ReadonlyMap<string, Expr>
  readonly root: Expr
}

export const LAST_CODE_POINT = 0x10ffff

/** Copies of one thing; what may be repeated more often is repeated so often at most. */
export const MOST_REPEATS = 10_000

export const EMPTY: Expr = { kind: 'sequence', of: [] }
/** Nothing fits it. */
export const NEVER: Expr = { kind: 'choice', of: [] }

export function text(value: string): Expr {
  return { kind: 'text', text: value }
}

export function chars(ranges: Ranges): Expr {
  return { kind: 'chars', ranges }
}

export function sequence(...of: readonly Expr[]): Expr {
  return of.length === 1 ? of[0]! : { kind: 'sequence', of }
}

export function choice(of: readonly Expr[]): Expr {
  return of.length === 1 ? of[0]! : { kind: 'choice', of }
}

export function repeat(of: Expr, min: number, max = Number.POSITIVE_INFINITY): Expr {
  return min === 1 && max === 1 ? of : { kind: 'repeat', of, min, max }
}

export function optional(of: Expr): Expr {
  return repeat(of, 0, 1)
}

export function rule(name: string): Expr {
  return { kind: 'rule', name }
}

/** Sorted and disjoint; surrogates, which are no characters, left out. */
export function normalised(ranges: Ranges): number[] {
  const pairs: [number, number][] = []
  for (let i = 0; i < ranges.length; i += 2) {
    const [from, to] = [ranges[i]!, ranges[i + 1]!]
    if (from < 0xd800) pairs.push([from, Math.min(to, 0xd7ff)])
    if (to > 0xdfff) pairs.push([Math.max(from, 0xe000), to])
  }
  pairs.sort((a, b) => a[0] - b[0])
  const merged: number[] = []
  for (const [from, to] of pairs) {
    if (merged.length > 0 && from <= merged.at(-1)! + 1) {
      merged[merged.length - 1] = Math.max(merged.at(-1)!, to)
    } else merged.push(from, to)
  }
  return merged
}

/** Every code point but these. */
export function inverted(ranges: Ranges): number[] {
  const out: number[] = []
  let next = 0
  const sorted = normalised(ranges)
  for (let i = 0; i < sorted.length; i += 2) {
    if (sorted[i]! > next) out.push(next, sorted[i]! - 1)
    next = sorted[i + 1]! + 1
  }
  if (next <= LAST_CODE_POINT) out.push(next, LAST_CODE_POINT)
  return normalised(out)
}

/** How many they are. */
export function characters(ranges: Ranges): number {
  let count = 0
  for (let i = 0; i < ranges.length; i += 2) count += ranges[i + 1]! - ranges[i]! + 1
  return count
}

/** Those of both. */
export function intersected(a: Ranges, b: Ranges): number[] {
  const out: number[] = []
  for (let i = 0; i < a.length; i += 2) {
    for (let j = 0; j < b.length; j += 2) {
      const from = Math.max(a[i]!, b[j]!)
      const to = Math.min(a[i + 1]!, b[j + 1]!)
      if (from <= to) out.push(from, to)
    }
  }
  return normalised(out)
}

/** The fewest and most code points that it may have; without rules. */
export function lengths(expr: Expr): { readonly min: number; readonly max: number } {
  switch (expr.kind) {
    case 'text': {
      const length = [...expr.text].length
      return { min: length, max: length }
    }
    case 'chars':
    case 'token':
      return { min: 1, max: 1 }
    case 'sequence': {
      const all = expr.of.map(lengths)
      return { min: sum(all.map(({ min }) => min)), max: sum(all.map(({ max }) => max)) }
    }
    case 'choice': {
      const all = expr.of.map(lengths)
      return {
        min: Math.min(...all.map(({ min }) => min)),
        max: Math.max(...all.map(({ max }) => max)),
      }
    }
    case 'repeat': {
      const { min, max } = lengths(expr.of)
      return { min: min * expr.min, max: max === 0 ? 0 : max * expr.max }
    }
    case 'rule':
      return { min: 0, max: Number.POSITIVE_INFINITY }
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** The constraint is not one, or one that cannot be kept to; `where` is the field, and what of it. */
export function refuse(where: string, what: string): AerieError {
  return new AerieError('invalid_request', `${where}: ${what}`, { param: where })
}

/** A keyword or a construct that is known and not supported. */
export function unsupported(where: string, what: string): AerieError {
  return new AerieError('unsupported_parameter', `${where}: ${what}`, { param: where })
}
