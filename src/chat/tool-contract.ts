/** Tools that a model may call, and what its answers must look like: the shapes that requests and prompts share. */
import type { JsonSchema } from '../engine/constraint.ts'

/** A function that the client runs. */
export interface Tool {
  readonly name: string
  readonly description: string | undefined
  /** JSON Schema of its arguments, an object; undefined: it takes none. */
  readonly parameters: JsonSchema | undefined
  /** A call of it says nothing but what `parameters` allows, also where the model calls it by its own choice. */
  readonly strict: boolean
  /** The field that it stands in. */
  readonly param: string
  /** That of its schema, where it is not `parameters` in there. */
  readonly schemaParam?: string
}

/** `only`: of all the tools that are told to the model, those that it may call. */
export type ToolChoice =
  | { readonly mode: 'none' }
  | { readonly mode: 'auto' | 'required'; readonly only?: readonly string[] }

export interface ToolCall {
  /** As it was given to the client. */
  readonly id: string
  readonly name: string
  /** A JSON text; as the client sent it, which may be none. */
  readonly arguments: string
  /** The field that it stands in. */
  readonly param: string
  /** The field of its id; absent: `id` in `param`. */
  readonly idParam?: string
}

/** `param` is the field that asks for it. */
export type ResponseFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json-object'; readonly param: string }
  | {
      readonly type: 'json-schema'
      readonly name: string
      readonly schema: JsonSchema
      /** Where false, the schema is still kept to: there is no other way to promise anything. */
      readonly strict: boolean
      readonly param: string
    }
  | { readonly type: 'regex'; readonly pattern: string; readonly param: string }
  | { readonly type: 'choice'; readonly of: readonly string[]; readonly param: string }
  | { readonly type: 'grammar'; readonly text: string; readonly param: string }
