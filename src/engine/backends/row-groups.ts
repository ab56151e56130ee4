/** Splits the rows of a step into runs of like rows, so that little is padded. */
import type { PreparedRow } from './cached-decoder.ts'

/** Rows of one run: up to `steps` new positions each, over a past of up to `capacity`. */
export interface RowGroup {
  readonly rows: readonly PreparedRow[]
  readonly steps: number
  readonly capacity: number
}

/** The least past that a run is fed; graphs do not take an empty one. */
const EMPTY_CAPACITY = 16
const SMALLEST_CAPACITY = 256
/** A run may have this many times the positions that its rows really append. */
const MOST_PADDING = 1.25

/**
 * Room for a past of `length` positions: a power of two. It depends on the row alone, so that a
 * row's attention is computed in the same shapes whatever else is in the step.
 */
export function pastCapacity(length: number): number {
  if (length === 0) return EMPTY_CAPACITY
  return Math.max(SMALLEST_CAPACITY, 2 ** Math.ceil(Math.log2(length)))
}

/** Rows of one capacity are one group if their lengths are alike; decode rows always are. */
export function groupRows(rows: readonly PreparedRow[]): RowGroup[] {
  const byCapacity = Map.groupBy(rows, (row) => pastCapacity(row.cache.length))
  const groups: RowGroup[] = []
  for (const [capacity, members] of byCapacity) {
    const sorted = members.toSorted((a, b) => a.positions - b.positions)
    for (const group of splitByLength(sorted)) {
      groups.push({ rows: group, steps: group.at(-1)!.positions, capacity })
    }
  }
  return groups
}

/** Cuts rows in ascending order of length into runs whose padding is bounded. */
function splitByLength(sorted: readonly PreparedRow[]): PreparedRow[][] {
  const groups: PreparedRow[][] = []
  let current: PreparedRow[] = []
  let positions = 0
  for (const row of sorted) {
    const padded = (current.length + 1) * row.positions
    if (current.length > 0 && padded > MOST_PADDING * (positions + row.positions)) {
      groups.push(current)
      current = []
      positions = 0
    }
    current.push(row)
    positions += row.positions
  }
  if (current.length > 0) groups.push(current)
  return groups
}
