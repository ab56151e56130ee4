/** What knows how a family's cases are laid out, and computes their tensors with our code. */
import type { ComputedTensor, Fact } from './compare.ts'
import type { ReferenceCase } from './reference-case.ts'

export interface ParityRun {
  /** By the names of the case. */
  readonly tensors: ReadonlyMap<string, ComputedTensor>
  /** Names that are inputs or bookkeeping, with the reason. */
  readonly leftOut: ReadonlyMap<string, string>
  /** What the case records elsewhere than in expected.safetensors: texts, ids, tables. */
  readonly facts?: readonly Fact[]
}

export interface ParityAdapter {
  readonly name: string
  accepts(reference: ReferenceCase): boolean
  run(reference: ReferenceCase, backend: string): Promise<ParityRun>
}
