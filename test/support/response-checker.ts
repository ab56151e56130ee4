/** Checks responses against openapi.yaml: status, headers and body of every operation, and the envelope of every failure. */
import assert from 'node:assert/strict'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { isAnthropic } from '../../src/http/anthropic/errors.ts'
import {
  type OpenApiDocument,
  type ResponseObject,
  readOpenApi,
} from '../../src/http/openapi-document.ts'

export interface SeenResponse {
  readonly method: string
  /** Path, with or without a query. */
  readonly url: string
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

export interface ResponseChecker {
  /** Throws an AssertionError that says which part of the response the document does not allow. */
  check(response: SeenResponse): void
  /** The same of a value that is to be one of a schema. */
  checkSchema(name: string, value: unknown): void
}

/** One a process; compiling takes a moment. */
export async function createResponseChecker(): Promise<ResponseChecker> {
  const document = await readOpenApi()
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false })
  ajv.addSchema(withoutMappings(document) as Record<string, unknown>, 'openapi')
  const compiled = new Map<unknown, ValidateFunction>()
  const conforms = (schema: unknown, value: unknown, what: string) => {
    const validate = compiled.get(schema) ?? ajv.compile(absolute(schema) as object)
    compiled.set(schema, validate)
    if (validate(value)) return
    assert.fail(`${what}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value)}`)
  }

  return {
    checkSchema(name, value) {
      conforms({ $ref: `#/components/schemas/${name}` }, value, name)
    },
    check({ method, url, status, headers, body }) {
      const what = `${method} ${url} ${status}`
      const path = matchPath(document, url)
      const operation = path && document.paths[path]?.[method.toLowerCase()]
      if (!operation) return checkUnknownRoute(what, status, body, isAnthropic(url))
      const named = operation.responses[status]
      assert.ok(named, `${what}: openapi.yaml lists no such status for this operation`)
      const response = resolveResponse(document, named)
      for (const [name, header] of Object.entries(response.headers ?? {})) {
        const key = header.$ref?.split('/').at(-1) ?? ''
        const { schema, required } = document.components.headers[key]!
        const value = headers[name]
        assert.ok(!required || value !== undefined, `${what}: header ${name} is missing`)
        if (value !== undefined) conforms(schema, value, `${what}: header ${name}`)
      }
      if (!response.content) return assert.equal(body, '', `${what}: no body is listed`)
      const type = String(headers['content-type']).split(';')[0]!
      const content = response.content[type] ?? response.content['*/*']
      assert.ok(content, `${what}: openapi.yaml lists no content of type ${type}`)
      if (type === 'application/json' && content !== response.content['*/*'])
        conforms(content.schema, JSON.parse(body), what)
      if (type === 'text/event-stream') {
        for (const data of eventData(body)) {
          if (data !== '[DONE]') conforms(content.schema, JSON.parse(data), what)
        }
      }
    },
  }

  function checkUnknownRoute(what: string, status: number, body: string, anthropic: boolean): void {
    assert.ok(status >= 400, `${what}: not in openapi.yaml`)
    const name = anthropic ? 'AnthropicError' : 'Error'
    conforms({ $ref: `#/components/schemas/${name}` }, JSON.parse(body), what)
  }
}

/** The data of each event of a stream. Comments are dropped; anything else that is no event is an error. */
export function eventData(stream: string): string[] {
  const frames = stream.split('\n\n')
  assert.equal(frames.pop(), '', 'a stream ends with an empty line')
  return frames.flatMap((frame) => {
    if (frame.startsWith(':')) return []
    const [, name, data] = /^(?:event: (.*)\n)?data: (.*)$/.exec(frame) ?? []
    assert.ok(data !== undefined, 'an event is one data line, behind its name where it has one')
    if (name !== undefined) assert.equal(JSON.parse(data).type, name, 'the name of an event')
    return [data]
  })
}

function matchPath(document: OpenApiDocument, url: string): string | undefined {
  const path = url.replace(/\?.*/, '')
  if (path in document.paths) return path
  if (/^\/v1\/files\/[^/]+$/.test(path)) return '/v1/files/{file_id}'
  if (/^\/v1\/files\/[^/]+\/content$/.test(path)) return '/v1/files/{file_id}/content'
  if (/^\/v1\/batches\/[^/]+$/.test(path)) return '/v1/batches/{batch_id}'
  if (/^\/v1\/batches\/[^/]+\/cancel$/.test(path)) return '/v1/batches/{batch_id}/cancel'
  const [, action] = /^\/v1\/models\/.+\/(load|unload)$/.exec(path) ?? []
  if (action) return `/v1/models/{model}/${action}`
  if (/^\/v1\/responses\/[^/]+$/.test(path)) return '/v1/responses/{response_id}'
  if (/^\/v1\/responses\/[^/]+\/cancel$/.test(path)) return '/v1/responses/{response_id}/cancel'
  if (/^\/v1\/responses\/[^/]+\/input_items$/.test(path))
    return '/v1/responses/{response_id}/input_items'
  return path.startsWith('/v1/models/') ? '/v1/models/{model}' : undefined
}

function resolveResponse(document: OpenApiDocument, response: ResponseObject): ResponseObject {
  return response.$ref ? document.components.responses[response.$ref.split('/').at(-1)!]! : response
}

/** ajv finds discriminated branches itself and refuses a mapping. */
function withoutMappings(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMappings)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([key]) => key !== 'discriminator')
  return Object.fromEntries(entries.map(([key, inner]) => [key, withoutMappings(inner)]))
}

/** References as seen from outside of the document. */
function absolute(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(absolute)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === '$ref' ? `openapi${inner}` : absolute(inner),
    ]),
  )
}
