/**
 * openapi.yaml as a tool of others is to read it. The document lists every field that OpenAI has and marks those that are refused
 * by name (`x-aerie`), which only we read: here they are gone, so that what the schemas allow is what is honoured. And what an
 * event stream carries is said in the words of OpenAPI 3.2.
 */
import {
  type OpenApiDocument,
  resolveSchema,
  type Support,
} from '../../src/http/openapi-document.ts'

type Json = unknown
type JsonObject = { readonly [key: string]: Json }

export function honouredDocument(document: OpenApiDocument): JsonObject {
  return { ...(convert(document, document) as JsonObject), openapi: '3.1.0' }
}

function convert(document: OpenApiDocument, value: Json): Json {
  if (Array.isArray(value)) {
    return value.filter((one) => !isRefused(document, one)).map((one) => convert(document, one))
  }
  if (!isObject(value)) return value
  const converted: Record<string, Json> = {}
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'properties' && isObject(inner)) {
      const kept = Object.entries(inner).filter(([, schema]) => !isRefused(document, schema))
      converted[key] = Object.fromEntries(
        kept.map(([name, schema]) => [name, convert(document, schema)]),
      )
    } else if (key === 'text/event-stream' && isObject(inner)) {
      converted[key] = { itemSchema: eventSchema(convert(document, inner['schema'])) }
    } else if (key === 'discriminator') {
      // Its mapping names branches that are refused; the branches alone say as much.
    } else converted[key] = convert(document, inner)
  }
  const accepts = supportOf(value)?.accepts
  // Null is "not given" of every optional field.
  return accepts
    ? { ...converted, enum: [...accepts, ...(isNullable(value) ? [null] : [])] }
    : converted
}

/** Nothing of it is accepted. */
function isRefused(document: OpenApiDocument, schema: Json): boolean {
  if (!isObject(schema)) return false
  const reference = schema['$ref']
  const resolved =
    typeof reference === 'string' && reference.startsWith('#/components/schemas/')
      ? (resolveSchema(document, schema) as JsonObject)
      : schema
  const support = supportOf(resolved)
  if (support?.status === 'refused' && support.accepts === undefined) return true
  // A branch whose tag is refused.
  const { properties } = resolved
  if (!isObject(properties)) return false
  return ['type', 'role'].some((tag) => {
    const named = isObject(properties[tag]) ? supportOf(properties[tag]) : undefined
    return named?.status === 'refused' && named.accepts === undefined
  })
}

function supportOf(schema: JsonObject): Support | undefined {
  return schema['x-aerie'] as Support | undefined
}

function isNullable({ type }: JsonObject): boolean {
  return Array.isArray(type) && type.includes('null')
}

/** An event, whose data is JSON but for the last. */
function eventSchema(schema: Json): JsonObject {
  const data = {
    anyOf: [
      { const: '[DONE]' },
      { type: 'string', contentMediaType: 'application/json', contentSchema: schema },
    ],
  }
  return { type: 'object', properties: { data } }
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
