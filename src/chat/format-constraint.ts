/** What a request asks the text of its answers to look like → what the engine keeps them to. */
import type { Constraint } from '../engine/constraint.ts'
import type { ResponseFormat } from './tool-contract.ts'

/** Undefined for any text. */
export function formatConstraint(format: ResponseFormat): Constraint | undefined {
  switch (format.type) {
    case 'text':
      return undefined
    case 'json-object':
      return { kind: 'json', schema: { type: 'object' }, param: format.param }
    case 'json-schema':
      return { kind: 'json', schema: format.schema, param: format.param }
    case 'regex':
      return { kind: 'regex', pattern: format.pattern, param: format.param }
    case 'grammar':
      return { kind: 'grammar', text: format.text, param: format.param }
    case 'choice':
      return { kind: 'choice', of: format.of.map((text) => ({ kind: 'literal', text })) }
  }
}
