/** Why a test of others fails here, where it is not a defect. */
import { OPENAI_NODE } from './explanations-openai-node.ts'
import { SCHEMATHESIS } from './explanations-schemathesis.ts'
import type { CaseResult } from './suite.ts'

export interface Explanation {
  /** Of `group: name` of the test. */
  readonly test?: RegExp
  /** Of what it printed. */
  readonly message?: RegExp
  /** For people who read docs/conformance.md. */
  readonly why: string
}

const OPEN_RESPONSES: readonly Explanation[] = [
  {
    test: /^tool-calling: /,
    message: /^Expected output item of type "function_call" but none found$/,
    why: "The model's own choice: with `tool_choice` left at `auto` the starter answers in words. Calls that are required are made, and held to their schema, by every model.",
  },
]

const EXPLANATIONS: Readonly<Record<string, readonly Explanation[]>> = {
  'openai-node': OPENAI_NODE,
  'open-responses': OPEN_RESPONSES,
  schemathesis: SCHEMATHESIS,
}

/** The first reason that fits a failure; undefined where there is none, which fails the command. */
export function explain(suite: string, { outcome, group, name, message = '' }: CaseResult) {
  if (outcome !== 'failed') return undefined
  return (EXPLANATIONS[suite] ?? []).find(
    (one) =>
      (one.message === undefined || one.message.test(message)) &&
      (one.test === undefined || one.test.test(`${group}: ${name}`)),
  )?.why
}
