/** Types, listed values, strings, numbers, true, false and null under schemas that hold together. */
import {
  choice,
  type Expr,
  lengths,
  MOST_REPEATS,
  NEVER,
  refuse,
  repeat,
  text,
  unsupported,
} from '../expression.ts'
import { searchMatch } from '../regex.ts'
import { FORMATS, formatOf } from './formats.ts'
import { type Bound, type Bounds, integerBetween, numberBetween } from './json-numbers.ts'
import { anyString, stringOf } from './json-text.ts'
import { child, keyword, type SchemaNode, TYPES } from './schema-node.ts'

export type Type = (typeof TYPES)[number]

/** What a keyword speaks of. */
const KEYWORDS_OF: readonly (readonly [Type, readonly string[]])[] = [
  [
    'object',
    [
      'properties',
      'required',
      'additionalProperties',
      'patternProperties',
      'minProperties',
      'maxProperties',
    ],
  ],
  ['array', ['items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems']],
  ['string', ['minLength', 'maxLength', 'pattern', 'format']],
  ['number', ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']],
]

/** Types that all of them allow. Where none names any, those that their keywords speak of, which is what was meant. */
export function typesOf(nodes: readonly SchemaNode[]): Set<Type> {
  let types = new Set<Type>(TYPES.filter((type) => type !== 'integer'))
  let isSaid = false
  for (const node of nodes) {
    const said = keyword(node, 'type')
    if (said === undefined) continue
    isSaid = true
    const own = new Set([said].flat() as Type[])
    if (keyword(node, 'nullable') === true) own.add('null')
    types = both(types, own)
  }
  if (isSaid) return types
  const spoken = KEYWORDS_OF.filter(([, names]) =>
    nodes.some((node) => names.some((name) => keyword(node, name) !== undefined)),
  )
  return spoken.length > 0 ? new Set(spoken.map(([type]) => type)) : types
}

function both(a: ReadonlySet<Type>, b: ReadonlySet<Type>): Set<Type> {
  const common = new Set([...a].filter((type) => b.has(type)))
  const hasInteger = a.has('integer') || b.has('integer')
  const hasNumber = (types: ReadonlySet<Type>) => types.has('number') || types.has('integer')
  if (!common.has('number') && hasInteger && hasNumber(a) && hasNumber(b)) common.add('integer')
  return common
}

/** Values that `enum` and `const` leave; undefined where there is neither. */
export function valuesOf(nodes: readonly SchemaNode[]): unknown[] | undefined {
  let values: unknown[] | undefined
  for (const node of nodes) {
    const constant = keyword(node, 'const')
    const listed =
      constant !== undefined ? [constant] : (keyword(node, 'enum') as unknown[] | undefined)
    if (!listed) continue
    const own = new Set(listed.map(canonical))
    values = values ? values.filter((value) => own.has(canonical(value))) : listed
  }
  if (!values) return undefined
  const types = typesOf(nodes)
  const unique = new Map(values.map((value) => [canonical(value), value]))
  return [...unique.values()].filter(
    (value) => isOf(value, types) && nodes.every((node) => admits(node, value)),
  )
}

/** One text for equal values, whatever the order of their properties. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([name, of]) => `${JSON.stringify(name)}:${canonical(of)}`).join()}}`
}

function isOf(value: unknown, types: ReadonlySet<Type>): boolean {
  if (value === null) return types.has('null')
  if (Array.isArray(value)) return types.has('array')
  if (typeof value === 'number')
    return types.has('number') || (types.has('integer') && Number.isInteger(value))
  return types.has(typeof value as Type)
}

/** Whether a listed value keeps to the other keywords; those that cannot be asked here are refused beside lists. */
function admits(node: SchemaNode, value: unknown): boolean {
  const number = (name: string) => keyword(node, name) as number | undefined
  if (typeof value === 'string') {
    for (const name of ['pattern', 'format'] as const) refuseBesideValues(node, name)
    const length = [...value].length
    return length >= (number('minLength') ?? 0) && length <= (number('maxLength') ?? length)
  }
  if (typeof value === 'number') {
    refuseBesideValues(node, 'multipleOf')
    return (
      value >= (number('minimum') ?? value) &&
      value <= (number('maximum') ?? value) &&
      value > (number('exclusiveMinimum') ?? value - 1) &&
      value < (number('exclusiveMaximum') ?? value + 1)
    )
  }
  if (typeof value === 'object' && value !== null) {
    const names = Array.isArray(value)
      ? ['items', 'prefixItems', 'minItems', 'maxItems']
      : [
          'properties',
          'required',
          'additionalProperties',
          'patternProperties',
          'minProperties',
          'maxProperties',
        ]
    for (const name of names) refuseBesideValues(node, name)
  }
  return true
}

function refuseBesideValues(node: SchemaNode, name: string): void {
  if (keyword(node, name) !== undefined)
    throw unsupported(child(node, name).where, 'the keyword is not supported beside enum or const')
}

export function* scalarsOf(
  nodes: readonly SchemaNode[],
  types: ReadonlySet<Type>,
): Generator<Expr> {
  if (types.has('string')) {
    const strings = stringsOf(nodes)
    if (strings) yield strings
  }
  if (types.has('number') || types.has('integer')) {
    const numbers = numbersOf(nodes, types.has('number'))
    if (numbers !== NEVER) yield numbers
  }
  if (types.has('boolean')) yield choice([text('true'), text('false')])
  if (types.has('null')) yield text('null')
}

/** The largest of the least and the smallest of the most that is asked for. */
export function span(
  nodes: readonly SchemaNode[],
  least: string,
  most: string,
): { min: number; max: number } {
  let min = 0
  let max = Number.POSITIVE_INFINITY
  for (const node of nodes) {
    const from = (keyword(node, least) as number | undefined) ?? 0
    if (from > MOST_REPEATS)
      throw unsupported(child(node, least).where, `expected at most ${MOST_REPEATS}, got ${from}`)
    min = Math.max(min, from)
    max = Math.min(max, (keyword(node, most) as number | undefined) ?? max)
  }
  return { min, max: Number.isFinite(max) ? Math.min(max, MOST_REPEATS) : max }
}

function stringsOf(nodes: readonly SchemaNode[]): Expr | undefined {
  const { min, max } = span(nodes, 'minLength', 'maxLength')
  const shapes = nodes.flatMap((node) =>
    ['pattern', 'format']
      .filter((name) => keyword(node, name) !== undefined)
      .map((name) => child(node, name)),
  )
  const different = new Map(
    shapes.map((shape) => [`${shape.where.split('.').at(-1)}:${shape.schema}`, shape]),
  )
  if (min > max) return undefined
  if (different.size === 0) return anyString(min, max)
  const [shape, other] = [...different.values()]
  if (other) throw unsupported(other.where, `it is not supported beside ${shape!.where}`)
  const { where } = shape!
  const value = String(shape!.schema)
  if (where.endsWith('.format')) return formatted(value, where, min, max)
  return stringOf(patterned(value, where, min, max))
}

/** What a pattern allows of the lengths asked for: where it bounds them itself, or does not bound them and they neither. */
function patterned(pattern: string, where: string, min: number, max: number): Expr {
  const expr = searchMatch(pattern, where)
  const { min: shortest, max: longest } = lengths(expr)
  if (shortest >= min && longest <= max) return expr
  if (shortest > max || longest < min) return NEVER
  const fixed =
    expr.kind === 'repeat'
      ? expr
      : expr.kind === 'sequence' && expr.of.length === 1
        ? expr.of[0]
        : undefined
  if (fixed?.kind === 'repeat' && fixed.of.kind === 'chars')
    return repeat(fixed.of, Math.max(fixed.min, min), Math.min(fixed.max, max))
  throw unsupported(
    where,
    'minLength and maxLength beside it are only supported where it keeps to them itself',
  )
}

function formatted(name: string, where: string, min: number, max: number): Expr {
  const format = formatOf(name)
  if (!format)
    throw unsupported(
      where,
      `the format ${JSON.stringify(name)} is not supported; expected one of ${FORMATS.join(', ')}`,
    )
  if (format.shortest < min || format.longest > max)
    throw unsupported(
      where,
      `beside it, minLength and maxLength have to leave ${format.shortest} to ${format.longest} characters`,
    )
  return stringOf(format.expr)
}

function numbersOf(nodes: readonly SchemaNode[], withDecimals: boolean): Expr {
  let bounds: Bounds = {}
  let whole = !withDecimals
  for (const node of nodes) {
    const multiple = keyword(node, 'multipleOf')
    if (multiple === 1) whole = true
    else if (multiple !== undefined)
      throw unsupported(child(node, 'multipleOf').where, 'the keyword is not supported but for 1')
    bounds = {
      ...narrowed(
        'min',
        bounds.min,
        boundOf(node, 'minimum', false),
        boundOf(node, 'exclusiveMinimum', true),
      ),
      ...narrowed(
        'max',
        bounds.max,
        boundOf(node, 'maximum', false),
        boundOf(node, 'exclusiveMaximum', true),
      ),
    }
  }
  return whole ? integerBetween(bounds) : numberBetween(bounds)
}

/** Bounds with more digits are not exact. */
const MOST_DECIMALS = 15
const LARGEST = 10 ** 15

function boundOf(node: SchemaNode, name: string, exclusive: boolean): Bound | undefined {
  const value = keyword(node, name) as number | undefined
  if (value === undefined) return undefined
  const isLower = name.endsWith('inimum')
  if (Math.abs(value) >= LARGEST) {
    // No number that is written is as far out.
    if (value < 0 === isLower) return undefined
    throw refuse(child(node, name).where, `expected a number between −${LARGEST} and ${LARGEST}`)
  }
  if (Number(value.toFixed(MOST_DECIMALS)) !== value)
    throw unsupported(child(node, name).where, `expected at most ${MOST_DECIMALS} decimals`)
  return { value: value + 0, exclusive }
}

function narrowed(
  side: 'min' | 'max',
  ...bounds: readonly (Bound | undefined)[]
): Partial<Record<'min' | 'max', Bound>> {
  const sign = side === 'min' ? 1 : -1
  const strictest = bounds
    .filter((bound) => bound !== undefined)
    .sort((a, b) => sign * (b.value - a.value) || Number(b.exclusive) - Number(a.exclusive))[0]
  return strictest ? { [side]: strictest } : {}
}
