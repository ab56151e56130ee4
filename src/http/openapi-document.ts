/** openapi.yaml as an object. For generators and tests; the running server uses what was generated from it. */
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'

/** A JSON Schema as far as openapi.yaml uses the language. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly propertyNames?: Schema
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly discriminator?: {
    readonly propertyName: string
    /** Added for the validators: the honoured values. */
    readonly 'x-values'?: readonly string[]
  }
  readonly deprecated?: boolean
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly maxProperties?: number
  readonly pattern?: string
  readonly 'x-aerie'?: Support
  /** Added for the validators, beside a `$ref`: what it stands for, in words. */
  readonly 'x-expected'?: string
}

/** What this server does with a field; see `info.description` of openapi.yaml. */
export interface Support {
  readonly status: 'honoured' | 'accepted-values' | 'refused'
  /** Values that pass; without it a refused field takes only null. */
  readonly accepts?: readonly unknown[]
  readonly note?: string
  /** Whose field it is where it is not OpenAI's. */
  readonly origin?: string
}

export interface ResponseObject {
  readonly $ref?: string
  readonly headers?: Readonly<
    Record<
      string,
      { readonly $ref?: string; readonly schema?: Schema; readonly required?: boolean }
    >
  >
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>
}

export interface Operation {
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>
  }
  readonly responses: Readonly<Record<string, ResponseObject>>
}

export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>
    readonly responses: Readonly<Record<string, ResponseObject>>
    readonly headers: Readonly<
      Record<string, { readonly schema: Schema; readonly required?: boolean }>
    >
  }
}

export const OPENAPI_FILE = new URL('../../openapi.yaml', import.meta.url)

/** Reads and parses openapi.yaml; each call gives a fresh object. */
export async function readOpenApi(): Promise<OpenApiDocument> {
  return parse(await readFile(OPENAPI_FILE, 'utf8'))
}

/** The schema that a `$ref` of the form `#/components/schemas/Name` names, or the schema itself. */
export function resolveSchema(document: OpenApiDocument, schema: Schema): Schema {
  if (schema.$ref === undefined) return schema
  const target = document.components.schemas[schema.$ref.replace('#/components/schemas/', '')]
  if (!target) throw new Error(`openapi.yaml: ${schema.$ref} does not exist`)
  return target
}
