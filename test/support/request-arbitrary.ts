/** Requests generated from the schemas of openapi.yaml, valid ones and all sorts of damaged ones. */
import fc from 'fast-check'
import {
  type OpenApiDocument,
  resolveSchema,
  type Schema,
} from '../../src/http/openapi-document.ts'

/** Bodies that follow a schema, field by field; optional fields come and go. */
export function bodyOf(document: OpenApiDocument, given: Schema, depth = 0): fc.Arbitrary<unknown> {
  const schema = resolveSchema(document, given)
  const inner = (next: Schema) => bodyOf(document, next, depth + 1)
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  const branches = schema.oneOf ?? schema.anyOf
  if (branches) return fc.oneof(...branches.map(inner))
  const types = [schema.type ?? 'object'].flat()
  return fc.oneof(...types.map((type) => ofType(schema, type, inner)))
}

function ofType(
  schema: Schema,
  type: string,
  inner: (schema: Schema) => fc.Arbitrary<unknown>,
): fc.Arbitrary<unknown> {
  switch (type) {
    case 'null':
      return fc.constant(null)
    case 'boolean':
      return fc.boolean()
    case 'integer':
      return fc.integer({ min: schema.minimum ?? -1000, max: schema.maximum ?? 1000 })
    case 'number':
      return fc.double({ min: schema.minimum ?? 0.1, max: schema.maximum ?? 2, noNaN: true })
    case 'string':
      return fc.string({ minLength: schema.minLength ?? 0, maxLength: 20, unit: 'grapheme' })
    case 'array':
      return fc.array(inner(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength: 3 })
    default:
      return ofObject(schema, inner)
  }
}

function ofObject(
  schema: Schema,
  inner: (schema: Schema) => fc.Arbitrary<unknown>,
): fc.Arbitrary<unknown> {
  const fields = Object.fromEntries(
    Object.entries(schema.properties ?? {}).map(([name, field]) => [name, inner(field)]),
  )
  return fc.record(fields, { requiredKeys: [...(schema.required ?? [])] })
}

/** Values that no field expects, and some that break careless code. */
const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.json({ maxDepth: 2 }).map((text) => JSON.parse(text)),
  fc.constantFrom(
    null,
    '',
    -1,
    1e308,
    -0,
    2 ** 53,
    [],
    {},
    [[[[]]]],
    'x'.repeat(500),
    `data:image/png;base64,${'A'.repeat(500)}`,
    '\u0000',
    '\ud800',
    '\u202e\u2028😀',
    'constructor',
    { __proto__: null, toString: 1 },
  ),
  fc.integer({ min: 1, max: 200 }).map(nested),
)

/** A body with one to three places damaged: replaced, removed, added to, or repeated many times. */
export function damaged(bodies: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc
    .tuple(
      bodies,
      fc.array(fc.tuple(fc.nat(), fc.nat(), fc.string(), junk), { minLength: 1, maxLength: 3 }),
    )
    .map(([body, wounds]) =>
      wounds.reduce((now, [at, how, name, value]) => wound(now, at, how, name, value), body),
    )
}

function wound(body: unknown, at: number, how: number, name: string, value: unknown): unknown {
  const copy = structuredClone(body)
  const places = containers(copy)
  const place = places[at % Math.max(1, places.length)]
  if (!place) return value
  if (Array.isArray(place)) woundArray(place, how, value)
  else woundObject(place, how, name, value)
  return copy
}

function woundArray(array: unknown[], how: number, value: unknown): void {
  const index = how % Math.max(1, array.length)
  if (how % 3 === 0) array.splice(index, 1)
  else if (how % 3 === 1) array.push(...Array(30).fill(array[index]))
  else array[index] = value
}

function woundObject(
  object: Record<string, unknown>,
  how: number,
  name: string,
  value: unknown,
): void {
  const keys = Object.keys(object)
  const key = how % 4 === 0 ? name : (keys[how % Math.max(1, keys.length)] ?? name)
  if (how % 4 === 1) Reflect.deleteProperty(object, key)
  else
    set(
      object,
      key,
      how % 4 === 2 && Object.hasOwn(object, key) ? Array(30).fill(object[key]) : value,
    )
}

/** As JSON.parse does it: `__proto__` is a name like any other. */
function set(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  })
}

/** Every object and array inside a value, the value included. */
function containers(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return []
  return [value as Record<string, unknown>, ...Object.values(value).flatMap(containers)]
}

function nested(depth: number): unknown {
  let value: unknown = 'deep'
  for (let i = 0; i < depth; i++) value = i % 2 ? { a: value } : [value]
  return value
}
