/**
 * How often properties are tried. `PROPERTY_RUNS=10000` tries that many cases in place of the few that a quick run takes, and
 * `PROPERTY_SEED` the very ones of an earlier run; a failure prints both seed and path of the smallest case.
 */
import type { TestContext } from 'node:test'

/** `share`: of PROPERTY_RUNS, for cases that each take the time of many. */
export function propertyRuns(
  few: number,
  test: TestContext,
  share = 1,
): { readonly numRuns: number; readonly seed: number } {
  const { PROPERTY_RUNS, PROPERTY_SEED } = process.env
  const numRuns = PROPERTY_RUNS === undefined ? few : Math.ceil(Number(PROPERTY_RUNS) * share)
  const seed = PROPERTY_SEED === undefined ? Date.now() | 0 : Number(PROPERTY_SEED)
  if (!Number.isInteger(numRuns) || !Number.isInteger(seed))
    throw new Error('PROPERTY_RUNS and PROPERTY_SEED: expected whole numbers')
  test.diagnostic(`${numRuns} cases of seed ${seed}`)
  return { numRuns, seed }
}
