/** How far a stage of ours is from the published code's. */
import type { ReferenceCase, ReferenceTensor } from './reference-case.ts'
import { keptOf } from './subsample.ts'

/** Largest difference allowed in float32, as a share of the stage's largest magnitude. */
export const TOLERANCE = 1e-4

/** Characters of a difference that are shown. */
const SHOWN_BEFORE = 20
const SHOWN_AFTER = 40

export interface ComputedTensor {
  readonly shape: readonly number[]
  readonly values: ArrayLike<number>
}

/** Something that a case records beside its tensors, as JSON: a text, ids. */
interface PlainFact {
  readonly name: string
  readonly ours: unknown
  readonly theirs: unknown
}

/** The same as numbers, which are dumped beside the tensors. */
export interface TableFact {
  readonly name: string
  readonly ourTable: ComputedTensor
  readonly theirTable: ReferenceTensor
}

/** What a case records elsewhere than in expected.safetensors; ours must equal it. */
export type Fact = PlainFact | TableFact

export function isTable(fact: Fact): fact is TableFact {
  return 'theirTable' in fact
}

export type Verdict =
  | 'equal'
  | 'close'
  /** Of a quantised model: how far it is, and no verdict. */
  | 'measured'
  | 'different'
  | 'of another shape'
  | 'not compared'
  | 'left out'

export interface StageResult {
  readonly name: string
  readonly shape: readonly number[]
  readonly verdict: Verdict
  /** Largest difference; undefined for integers and for what was not compared. */
  readonly absolute?: number
  /** The same over the reference's largest magnitude. */
  readonly relative?: number
  /** The first difference of integers, or why a tensor is left out. */
  readonly note?: string
  /** Of a fact and no tensor of the case. */
  readonly isFact?: true
}

/**
 * Every tensor of the case in its order: against ours where there is one, otherwise left out for the given
 * reason, otherwise not compared, which is a failure.
 */
export function compareStages(
  { tensors }: ReferenceCase,
  computed: ReadonlyMap<string, ComputedTensor>,
  leftOut: ReadonlyMap<string, string>,
): StageResult[] {
  return [...tensors].map(([name, reference]): StageResult => {
    const { shape } = reference
    const ours = computed.get(name)
    if (ours) return { name, shape, ...compare(ours, reference) }
    const reason = leftOut.get(name)
    return reason === undefined
      ? { name, shape, verdict: 'not compared' }
      : { name, shape, verdict: 'left out', note: reason }
  })
}

/** Plain facts have no shape; a wrong one is shown from where it differs. */
export function compareFacts(facts: readonly Fact[]): StageResult[] {
  return facts.map((fact): StageResult => {
    const { name } = fact
    if (isTable(fact)) {
      const { shape } = fact.theirTable
      return { name, shape, isFact: true, ...compare(fact.ourTable, fact.theirTable) }
    }
    const { ours, theirs } = fact
    const [a, b] = [JSON.stringify(ours) ?? 'nothing', JSON.stringify(theirs) ?? 'nothing']
    if (a === b) return { name, shape: [], isFact: true, verdict: 'equal' }
    let at = 0
    while (a[at] === b[at]) at++
    const excerpt = (text: string) => text.slice(Math.max(0, at - SHOWN_BEFORE), at + SHOWN_AFTER)
    return {
      name,
      shape: [],
      isFact: true,
      verdict: 'different',
      note: `ours has ${excerpt(a)}, not ${excerpt(b)}`,
    }
  })
}

/** The same of a model that is not meant to agree: differences are only stated. */
export function withoutVerdict(stages: readonly StageResult[]): StageResult[] {
  return stages.map((stage) =>
    stage.verdict === 'close' || stage.verdict === 'different'
      ? { ...stage, verdict: 'measured' }
      : stage,
  )
}

export function hasFailed({ verdict }: StageResult): boolean {
  return verdict === 'different' || verdict === 'of another shape' || verdict === 'not compared'
}

function compare(
  whole: ComputedTensor,
  reference: ReferenceTensor,
): Omit<StageResult, 'name' | 'shape'> {
  if (whole.shape.join() !== reference.shape.join()) {
    return { verdict: 'of another shape', note: `ours is [${whole.shape.join(', ')}]` }
  }
  const ours = keptOf(whole, reference)
  if (reference.isInteger) {
    const at = reference.values.findIndex((value, i) => value !== ours.values[i])
    if (at < 0) return { verdict: 'equal' }
    const note = `element ${at} is ${ours.values[at]}, not ${reference.values[at]}`
    return { verdict: 'different', note }
  }
  let absolute = 0
  let magnitude = 0
  for (let i = 0; i < reference.values.length; i++) {
    const difference = Math.abs(ours.values[i]! - reference.values[i]!)
    // Not Math.max: a NaN of ours must not pass.
    if (!(difference <= absolute))
      absolute = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference
    magnitude = Math.max(magnitude, Math.abs(reference.values[i]!))
  }
  const relative = magnitude === 0 ? absolute : absolute / magnitude
  return { verdict: relative <= TOLERANCE ? 'close' : 'different', absolute, relative }
}
