/** The first thing that ajv found wrong with a request → an error that names the field. */
import { AerieError } from '../errors.ts'
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

/** One request has one error: `errors` come from a validator that stops at the first. `body` is what it checked. */
export function contractError(errors: readonly Violation[], body: unknown): AerieError {
  const error = pick(errors)
  const path = fieldPath(error.instancePath, body)
  const schema = error.parentSchema
  const got = describeValue(error.data)
  switch (error.keyword) {
    case 'x-closed': {
      const param = joinField(path, String(error.params['additionalProperty']))
      return new AerieError('unknown_parameter', `${param}: unknown parameter`, { param })
    }
    case 'x-aerie':
      return unsupported(path, schema, got)
    case 'required': {
      const name = String(error.params['missingProperty'])
      const missing = schema.properties?.[name] ?? {}
      return invalid(joinField(path, name), `expected ${describeSchema(missing)}, got nothing`)
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

function rank({ keyword, instancePath }: Violation): number {
  if (keyword === 'x-aerie') return Number.POSITIVE_INFINITY
  return 2 * instancePath.split('/').length + (keyword === 'type' ? 0 : 1)
}

function isTypeErrorAt({ keyword, instancePath }: Violation, path: string): boolean {
  return keyword === 'type' && instancePath === path
}

function unsupported(path: string, schema: Schema, got: string): AerieError {
  const { note = 'not supported', accepts = [] } = schema['x-aerie'] ?? {}
  const accepted = accepts.map((value) => JSON.stringify(value))
  const rest = accepted.length > 0 ? ` (accepted: ${accepted.join(', ')}; got ${got})` : ''
  return new AerieError('unsupported_parameter', `${path}: ${note}${rest}`, { param: path })
}

function invalid(path: string, what: string): AerieError {
  if (path === '') return new AerieError('invalid_request', `the body: ${what}`)
  return new AerieError('invalid_request', `${path}: ${what}`, { param: path })
}

function size(value: unknown): string {
  if (Array.isArray(value)) return String(value.length)
  if (typeof value === 'string') return String(value.length)
  return String(Object.keys(value as object).length)
}
