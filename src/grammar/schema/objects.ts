/** Objects under schemas that hold together: properties in the order in which they are written down. */
import { choice, type Expr, optional, repeat, sequence, text, unsupported } from '../expression.ts'
import { searchMatch } from '../regex.ts'
import { AFTER_COLON, otherName, SPACE, stringOf } from './json-text.ts'
import { span } from './scalars.ts'
import type { Lowerer } from './schema-lowering.ts'
import { child, isObject, keyword, type SchemaNode } from './schema-node.ts'

const COMMA = sequence(text(','), SPACE)
const COLON = sequence(text(':'), AFTER_COLON)

interface Property {
  readonly pair: Expr
  readonly required: boolean
}

/** Undefined where there is none. */
export function objectsOf(
  nodes: readonly SchemaNode[],
  lowerer: Lowerer,
  depth: number,
): Expr | undefined {
  const required = new Set(
    nodes.flatMap((node) => (keyword(node, 'required') as string[] | undefined) ?? []),
  )
  const named = new Set([...nodes.flatMap((node) => Object.keys(propertiesOf(node))), ...required])
  const properties: Property[] = []
  for (const name of named) {
    const value = lowerer.lower(
      nodes.flatMap((node) => schemasOf(node, name)),
      depth + 1,
    )
    if (value) {
      properties.push({
        pair: sequence(text(JSON.stringify(name)), COLON, value),
        required: required.has(name),
      })
    } else if (required.has(name)) return undefined
  }
  const other = otherPair(nodes, [...named], lowerer, depth)
  const count = span(nodes, 'minProperties', 'maxProperties')
  const body = other
    ? withOthers(properties, other, count, nodes, lowerer)
    : bounded(properties, count, lowerer)
  return body && sequence(text('{'), SPACE, body, text('}'))
}

/** Known properties alone, so many of them. */
function bounded(
  properties: readonly Property[],
  { min, max }: Count,
  lowerer: Lowerer,
): Expr | undefined {
  const least = properties.filter(({ required }) => required).length
  if (min > properties.length || max < least) return undefined
  const counts = min > least || max < properties.length
  const known = new Map<string, Expr | undefined>()
  // What may follow when the first i were decided on and so many of them were written.
  const from = (i: number, written: number): Expr | undefined => {
    const key = `${i} ${counts ? written : Math.min(written, 1)}`
    if (known.has(key)) return known.get(key)
    const property = properties[i]
    let expr: Expr | undefined
    if (!property)
      expr =
        !counts || (written >= min && written <= max)
          ? written > 0
            ? SPACE
            : sequence()
          : undefined
    else {
      const ways: Expr[] = []
      const more = counts && written + 1 > max ? undefined : from(i + 1, written + 1)
      if (more) ways.push(sequence(...(written > 0 ? [COMMA] : []), property.pair, more))
      const without = property.required ? undefined : from(i + 1, written)
      if (without) ways.push(without)
      expr = ways.length === 0 ? undefined : lowerer.define(choice(ways))
    }
    known.set(key, expr)
    return expr
  }
  return from(0, 0)
}

interface Count {
  readonly min: number
  readonly max: number
}

/** Known properties, then others. */
function withOthers(
  properties: readonly Property[],
  other: Expr,
  { min, max }: Count,
  nodes: readonly SchemaNode[],
  lowerer: Lowerer,
): Expr | undefined {
  const least = properties.filter(({ required }) => required).length
  // Two others may have one name, and then count as one.
  if (min > Math.max(least, 1)) {
    const node = nodes.find(
      (candidate) => ((keyword(candidate, 'minProperties') as number) ?? 0) === min,
    )!
    throw unsupported(
      child(node, 'minProperties').where,
      'above 1 it is only supported without additional properties',
    )
  }
  if (Number.isFinite(max) && properties.length > 0) {
    const node = nodes.find((candidate) => keyword(candidate, 'maxProperties') !== undefined)!
    throw unsupported(
      child(node, 'maxProperties').where,
      'it is not supported with both named and additional properties',
    )
  }
  if (properties.length === 0) {
    if (max === 0) return min === 0 ? sequence() : undefined
    const some = sequence(other, repeat(sequence(COMMA, other), 0, max - 1), SPACE)
    return min > 0 ? some : optional(some)
  }
  const others = lowerer.define(repeat(sequence(COMMA, other), 0))
  const first = lowerer.define(optional(sequence(other, others)))
  const known = new Map<string, Expr>()
  const from = (i: number, written: boolean): Expr => {
    const key = `${i} ${written}`
    const before = known.get(key)
    if (before) return before
    const property = properties[i]
    const ways: Expr[] = []
    if (!property)
      ways.push(
        written
          ? sequence(others, SPACE)
          : min > 0
            ? sequence(other, others, SPACE)
            : optional(sequence(first, SPACE)),
      )
    else {
      ways.push(sequence(...(written ? [COMMA] : []), property.pair, from(i + 1, true)))
      if (!property.required) ways.push(from(i + 1, written))
    }
    const expr = lowerer.define(choice(ways))
    known.set(key, expr)
    return expr
  }
  return from(0, false)
}

/** A pair of a name that is not among the named ones; undefined where there may be none. */
function otherPair(
  nodes: readonly SchemaNode[],
  named: readonly string[],
  lowerer: Lowerer,
  depth: number,
): Expr | undefined {
  const patterned = nodes.filter((node) => Object.keys(patternsOf(node)).length > 0)
  if (patterned.length > 0) return patternPair(nodes, patterned, named, lowerer, depth)
  const said = nodes.filter((node) => keyword(node, 'additionalProperties') !== undefined)
  // Who names properties and says nothing of others has said what is wanted; without any, an object of anything is.
  if (said.length === 0 && named.length > 0) return undefined
  if (
    nodes.some(
      (node) =>
        keyword(node, 'additionalProperties') === undefined &&
        Object.keys(propertiesOf(node)).length > 0,
    )
  )
    return undefined
  const value = lowerer.lower(
    said.map((node) => child(node, 'additionalProperties')),
    depth + 1,
  )
  return value && sequence(otherName(named), COLON, value)
}

function patternPair(
  nodes: readonly SchemaNode[],
  patterned: readonly SchemaNode[],
  named: readonly string[],
  lowerer: Lowerer,
  depth: number,
): Expr | undefined {
  const node = patterned[0]!
  const where = child(node, 'patternProperties').where
  const [pattern, second] = Object.keys(patternsOf(node))
  if (second !== undefined || patterned.length > 1)
    throw unsupported(where, 'more than one pattern is not supported')
  if (named.length > 0) throw unsupported(where, 'it is not supported beside named properties')
  const others = nodes.filter(
    (other) => other !== node && keyword(other, 'additionalProperties') !== undefined,
  )
  if (others.length > 0)
    throw unsupported(where, 'it is not supported beside additionalProperties of another schema')
  const name = stringOf(searchMatch(pattern!, child(node, 'patternProperties', pattern!).where))
  const value = lowerer.lower([child(node, 'patternProperties', pattern!)], depth + 1)
  return value && sequence(name, COLON, value)
}

function propertiesOf(node: SchemaNode): Readonly<Record<string, unknown>> {
  return (keyword(node, 'properties') as Record<string, unknown> | undefined) ?? {}
}

function patternsOf(node: SchemaNode): Readonly<Record<string, unknown>> {
  return (keyword(node, 'patternProperties') as Record<string, unknown> | undefined) ?? {}
}

/** What a schema says of a property. */
function schemasOf(node: SchemaNode, name: string): SchemaNode[] {
  if (Object.hasOwn(propertiesOf(node), name)) return [child(node, 'properties', name)]
  if (!isObject(node.schema) || keyword(node, 'additionalProperties') === undefined) return []
  return [child(node, 'additionalProperties')]
}
