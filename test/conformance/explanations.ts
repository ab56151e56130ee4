/** Why a test of others fails here, where it is not a defect. */
import type { CaseResult } from './suite.ts'

interface Explanation {
  readonly suite: string
  /** Of what the test printed, or of its name. */
  readonly message?: RegExp
  readonly test?: RegExp
  readonly why: string
}

/** The first that fits. Reasons are for people who read docs/conformance.md. */
const EXPLANATIONS: readonly Explanation[] = []

export function explain(
  suite: string,
  { outcome, group, name, message = '' }: CaseResult,
): string | undefined {
  if (outcome !== 'failed') return undefined
  return EXPLANATIONS.find(
    (one) =>
      one.suite === suite &&
      (one.message === undefined || one.message.test(message)) &&
      (one.test === undefined || one.test.test(`${group}: ${name}`)),
  )?.why
}
