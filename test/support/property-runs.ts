/**
 * How often properties are tried. `PROPERTY_RUNS=10000` tries that many cases in place of the few that a quick run takes, and
 * `PROPERTY_SEED` the very ones of an earlier run; a failure prints both seed and path of the smallest case.
 */
import type { TestContext } from 'node:test'
import type { Parameters } from 'fast-check'

export function propertyRuns(few: number, test: TestContext): Pick<Parameters, 'numRuns' | 'seed'> {
  const { PROPERTY_RUNS, PROPERTY_SEED } = process.env
  const numRuns = PROPERTY_RUNS === undefined ? few : Number(PROPERTY_RUNS)
  const seed = PROPERTY_SEED === undefined ? Date.now() | 0 : Number(PROPERTY_SEED)
  if (!Number.isInteger(numRuns) || !Number.isInteger(seed))
    throw new Error('PROPERTY_RUNS and PROPERTY_SEED: expected whole numbers')
  test.diagnostic(`${numRuns} cases of seed ${seed}`)
  return { numRuns, seed }
}
