/** One recorded case against our code. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { AerieError } from '../errors.ts'
import type { QuantiseOptions } from '../quantise/methods.ts'
import { ADAPTERS } from './adapters.ts'
import {
  type ComputedTensor,
  compareFacts,
  compareStages,
  hasFailed,
  isTable,
  type StageResult,
  withoutVerdict,
} from './compare.ts'
import { type ReferenceCase, readCase } from './reference-case.ts'

export interface CaseResult {
  /** The case, tables of its facts among its tensors. */
  readonly reference: ReferenceCase
  /** Name of the adapter: which models' cases are laid out like this one. */
  readonly family: string
  readonly backend: string
  /** Undefined: the checkpoint as it is. */
  readonly quantised?: QuantisedCase | undefined
  readonly stages: readonly StageResult[]
  /** Ours, by the names of the case. */
  readonly tensors: ReadonlyMap<string, ComputedTensor>
}

export interface QuantisedCase extends QuantiseOptions {
  /** Parts that an import would leave as they are, each with the reason. */
  readonly kept: ReadonlyMap<string, string>
}

/**
 * Throws `invalid_package` for a folder that is no case, or none of a layout that is known, or that has no checkpoint to be
 * quantised.
 */
export async function runCase(
  folder: string,
  backend: string,
  quantise?: QuantiseOptions,
): Promise<CaseResult> {
  if (!quantise) return await compareCase(folder, backend)
  const { checkpoint } = await readCase(folder)
  await access(join(checkpoint, 'config.json')).catch((cause: unknown) => {
    throw new AerieError('invalid_package', `${folder}: there is no checkpoint to be quantised`, {
      cause,
    })
  })
  const { quantisedCopy } = await import('../quantise/quantised-copy.ts')
  await using copy = await quantisedCopy(checkpoint, quantise)
  const result = await compareCase(folder, backend, copy.directory)
  const stages = withoutVerdict(result.stages)
  return { ...result, stages, quantised: { ...quantise, kept: copy.kept } }
}

async function compareCase(
  folder: string,
  backend: string,
  checkpoint?: string,
): Promise<CaseResult> {
  const recordedCase = await readCase(folder)
  const found = checkpoint === undefined ? recordedCase : { ...recordedCase, checkpoint }
  const adapter = ADAPTERS.find((candidate) => candidate.accepts(found))
  if (!adapter) {
    throw new AerieError(
      'invalid_package',
      `${folder}: no family's cases are laid out like this one`,
    )
  }
  const { tensors, leftOut, facts = [] } = await adapter.run(found, backend)
  const stages = [...compareStages(found, tensors, leftOut), ...compareFacts(facts)]
  const tables = facts.filter(isTable)
  return {
    reference: {
      ...found,
      tensors: new Map([...found.tensors, ...tables.map((t) => [t.name, t.theirTable] as const)]),
    },
    family: adapter.name,
    backend,
    stages,
    tensors: new Map([...tensors, ...tables.map((t) => [t.name, t.ourTable] as const)]),
  }
}

export interface CaseCounts {
  readonly agreeing: number
  readonly failed: number
  readonly leftOut: number
  /** The stage furthest from the reference, as a share of its largest magnitude. */
  readonly worst: { readonly stage: string; readonly relative: number } | undefined
}

export function countStages(stages: readonly StageResult[]): CaseCounts {
  const failed = stages.filter(hasFailed).length
  const leftOut = stages.filter(({ verdict }) => verdict === 'left out').length
  let worst: CaseCounts['worst']
  for (const { name, relative } of stages) {
    if (relative !== undefined && !(relative <= (worst?.relative ?? -1)))
      worst = { stage: name, relative }
  }
  return { agreeing: stages.length - failed - leftOut, failed, leftOut, worst }
}
