/** The grid that a group of weights is rounded to: which scale and zero point lose least. Hot loops index with `!`. */
import { float16Table } from '../weights/dtype.ts'
import { halfBits } from './half.ts'

/** Values (number − zero) · scale, of whole numbers from 0 to 2^bits − 1. */
export interface Grid {
  /** As a half holds it. */
  scale: number
  zero: number
}

/** What the square of an error in a column of a row counts; undefined: in every one the same. */
export type ColumnWeights = Float64Array | undefined

/** Scales that are tried around the one that just holds the group's largest value, in steps of the lowest number. */
const TRIED_STEPS = steps(-0.9, 0.9, 0.15)
/** Shares of a group's range that are tried with a zero point. */
const TRIED_SHARES = steps(0.7, 1.05, 0.025)
/** Zero points that are tried, from the one that the range has. */
const TRIED_ZEROS = [0, -1, 1]

const half = float16Table()

/** Finds the grid of the weights `at … at + size`, with a zero point in the middle. Throws RangeError for a scale that no half can hold. */
export function middleGrid(
  floats: Float32Array | Float64Array,
  at: number,
  size: number,
  bits: 4 | 8,
  weights: ColumnWeights,
  column: number,
  grid: Grid,
): void {
  const middle = 1 << (bits - 1)
  let largest = 0
  for (let i = at; i < at + size; i++)
    if (Math.abs(floats[i]!) > Math.abs(largest)) largest = floats[i]!
  grid.zero = middle
  grid.scale = 0
  if (largest === 0) return
  // The lowest number is one further from the middle than the highest, and the largest value goes there.
  grid.scale = stored(-largest / middle)
  const group = { floats, at, size, weights, column, top: 2 * middle - 1 }
  let best = Number.POSITIVE_INFINITY
  for (const step of bits === 4 ? TRIED_STEPS : [0])
    best = tryGrid(group, -(middle + step) / largest, middle, best, grid)
}

/** The same with a zero point of its own, within the range of the group's values and zero. */
export function ownGrid(
  floats: Float32Array | Float64Array,
  at: number,
  size: number,
  bits: 4 | 8,
  weights: ColumnWeights,
  column: number,
  grid: Grid,
): void {
  const top = (1 << bits) - 1
  let [lowest, highest] = [0, 0]
  for (let i = at; i < at + size; i++) {
    lowest = Math.min(lowest, floats[i]!)
    highest = Math.max(highest, floats[i]!)
  }
  const range = highest - lowest
  grid.zero = 0
  grid.scale = 0
  if (range === 0) return
  const middle = Math.round((-lowest / range) * top)
  grid.scale = stored(range / top)
  grid.zero = middle
  const group = { floats, at, size, weights, column, top }
  let best = Number.POSITIVE_INFINITY
  for (const offset of TRIED_ZEROS) {
    const zero = middle + offset
    if (zero < 0 || zero > top) continue
    for (const share of TRIED_SHARES) best = tryGrid(group, top / (range * share), zero, best, grid)
  }
}

interface Group {
  readonly floats: Float32Array | Float64Array
  readonly at: number
  readonly size: number
  readonly weights: ColumnWeights
  /** Of its first weight. */
  readonly column: number
  /** Largest number. */
  readonly top: number
}

/**
 * Rounds a group's values times `inverse`; where that loses less than `best` the grid becomes the one of least squares for these
 * numbers. Returns the least loss, of which the sum of the values' own squares is missing, in all alike.
 */
function tryGrid(
  { floats, at, size, weights, column, top }: Group,
  inverse: number,
  zero: number,
  best: number,
  grid: Grid,
): number {
  let products = 0
  let squares = 0
  for (let i = 0; i < size; i++) {
    const value = floats[at + i]!
    // Rounded by cutting off, which is several times as fast as Math.round; numbers are not negative here.
    const shifted = value * inverse + zero + 0.5
    const number = (shifted < 0 ? 0 : shifted > top ? top : shifted | 0) - zero
    const weighted = weights === undefined ? number : weights[column + i]! * number
    products += weighted * value
    squares += weighted * number
  }
  if (squares === 0) return best
  const scale = stored(products / squares)
  const loss = scale * (scale * squares - 2 * products)
  if (loss >= best) return best
  grid.scale = scale
  grid.zero = zero
  return loss
}

function stored(scale: number): number {
  const value = half[halfBits(scale)]!
  if (!Number.isFinite(value))
    throw new RangeError(`a scale of ${scale} is too large for half precision`)
  return value
}

function steps(from: number, to: number, by: number): number[] {
  return Array.from({ length: Math.round((to - from) / by) + 1 }, (_, i) => from + i * by)
}
