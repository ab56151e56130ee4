/** Arrays under schemas that hold together. */
import { type Expr, optional, repeat, sequence, text, unsupported } from '../expression.ts'
import { SPACE } from './json-text.ts'
import { span } from './scalars.ts'
import type { Lowerer } from './schema-lowering.ts'
import { child, keyword, type SchemaNode } from './schema-node.ts'

const COMMA = sequence(text(','), SPACE)

/** Undefined where there is none. */
export function arraysOf(
  nodes: readonly SchemaNode[],
  lowerer: Lowerer,
  depth: number,
): Expr | undefined {
  let { min, max } = span(nodes, 'minItems', 'maxItems')
  for (const node of nodes) {
    if (Array.isArray(keyword(node, 'items')))
      throw unsupported(child(node, 'items').where, 'a list is not supported; use prefixItems')
    // One item is like no other.
    if (keyword(node, 'uniqueItems') === true && max > 1)
      throw unsupported(child(node, 'uniqueItems').where, 'the keyword is not supported')
  }
  const prefixLength = Math.max(0, ...nodes.map((node) => prefixOf(node).length))
  const prefix: Expr[] = []
  for (let i = 0; i < Math.min(prefixLength, max); i++) {
    const item = lowerer.lower(
      nodes.flatMap((node) => itemAt(node, i)),
      depth + 1,
    )
    if (!item) {
      max = i
      break
    }
    prefix.push(item)
  }
  const rest =
    max > prefix.length
      ? lowerer.lower(
          nodes.flatMap((node) => itemAt(node, prefixLength)),
          depth + 1,
        )
      : undefined
  if (!rest) max = Math.min(max, prefix.length)
  if (min > max) return undefined
  return sequence(text('['), SPACE, itemsOf(prefix, rest, min, max), text(']'))
}

function itemsOf(prefix: readonly Expr[], rest: Expr | undefined, min: number, max: number): Expr {
  // From the last to the first: what may follow the first i items, a comma before it.
  let after: Expr | undefined
  if (rest && max > prefix.length) {
    const least = Math.max(0, min - prefix.length)
    if (prefix.length === 0) {
      const more = repeat(sequence(COMMA, rest), Math.max(0, least - 1), max - 1)
      const some = sequence(rest, more, SPACE)
      return min === 0 ? optional(some) : some
    }
    after = repeat(sequence(COMMA, rest), least, max - prefix.length)
  }
  for (let i = prefix.length - 1; i >= 0; i--) {
    const item = sequence(
      ...(i > 0 ? [COMMA] : []),
      prefix[i]!,
      ...(after ? [after] : []),
      ...(i === 0 ? [SPACE] : []),
    )
    after = i >= min ? optional(item) : item
  }
  return after ?? sequence()
}

function prefixOf(node: SchemaNode): readonly unknown[] {
  return (keyword(node, 'prefixItems') as readonly unknown[] | undefined) ?? []
}

function itemAt(node: SchemaNode, i: number): SchemaNode[] {
  if (i < prefixOf(node).length) return [child(node, 'prefixItems', i)]
  return keyword(node, 'items') === undefined ? [] : [child(node, 'items')]
}
