/** Times → rates, ratios and shares: the numbers of a report. */
import { median } from '../median.ts'
import { type Measure, measureName } from './jobs.ts'
import type { MachineLimits } from './limits.ts'
import type { Measured, Times } from './measure.ts'
import type { StepWeights } from './shapes.ts'

/** Tokens a second of one measure. */
export interface Figure {
  readonly name: string
  readonly measure: Measure
  readonly tokens: number
  readonly seconds: readonly number[]
  readonly best: number
  readonly median: number
  /**
   * Of the machine's read bandwidth, what reading the weights once a step takes in the best round; caches of keys and values
   * are not counted. Null for a prefill, and where the machine's is not known.
   */
  readonly bandwidthShare: number | null
  /**
   * Of the machine's int8 operations, what the products of the layers take in the best round. Null for a decode, and where
   * the machine's are not known.
   */
  readonly operationShare: number | null
}

export interface ContestantReport {
  readonly name: string
  readonly isOurs: boolean
  /** Null when it could not be loaded. */
  readonly engine: string | null
  readonly settings: string | null
  readonly weightBytes: number | null
  readonly bitsPerWeight: number | null
  readonly failure: string | null
  /** Of measures that ran in every round. */
  readonly figures: readonly Figure[]
}

/** How many times as fast ours is. */
export interface Ratio {
  readonly ours: string
  readonly peer: string
  readonly measure: string
  readonly best: number
  readonly median: number
}

export function summarise(
  measured: readonly Measured[],
  { weights, rounds, limits }: SummaryOptions,
): { readonly contestants: readonly ContestantReport[]; readonly ratios: readonly Ratio[] } {
  const contestants = measured.map(({ contestant, loaded, times, failure }): ContestantReport => {
    const weightBytes = loaded?.weightBytes ?? null
    return {
      name: contestant.name,
      isOurs: contestant.isOurs,
      engine: loaded?.engine ?? null,
      settings: loaded?.settings ?? null,
      weightBytes,
      bitsPerWeight:
        weightBytes === null ? null : (weightBytes * 8) / (weights.layers + weights.head),
      failure: failure ?? null,
      figures: times
        .filter(({ seconds }) => seconds.length === rounds)
        .map((of) => figure(of, weightBytes, { weights, limits })),
    }
  })
  return { contestants, ratios: ratiosOf(contestants) }
}

export interface SummaryOptions {
  readonly weights: StepWeights
  readonly rounds: number
  readonly limits: MachineLimits | undefined
}

function figure(
  { measure, tokens, seconds }: Times,
  weightBytes: number | null,
  { weights, limits }: Omit<SummaryOptions, 'rounds'>,
): Figure {
  const best = tokens / Math.min(...seconds)
  const isShared = measure.kind === 'decode' && weightBytes !== null && limits !== undefined
  return {
    name: measureName(measure),
    measure,
    tokens,
    seconds,
    best,
    median: tokens / median(seconds),
    bandwidthShare: isShared
      ? ((best / measure.batch) * weightBytes) / limits.readBytesPerSecond
      : null,
    operationShare:
      measure.kind === 'prefill' && limits
        ? (2 * weights.layers * best) / limits.byteOperationsPerSecond
        : null,
  }
}

function ratiosOf(contestants: readonly ContestantReport[]): Ratio[] {
  return contestants
    .filter(({ isOurs }) => isOurs)
    .flatMap((ours) =>
      contestants
        .filter(({ isOurs }) => !isOurs)
        .flatMap((peer) =>
          ours.figures.flatMap((figure): Ratio[] => {
            const theirs = peer.figures.find(({ name }) => name === figure.name)
            if (!theirs) return []
            return [
              {
                ours: ours.name,
                peer: peer.name,
                measure: figure.name,
                best: figure.best / theirs.best,
                median: figure.median / theirs.median,
              },
            ]
          }),
        ),
    )
}
