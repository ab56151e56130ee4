/** The results of cases as the record that the server ships: the largest error of each stage. */
import { modelTypeOf } from '../../models/registry.ts'
import type { ParityCase, ParityRecord, ParityStage } from '../capabilities/parity.ts'
import { AerieError } from '../errors.ts'
import { FILE_LIMITS, readJson } from '../model-folder.ts'
import { hasFailed, type StageResult, TOLERANCE } from './compare.ts'
import type { CaseResult } from './run-case.ts'

/** What is compared beside the tensors: texts, ids and tables. */
const FACTS = 'facts'

/** Cases without a checkpoint, which are tables of rules, belong to no model and are left away. Throws for a failed stage. */
export async function parityRecord(results: readonly CaseResult[]): Promise<ParityRecord> {
  const cases: ParityCase[] = []
  for (const { reference, backend, stages } of results) {
    const failed = stages.find(hasFailed)
    if (failed) {
      throw new AerieError(
        'invalid_package',
        `${reference.name} on ${backend}: ${failed.name} is ${failed.verdict}; a record is made of cases that agree`,
      )
    }
    const config = await readJson(reference.checkpoint, 'config.json', FILE_LIMITS.config)
    const family = modelTypeOf(config)
    if (typeof family !== 'string') continue
    const stageOf = stageNames(reference.expected['tensors'])
    cases.push({ family, case: reference.name, backend, stages: summarise(stages, stageOf) })
  }
  return { dtype: 'float32', tolerance: TOLERANCE, cases }
}

/** Tensor → its stage, as expected.json describes them: by name, or in a list. */
function stageNames(described: unknown): ReadonlyMap<string, string> {
  const entries: [name: unknown, fields: unknown][] = Array.isArray(described)
    ? described.map((fields: unknown) => [(fields as { name?: unknown } | null)?.name, fields])
    : Object.entries((described ?? {}) as object)
  return new Map(
    entries.flatMap(([name, fields]) => {
      const stage = (fields as { stage?: unknown } | null)?.stage
      return typeof name === 'string' && typeof stage === 'string' ? [[name, stage] as const] : []
    }),
  )
}

/** A line a stage, in the order of the case; a tensor without a described stage is one of its own. */
function summarise(
  stages: readonly StageResult[],
  stageOf: ReadonlyMap<string, string>,
): ParityStage[] {
  const lines = new Map<string, ParityStage>()
  for (const { name, verdict, relative, isFact } of stages) {
    if (verdict === 'left out') continue
    const stage = stageOf.get(name) ?? (isFact ? FACTS : name)
    const { compared, relativeError } = lines.get(stage) ?? { compared: 0, relativeError: null }
    const worst = relative === undefined ? relativeError : Math.max(relative, relativeError ?? 0)
    lines.set(stage, { stage, compared: compared + 1, relativeError: worst && significant(worst) })
  }
  return [...lines.values()]
}

/** Two digits, as on the page. */
function significant(error: number): number {
  return Number(error.toExponential(1))
}
