/** Fields, values and schemas in words, for error messages: short, and never more of a request than 80 characters. */
import type { Schema } from './openapi-document.ts'

const MAX_ECHO = 80

/** A JSON pointer into `root` in the spelling of programmers: `/messages/2/content` → `messages[2].content`. */
export function fieldPath(pointer: string, root: unknown): string {
  let path = ''
  let value = root
  for (const raw of pointer.split('/').slice(1)) {
    const key = raw.replaceAll('~1', '/').replaceAll('~0', '~')
    path = Array.isArray(value) ? `${path}[${key}]` : joinField(path, key)
    value = (value as Record<string, unknown> | undefined)?.[key]
  }
  return path
}

/** `messages[2]` and `name` → `messages[2].name`; names that are no identifiers are quoted. */
export function joinField(path: string, key: string): string {
  if (!/^[A-Za-z_][\w-]{0,79}$/.test(key)) return `${path}[${quote(key)}]`
  return path === '' ? key : `${path}.${key}`
}

/** What came: a literal where it is short, its kind and size otherwise. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'string') return quote(value)
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  return String(value)
}

function quote(text: string): string {
  // A data: URI says nothing after its head, and a picture is nobody's business in a message.
  const limit = text.startsWith('data:') ? Math.min(MAX_ECHO, text.indexOf(',') + 1) : MAX_ECHO
  if (text.length <= limit) return JSON.stringify(text)
  return `${JSON.stringify(text.slice(0, limit).toWellFormed())}… (${text.length} characters)`
}

/**
 * What a schema expects: `one of "auto", "low"`, `a number between 0 and 2`, `a string or an array`. `resolve` looks a `$ref` up; the
 * running server has no document for that, and goes by the words that were put beside each.
 */
export function describeSchema(
  given: Schema,
  resolve: (schema: Schema) => Schema = (schema) => schema,
): string {
  if (given['x-expected'] !== undefined) return given['x-expected']
  const schema = resolve(given)
  const branches = schema.anyOf ?? schema.oneOf ?? schema.allOf
  if (branches) return orList(branches.map((branch) => describeSchema(branch, resolve)))
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  const values = schema.enum?.filter((value) => value !== null)
  if (values) return `one of ${values.map((value) => JSON.stringify(value)).join(', ')}`
  const types = [schema.type ?? 'object'].flat().filter((type) => type !== 'null')
  return orList(types.map((type) => TYPE_NAMES[type] ?? type)) + describeLimits(schema)
}

/** `a`, `a or b`, `a, b or c`, without repetitions; null goes unmentioned where there is anything else. */
export function orList(names: readonly string[]): string {
  const distinct = [...new Set(names)].filter((name) => name !== 'null' || names.length === 1)
  const last = distinct.at(-1) ?? 'null'
  return distinct.length < 2 ? last : `${distinct.slice(0, -1).join(', ')} or ${last}`
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'an integer',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
}

function describeLimits(schema: Schema): string {
  const { pattern } = schema
  return describeSize(schema) + (pattern === undefined ? '' : ` matching ${pattern}`)
}

function describeSize(schema: Schema): string {
  const { minimum, maximum, exclusiveMinimum, minLength, maxLength, minItems, maxItems } = schema
  if (minimum !== undefined && maximum !== undefined) return ` between ${minimum} and ${maximum}`
  if (exclusiveMinimum !== undefined && maximum !== undefined)
    return ` above ${exclusiveMinimum} and at most ${maximum}`
  if (minimum !== undefined) return ` of at least ${minimum}`
  if (minLength !== undefined && maxLength !== undefined)
    return ` of ${minLength} to ${maxLength} characters`
  if (maxLength !== undefined) return ` of at most ${maxLength} characters`
  if (minLength !== undefined) return ` of at least ${minLength} character`
  if (minItems !== undefined && maxItems !== undefined) return ` of ${minItems} to ${maxItems}`
  if (minItems !== undefined) return ` of at least ${minItems}`
  if (maxItems !== undefined) return ` of at most ${maxItems}`
  if (schema.maxProperties !== undefined) return ` of at most ${schema.maxProperties} fields`
  return ''
}
