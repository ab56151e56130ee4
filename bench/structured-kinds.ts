/** What answers keep to where the cost of structured output is measured. */
import type { ResponseFormat } from '../src/chat/contract.ts'

const text = { type: 'string' }
const object = (properties: object) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
})

function listOf(items: object): ResponseFormat {
  const schema = { type: 'array', items, minItems: 3 }
  return { type: 'json-schema', name: 'list', schema, strict: true, param: 'schema' }
}

/** No two of a kind the same; `i` counts them. */
export const STRUCTURED_KINDS: Readonly<Record<string, (i: number) => ResponseFormat>> = {
  'free text': () => ({ type: 'text' }),
  'JSON schema': (i) =>
    listOf(
      object({
        [`name${i}`]: text,
        age: { type: 'integer', minimum: 0, maximum: 120 },
        kind: { enum: ['a', 'b'] },
        notes: text,
      }),
    ),
  'bounded strings': (i) => listOf({ type: 'string', maxLength: 100 + i }),
  'objects of bounded strings': (i) =>
    listOf(
      object({
        [`name${i}`]: { type: 'string', minLength: 1, maxLength: 40 },
        title: { type: 'string', maxLength: 80 },
        tags: { type: 'array', items: { type: 'string', maxLength: 20 }, maxItems: 5 },
        notes: { type: 'string', maxLength: 400 },
      }),
    ),
  'regular expression': (i) => ({
    type: 'regex',
    pattern: `([a-z]{2,${12 + i}}( |, |\\.\\n))*`,
    param: 'regex',
  }),
}
