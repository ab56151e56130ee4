/**
 * openapi.yaml → JavaScript that checks requests, by ajv. Compiled ahead of time because parsing the document
 * and compiling its schemas takes longer than the rest of the HTTP edge's start.
 */
import {
  _,
  Ajv2020,
  type CodeKeywordDefinition,
  type KeywordCxt,
  type Name,
  stringify,
} from 'ajv/dist/2020.js'
import standaloneCode from 'ajv/dist/standalone/index.js'
import { describeSchema } from './describe.ts'
import { type OpenApiDocument, resolveSchema, type Support } from './openapi-document.ts'

/** The schemas that a request can be checked against. */
export const REQUEST_SCHEMAS = [
  'ChatCompletionRequest',
  'CompletionRequest',
  'DetokenizeRequest',
  'MessagesRequest',
  'CountTokensRequest',
  'EmbeddingRequest',
  'TokenizeRequest',
  'FileUploadRequest',
  'FileListQuery',
  'BatchCreateRequest',
  'BatchListQuery',
  'TranscriptionRequest',
  'TranslationRequest',
  'ResponseCreateRequest',
  'ResponseInputTokensRequest',
  'ResponseCompactRequest',
  'ResponseRetrieveQuery',
  'ResponseItemsQuery',
] as const

const HEADER = `// Generated from openapi.yaml by \`npm run openapi\`; do not edit.
// biome-ignore-all lint: generated
// biome-ignore-all format: generated
`

/** The text of `request-validators.js`: one validate function of ajv a schema. */
export function renderValidators(document: OpenApiDocument): string {
  const ajv = new Ajv2020({
    discriminator: true,
    allowUnionTypes: true,
    // Errors carry the schema and the value, from which the message is made.
    verbose: true,
    messages: false,
    // `this.ignoreUnknown` decides what the keyword x-closed does.
    passContext: true,
    strict: true,
    logger: false,
    inlineRefs: false,
    // Lengths in UTF-16 units: a picture's URL has millions of characters, which nobody should count one by one.
    unicode: false,
    code: { source: true, esm: true },
  })
  for (const keyword of Object.keys(document)) ajv.addKeyword(keyword)
  ajv.addKeyword('x-expected')
  ajv.addKeyword(unsupported)
  ajv.addKeyword(closed)
  ajv.addSchema(bare(document, document) as Record<string, unknown>, 'openapi')
  const exports = REQUEST_SCHEMAS.map((name) => [name, `openapi#/components/schemas/${name}`])
  return `${HEADER}${standaloneCode.default(ajv, Object.fromEntries(exports))}\n`
}

/** Fails for values that the field's `x-aerie` does not accept, once everything else about them is right. */
const unsupported: CodeKeywordDefinition = {
  keyword: 'x-aerie',
  schemaType: 'object',
  post: true,
  error: { message: 'unsupported' },
  code(cxt: KeywordCxt) {
    const { status, accepts = status === 'refused' ? [] : undefined }: Support = cxt.schema
    if (!accepts) return
    const isAccepted = accepts.map((value) => equals(cxt.data, value))
    cxt.pass(isAccepted.reduce((any, one) => _`${any} || ${one}`, _`${cxt.data} === null`))
  },
}

/** Code that compares a value with a primitive or an array of primitives. */
function equals(data: Name, value: unknown) {
  if (!Array.isArray(value)) return _`${data} === ${value as string | number | boolean}`
  const items = value.map((item, i) => _`${data}[${i}] === ${item as string}`)
  return items.reduce(
    (all, one) => _`${all} && ${one}`,
    _`Array.isArray(${data}) && ${data}.length === ${value.length}`,
  )
}

/** Stands for `additionalProperties: false`: refuses unknown fields, or drops them when the context says so. */
const closed: CodeKeywordDefinition = {
  keyword: 'x-closed',
  type: 'object',
  schemaType: 'boolean',
  error: {
    message: 'unknown field',
    params: ({ params }) => _`{additionalProperty: ${params['key'] as Name}}`,
  },
  code(cxt: KeywordCxt) {
    const { gen, data } = cxt
    const fields = Object.keys(cxt.parentSchema['properties'])
    const known = gen.scopeValue('obj', {
      ref: new Set(fields),
      code: _`new Set(${stringify(fields)})`,
    })
    gen.forIn('key', data, (key) => {
      cxt.setParams({ key })
      gen.if(_`!${known}.has(${key})`, () => {
        gen.if(
          _`this.ignoreUnknown`,
          () => gen.code(_`delete ${data}[${key}]`),
          () => cxt.error(),
        )
      })
    })
  },
}

/** The document without prose and in ajv's dialect. */
function bare(document: OpenApiDocument, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => bare(document, item))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).flatMap(([key, inner]) => {
    if (PROSE.has(key) && typeof inner !== 'object') return []
    if (key === 'examples' || key === 'example') return []
    if (key === 'additionalProperties' && inner === false) return [['x-closed', true]]
    if (key === 'discriminator') return [[key, bareDiscriminator(document, inner)]]
    if (key === '$ref' && inner.startsWith(SCHEMAS))
      return [
        [key, inner],
        ['x-expected', expectedAt(document, inner)],
      ]
    return [[key, bare(document, inner)]]
  })
  return Object.fromEntries(entries)
}

const SCHEMAS = '#/components/schemas/'

/** What a `$ref` stands for, in words: the running server, which has to say so, cannot look it up. */
function expectedAt(document: OpenApiDocument, $ref: string): string {
  return describeSchema({ $ref }, (schema) => resolveSchema(document, schema))
}

const PROSE = new Set(['description', 'summary', 'title', 'deprecated'])

/** ajv wants no mapping, it finds the branches itself; messages want the values that are honoured. */
function bareDiscriminator(
  document: OpenApiDocument,
  { propertyName, mapping }: { propertyName: string; mapping: Record<string, string> },
) {
  const honoured = Object.entries(mapping).filter(([, $ref]) => {
    const tag = resolveSchema(document, { $ref }).properties?.[propertyName]
    return tag?.['x-aerie']?.status !== 'refused'
  })
  return { propertyName, 'x-values': honoured.map(([value]) => value) }
}
