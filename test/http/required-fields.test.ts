/** Every field that a request must have, at every depth of openapi.yaml: without it the error names the field and what it has to be. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AerieError } from '../../src/errors.ts'
import { createContract } from '../../src/http/contract.ts'
import { joinField } from '../../src/http/describe.ts'
import { REQUEST_SCHEMAS } from '../../src/http/generate-validators.ts'
import {
  type OpenApiDocument,
  readOpenApi,
  resolveSchema,
  type Schema,
} from '../../src/http/openapi-document.ts'

const document: OpenApiDocument = await readOpenApi()
const contract = createContract({ unknownFields: 'refuse' })
const resolve = (schema: Schema) => resolveSchema(document, schema)

/** An object of a request: its schema, its path, and the whole body with any other value in its place. */
interface Place {
  readonly schema: Schema
  readonly path: string
  /** The field that tells apart the schemas of which this is one. */
  readonly tag: string | undefined
  /** Whether there is another kind of object that may stand here, told apart by nothing. */
  readonly isLoose: boolean
  body(value: unknown): unknown
}

/** Every object below a place, each schema once. */
function* placesBelow(place: Place, given: Schema, seen: Set<Schema>): Generator<Place> {
  const schema = resolve(given)
  if (seen.has(schema)) return
  seen.add(schema)
  const { path, body } = place
  const tag = schema.discriminator?.propertyName
  const isLoose = (schema.anyOf ?? []).filter((branch) => wordsFor(branch).includes('an object'))
  for (const branch of [schema.anyOf, schema.oneOf, schema.allOf].flatMap((some) => some ?? []))
    yield* placesBelow(
      { ...place, tag, isLoose: place.isLoose || isLoose.length > 1 },
      branch,
      seen,
    )
  if (schema.items) {
    const inner = { path: `${path}[0]`, body: (value: unknown) => body([value]) }
    yield* placesBelow({ ...place, ...PLAIN, ...inner }, schema.items, seen)
  }
  if (!schema.properties) return
  yield { ...place, schema }
  for (const [name, property] of Object.entries(schema.properties)) {
    const rest = least(schema) as object
    const inner = {
      path: joinField(path, name),
      body: (value: unknown) => body({ ...rest, [name]: value }),
    }
    yield* placesBelow({ ...place, ...PLAIN, ...inner }, property, seen)
  }
}

const PLAIN = { tag: undefined, isLoose: false }

/** The smallest value that a schema takes. */
function least(given: Schema): unknown {
  const schema = resolve(given)
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum[0]
  const branches = schema.anyOf ?? schema.oneOf ?? schema.allOf
  if (branches) return least(branches.find((branch) => !isRefused(branch)) ?? branches[0]!)
  switch ([schema.type ?? 'object'].flat()[0]) {
    case 'string':
      return schema.pattern ? SPELLINGS.find((one) => RegExp(schema.pattern!).test(one)) : 'x'
    case 'integer':
    case 'number':
      return schema.minimum ?? 1
    case 'boolean':
      return true
    case 'array':
      return Array.from({ length: schema.minItems ?? 0 }, () => least(schema.items ?? {}))
    default:
      return Object.fromEntries(
        (schema.required ?? []).map((name) => [name, least(schema.properties![name]!)]),
      )
  }
}

const SPELLINGS = ['x', '1', 'image/png', 'data:,', 'https://a.b/c', '/v1/responses']

function isRefused(given: Schema): boolean {
  const { properties = {} } = resolve(given)
  return Object.values(properties).some(
    (property) => property.const !== undefined && property['x-aerie']?.status === 'refused',
  )
}

const WORDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'an integer',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
}

/** What the message has to say of each kind that the schema takes; read from the document, not from the messages. */
function wordsFor(given: Schema): string[] {
  const schema = resolve(given)
  const branches = schema.anyOf ?? schema.oneOf ?? schema.allOf
  if (branches) return branches.flatMap(wordsFor)
  if (schema.const !== undefined) return [JSON.stringify(schema.const)]
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value))
  const { type = 'object', minLength, maxLength, minimum, maximum } = schema
  const bounds = [minLength, maxLength, minimum, maximum].filter((bound) => bound !== undefined)
  const kinds = [type].flat().filter((kind) => kind !== 'null')
  return [...kinds.map((kind) => WORDS[kind]!), ...bounds.map(String)]
}

for (const name of REQUEST_SCHEMAS) {
  test(`${name}: each required field is named with what it has to be`, () => {
    const top = { ...PLAIN, path: '', body: (value: unknown) => value, schema: {} }
    const $ref = `#/components/schemas/${name}`
    let checked = 0
    for (const { schema, path, tag, isLoose, body } of placesBelow(top, { $ref }, new Set())) {
      for (const missing of schema.required ?? []) {
        const value = { ...(least(schema) as Record<string, unknown>) }
        delete value[missing]
        const param = joinField(path, missing)
        const error = refusal(name, body(value))
        if (isLoose) {
          // It may be another kind of object now, and right, or wanting in another field of that.
          const isInside = error === undefined || error.param?.startsWith(`${path}.`)
          assert.ok(isInside, String(error))
          continue
        }
        assert.ok(error, `${name} is taken without ${param}`)
        assert.equal(error.param, param, `${error.message}; without ${param}`)
        if (error.code === 'unsupported_parameter') continue // the whole object is, and says so first
        assert.match(error.message, /: expected .*, got nothing$/s)
        checked++
        // A tag decides which of several schemas is meant: any of their tags is right.
        const words = missing === tag ? ['one of '] : wordsFor(schema.properties![missing]!)
        for (const word of words) assert.ok(error.message.includes(word), error.message)
        if (missing === tag) continue
        const strange = Object.values(WORDS).filter((word) => !words.includes(word))
        for (const word of strange) assert.ok(!error.message.includes(word), error.message)
      }
    }
    assert.ok(checked > 0 || !resolve({ $ref }).required, 'nothing was left out')
  })
}

function refusal(name: (typeof REQUEST_SCHEMAS)[number], body: unknown): AerieError | undefined {
  try {
    contract.check(name, body)
  } catch (error) {
    assert.ok(error instanceof AerieError)
    return error
  }
  return undefined
}
