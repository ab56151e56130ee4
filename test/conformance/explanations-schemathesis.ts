import type { Explanation } from './explanations.ts'

export const SCHEMATHESIS: readonly Explanation[] = []
