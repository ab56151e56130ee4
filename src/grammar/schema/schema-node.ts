/** A JSON Schema as it was written, looked at keyword by keyword: what is known, what is refused, where references lead. */
import type { JsonSchema } from '../../engine/constraint.ts'
import { refuse, unsupported } from '../expression.ts'

/** A schema and where it stands. */
export interface SchemaNode {
  readonly schema: JsonSchema
  readonly where: string
}

/** They say nothing of what is valid. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  ...['$schema', '$id', 'id', '$comment', 'title', 'description', 'default', 'example', 'examples'],
  ...[
    'deprecated',
    'readOnly',
    'writeOnly',
    '$defs',
    'definitions',
    'discriminator',
    'markdownDescription',
  ],
])

const HONOURED: ReadonlySet<string> = new Set([
  ...['type', 'enum', 'const', 'nullable', '$ref', 'allOf', 'anyOf', 'oneOf'],
  ...[
    'properties',
    'required',
    'additionalProperties',
    'patternProperties',
    'minProperties',
    'maxProperties',
  ],
  ...['items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems'],
  ...['minLength', 'maxLength', 'pattern', 'format'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
])

/** What to do in place of a keyword that is refused. */
const INSTEAD: Readonly<Record<string, string>> = {
  $dynamicRef: 'use $ref',
  $recursiveRef: 'use $ref',
  additionalItems: 'use prefixItems and items',
  dependencies: 'use anyOf',
  dependentRequired: 'use anyOf',
  dependentSchemas: 'use anyOf',
  if: 'use anyOf',
  not: 'say what is allowed',
}

export const TYPES = ['string', 'number', 'integer', 'boolean', 'null', 'object', 'array'] as const

/** Keywords by the check of their values. */
const CHECKS: Readonly<Record<string, readonly [test: (value: unknown) => boolean, what: string]>> =
  {
    type: [
      (value) => {
        const all = Array.isArray(value) ? value : [value]
        return all.length > 0 && all.every((type) => (TYPES as readonly unknown[]).includes(type))
      },
      `one of ${TYPES.join(', ')}, or a list of them`,
    ],
    enum: [(value) => Array.isArray(value) && value.length > 0, 'a list of at least one value'],
    nullable: [(value) => typeof value === 'boolean', 'true or false'],
    $ref: [(value) => typeof value === 'string', 'a string'],
    properties: [isObject, 'an object of schemas'],
    patternProperties: [isObject, 'an object of schemas'],
    required: [
      (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'),
      'a list of names',
    ],
    pattern: [(value) => typeof value === 'string', 'a string'],
    format: [(value) => typeof value === 'string', 'a string'],
    uniqueItems: [(value) => typeof value === 'boolean', 'true or false'],
    multipleOf: [(value) => isNumber(value) && value > 0, 'a number above 0'],
    ...Object.fromEntries(
      ['allOf', 'anyOf', 'oneOf'].map((name) => [
        name,
        [
          (value: unknown) => Array.isArray(value) && value.length > 0,
          'a list of at least one schema',
        ],
      ]),
    ),
    prefixItems: [Array.isArray, 'a list of schemas'],
    ...Object.fromEntries(
      ['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'].map(
        (name) => [
          name,
          [
            (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0,
            'a whole number from 0 on',
          ],
        ],
      ),
    ),
    ...Object.fromEntries(
      ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'].map((name) => [
        name,
        [isNumber, 'a number'],
      ]),
    ),
  }

export function child(node: SchemaNode, ...path: readonly (string | number)[]): SchemaNode {
  let value: unknown = node.schema
  let where = node.where
  for (const step of path) {
    value = (value as Record<string, unknown>)[step]
    where +=
      typeof step === 'number'
        ? `[${step}]`
        : /^[\w$-]+$/.test(step)
          ? `.${step}`
          : `[${JSON.stringify(step)}]`
  }
  return { schema: value as JsonSchema, where }
}

/** What a keyword says; undefined where it does not stand. */
export function keyword(node: SchemaNode, name: string): unknown {
  return typeof node.schema === 'object' && Object.hasOwn(node.schema, name)
    ? node.schema[name]
    : undefined
}

/** Throws for what is no schema, for keywords that are not honoured, and for values that a keyword does not take. */
export function checkNode(node: SchemaNode): void {
  const { schema, where } = node
  if (typeof schema === 'boolean') return
  if (!isObject(schema)) throw refuse(where, 'expected a schema: an object, true or false')
  for (const [name, value] of Object.entries(schema)) {
    const at = child(node, name).where
    if (ANNOTATIONS.has(name) || name.startsWith('x-')) continue
    if (!HONOURED.has(name)) {
      const instead = Object.hasOwn(INSTEAD, name) ? `; ${INSTEAD[name]}` : ''
      throw unsupported(at, `the keyword is not supported${instead}`)
    }
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name] : undefined
    if (check && !check[0](value)) throw refuse(at, `expected ${check[1]}`)
  }
}

/** Where a `$ref` leads, inside the same schema. */
export function resolveRef(root: SchemaNode, node: SchemaNode): SchemaNode {
  const ref = keyword(node, '$ref') as string
  const at = child(node, '$ref').where
  if (ref !== '#' && !ref.startsWith('#/'))
    throw unsupported(at, `${JSON.stringify(ref)} is not in this schema; expected "#" or "#/…"`)
  const steps = ref
    .split('/')
    .slice(1)
    .map((step) => decoded(step).replaceAll('~1', '/').replaceAll('~0', '~'))
  let value: unknown = root.schema
  for (const step of steps) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step))
      throw refuse(at, `there is no ${JSON.stringify(ref)} in this schema`)
    value = (value as Record<string, unknown>)[step]
  }
  return {
    schema: value as JsonSchema,
    where: `${root.where}${steps.map((step) => `.${step}`).join('')}`,
  }
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step)
  } catch {
    return step
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
