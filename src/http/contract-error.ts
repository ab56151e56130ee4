/** The first thing that ajv found wrong with a request → an error that names the field. */
import { AerieError } from '../errors.ts'
import { nearest } from '../nearest.ts'
import { describeSchema, describeValue, fieldPath, joinField, orList } from './describe.ts'
import type { Schema } from './openapi-document.ts'

/** An error of a generated validator, in ajv's terms. */
export interface Violation {
  readonly keyword: string
  /** JSON pointer to the value at fault. */
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
  readonly parentSchema: Schema
  readonly data: unknown
  /** Set on what is wrong with a field's name. */
  readonly propertyName?: string
}

/** Unknown fields that are looked at for a misspelling; a hostile body has a million. */
const MOST_STRANGERS = 16

/** One request has one error: `errors` come from a validator that stops at the first. `body` is what it checked. */
export function contractError(errors: readonly Violation[], body: unknown): AerieError {
  const error = pick(errors)
  const path = fieldPath(error.instancePath, body)
  const schema = error.parentSchema
  const got = describeValue(error.data)
  switch (error.keyword) {
    case 'x-closed':
      return unknown(path, String(error.params['additionalProperty']), fieldsOf(schema))
    case 'x-aerie':
      return unsupported(path, schema, got)
    case 'required': {
      const name = String(error.params['missingProperty'])
      const missing = describeSchema(schema.properties?.[name] ?? {})
      const misspelt = misspellingOf(name, error.data, fieldsOf(schema))
      const hint = misspelt && ` (${joinField(path, misspelt)} is unknown, did you mean ${name}?)`
      return invalid(joinField(path, name), `expected ${missing}, got nothing${hint ?? ''}`)
    }
    case 'discriminator': {
      const tag = String(error.params['tag'])
      const expected = describeSchema({ enum: schema.discriminator?.['x-values'] ?? [] })
      const value = describeValue(error.params['tagValue'])
      return invalid(joinField(path, tag), `expected ${expected}, got ${value}`)
    }
    case 'type': {
      const schemas = errors.filter((other) => isTypeErrorAt(other, error.instancePath))
      const expected = orList(schemas.map((other) => describeSchema(other.parentSchema)))
      return invalid(path, `expected ${expected}, got ${got}`)
    }
    case 'propertyNames': {
      const inner = errors.find((other) => other.propertyName !== undefined)
      const name = String(error.params['propertyName'])
      const expected = describeSchema({ type: 'string', ...inner?.parentSchema })
      return invalid(joinField(path, name), `expected a name that is ${expected}`)
    }
    // What the schema names beside those is refused as well: nobody shall try it next.
    case 'enum':
      return invalid(path, `expected ${describeSchema(accepted(schema))}, got ${got}`)
    case 'minItems':
    case 'maxItems':
    case 'maxProperties':
    case 'minLength':
    case 'maxLength':
      return invalid(path, `expected ${describeSchema(schema)}, got ${size(error.data)}`)
    default:
      return invalid(path, `expected ${describeSchema(schema)}, got ${got}`)
  }
}

/** A choice (`anyOf`) reports each branch; the one that got furthest is what the client meant. */
function pick(errors: readonly Violation[]): Violation {
  const ranked = errors
    .filter(({ keyword, propertyName }) => keyword !== 'anyOf' && propertyName === undefined)
    .sort((a, b) => rank(b) - rank(a))
  const first = ranked[0]
  if (!first) throw new Error(`no error among ${errors.length} of ajv's says what is wrong`)
  return first
}

function rank({ keyword, instancePath, parentSchema, data }: Violation): number {
  if (keyword === 'x-aerie') return Number.POSITIVE_INFINITY
  // A field that a branch wants to be missing tells the branches apart: whoever has it meant another one.
  if (keyword === 'type' && parentSchema.type === 'null') return Number.NEGATIVE_INFINITY
  // An object is none of a list of words because it is no word: as if its type were wrong.
  const isKind = keyword === 'type' || (keyword === 'enum' && typeof data === 'object')
  return 2 * instancePath.split('/').length + (isKind ? 0 : 1)
}

function isTypeErrorAt({ keyword, instancePath }: Violation, path: string): boolean {
  return keyword === 'type' && instancePath === path
}

function fieldsOf(schema: Schema): string[] {
  return Object.keys(schema.properties ?? {})
}

/** The field of `data` that is none of the schema's and was most likely meant to be `name`. */
function misspellingOf(name: string, data: unknown, known: readonly string[]): string | undefined {
  const strangers = Object.keys(data as object).filter((field) => !known.includes(field))
  return strangers.slice(0, MOST_STRANGERS).find((stranger) => nearest(stranger, known) === name)
}

function unknown(path: string, field: string, fields: readonly string[]): AerieError {
  const param = joinField(path, field)
  const near = nearest(field, fields)
  const hint = near === undefined ? '' : `, did you mean ${near}?`
  return new AerieError('unknown_parameter', `${param}: unknown parameter${hint}`, { param })
}

function unsupported(path: string, schema: Schema, got: string): AerieError {
  const { note = 'not supported', accepts = [] } = schema['x-aerie'] ?? {}
  const values = accepts.map((value) => JSON.stringify(value))
  const rest = values.length > 0 ? ` (accepted: ${values.join(', ')}; got ${got})` : ''
  return new AerieError('unsupported_parameter', `${path}: ${note}${rest}`, { param: path })
}

/** Without the values of it that are refused. */
function accepted(schema: Schema): Schema {
  const accepts = schema['x-aerie']?.accepts
  return accepts === undefined ? schema : { ...schema, enum: accepts }
}

function invalid(path: string, what: string): AerieError {
  if (path === '') return new AerieError('invalid_request', `the body: ${what}`)
  return new AerieError('invalid_request', `${path}: ${what}`, { param: path })
}

function size(value: unknown): string {
  if (Array.isArray(value)) return String(value.length)
  if (typeof value === 'string') return `${value.length} characters`
  return String(Object.keys(value as object).length)
}
