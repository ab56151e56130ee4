/** `response_format` and `structured_outputs` → what the text of an answer must look like. */
import type { ResponseFormat } from '../chat/contract.ts'
import { AerieError } from '../errors.ts'
import type { WireRequests } from './contract.ts'

type Wire = Pick<
  WireRequests['ChatCompletionRequest'],
  'response_format' | 'structured_outputs' | 'stop' | 'ignore_eos'
>

/** Throws `invalid_request` for fields that contradict each other. */
export function toResponseFormat(wire: Wire): ResponseFormat {
  const format = ofResponseFormat(wire)
  const structured = ofStructuredOutputs(wire)
  if (structured && format.type !== 'text')
    throw contradiction('structured_outputs', 'expected it or response_format, got both')
  const asked = structured ?? format
  // An answer that a text in it cuts off is not what was asked for.
  if (asked.type !== 'text' && [wire.stop ?? []].flat().length > 0)
    throw contradiction('stop', `expected none, as ${asked.param} says where the answer ends`)
  if (asked.type !== 'text' && wire.ignore_eos)
    throw contradiction(
      'ignore_eos',
      `expected false, as ${asked.param} says where the answer ends`,
    )
  return asked
}

function ofResponseFormat({ response_format: wire }: Wire): ResponseFormat {
  if (!wire || wire.type === 'text') return { type: 'text' }
  if (wire.type === 'json_object') {
    if (wire.json_schema)
      throw contradiction('response_format.json_schema', 'expected the type json_schema with it')
    return { type: 'json-object', param: 'response_format' }
  }
  const { json_schema: described } = wire
  if (!described) throw contradiction('response_format.json_schema', 'expected a schema, got none')
  const { name, schema, strict } = described
  const param = 'response_format.json_schema.schema'
  return { type: 'json-schema', name, schema, strict: strict ?? false, param }
}

function ofStructuredOutputs({ structured_outputs: wire }: Wire): ResponseFormat | undefined {
  if (!wire) return undefined
  const { json, regex, choice, grammar } = wire
  const given = [json, regex, choice, grammar].filter((value) => (value ?? undefined) !== undefined)
  if (given.length !== 1) {
    const what = `expected exactly one of json, regex, choice and grammar, got ${given.length}`
    throw contradiction('structured_outputs', what)
  }
  const at = (name: string) => ({ param: `structured_outputs.${name}` })
  if (json)
    return { type: 'json-schema', name: 'answer', schema: json, strict: true, ...at('json') }
  if (typeof regex === 'string') return { type: 'regex', pattern: regex, ...at('regex') }
  if (choice) return { type: 'choice', of: choice, ...at('choice') }
  return { type: 'grammar', text: grammar!, ...at('grammar') }
}

function contradiction(param: string, what: string): AerieError {
  return new AerieError('invalid_request', `${param}: ${what}`, { param })
}
