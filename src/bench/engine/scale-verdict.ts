/** Whether throughput falls off somewhere as sequences become more and contexts longer. */
import type { ScalePoint } from './scale.ts'

/** Of twice as many sequences, all together must be about as fast at least; rounds of one measure lie so far apart. */
const LEAST_RATE = 0.9
/** How far a step's time may be from what it would be if every position cost the same. */
const MOST_BEND = 1.5

/** One line of what was found, and one for every cliff. */
export function scaleVerdict(points: readonly ScalePoint[]): string[] {
  const rates = bySequences(points)
  const bends = byContext(points)
  const least = extreme(rates, (factor) => factor)
  const farthest = extreme(bends, (factor) => -Math.abs(Math.log(factor)))
  const found = [
    least &&
      `from fewer to more sequences the rate of all changes by × ${least.factor.toFixed(2)} at least (${least.where})`,
    farthest &&
      `a step’s time by context is at most × ${farthest.factor.toFixed(2)} of a straight line’s (${farthest.where})`,
  ].filter((line) => line !== undefined)
  const cliffs = [
    ...rates
      .filter(({ factor }) => factor < LEAST_RATE)
      .map(({ where, factor }) => `CLIFF: ${where}: the rate of all is × ${factor.toFixed(2)}`),
    ...bends
      .filter(({ factor }) => factor > MOST_BEND || factor < 1 / MOST_BEND)
      .map(
        ({ where, factor }) =>
          `CLIFF: ${where}: a step takes × ${factor.toFixed(2)} of what lies between the shortest and the longest context`,
      ),
  ]
  if (found.length === 0) return []
  const [first, ...more] = found.join('; ')
  return [
    `${first!.toUpperCase()}${more.join('')}.${cliffs.length === 0 ? ' No cliff.' : ''}`,
    ...cliffs,
  ]
}

interface Factor {
  readonly where: string
  readonly factor: number
}

/** Rates of neighbours, the one of more sequences over the other. */
function bySequences(points: readonly ScalePoint[]): Factor[] {
  return groups(points, 'context').flatMap(([context, row]) =>
    row.slice(1).map((point, i) => ({
      where: `${row[i]!.sequences} → ${point.sequences} sequences at ${context}`,
      factor: point.tokensPerSecond / row[i]!.tokensPerSecond,
    })),
  )
}

/**
 * Times of a step over those of a straight line through the shortest and the longest context: above one the first positions cost
 * more than the last, below one the last cost more than the first.
 */
function byContext(points: readonly ScalePoint[]): Factor[] {
  return groups(points, 'sequences').flatMap(([sequences, row]) => {
    if (row.length < 3) return []
    const [first, last] = [row[0]!, row.at(-1)!]
    const slope = (time(last) - time(first)) / (last.context - first.context)
    return row.slice(1, -1).map((point) => ({
      where: `${sequences} at ${point.context}`,
      factor: time(point) / (time(first) + slope * (point.context - first.context)),
    }))
  })
}

/** Seconds of a step. */
const time = ({ sequences, tokensPerSecond }: ScalePoint) => sequences / tokensPerSecond

/** By one of the two, each sorted by the other. */
function groups(
  points: readonly ScalePoint[],
  by: 'sequences' | 'context',
): [number, ScalePoint[]][] {
  const other = by === 'sequences' ? 'context' : 'sequences'
  const sorted = [...points].sort((a, b) => a[other] - b[other])
  return [...Map.groupBy(sorted, (point) => point[by])].sort(([a], [b]) => a - b)
}

/** The one of the least score; undefined of none. */
function extreme(
  factors: readonly Factor[],
  score: (factor: number) => number,
): Factor | undefined {
  return [...factors].sort((a, b) => score(a.factor) - score(b.factor))[0]
}
