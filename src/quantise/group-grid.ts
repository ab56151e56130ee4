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
  let best = Number.POSITIVE_INFINITY
  for (const step of bits === 4 ? TRIED_STEPS : [0]) {
    const inverse = -(middle + step) / largest
    let [products, squares] = [0, 0]
    for (let i = 0; i < size; i++) {
      const value = floats[at + i]!
      const number = Math.max(-middle, Math.min(middle - 1, Math.round(value * inverse)))
      const weight = weights ? weights[column + i]! : 1
      products += weight * number * value
      squares += weight * number * number
    }
    if (squares === 0) continue
    // With these numbers that is the scale of least squares; the values' own squares are missing in every error alike.
    const scale = stored(products / squares)
    const error = scale * (scale * squares - 2 * products)
    if (error >= best) continue
    best = error
    grid.scale = scale
  }
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
  let best = Number.POSITIVE_INFINITY
  for (const offset of TRIED_ZEROS) {
    const zero = middle + offset
    if (zero < 0 || zero > top) continue
    for (const share of TRIED_SHARES) {
      const inverse = top / (range * share)
      let [products, squares] = [0, 0]
      for (let i = 0; i < size; i++) {
        const value = floats[at + i]!
        const number = Math.max(-zero, Math.min(top - zero, Math.round(value * inverse)))
        const weight = weights ? weights[column + i]! : 1
        products += weight * number * value
        squares += weight * number * number
      }
      if (squares === 0) continue
      const scale = stored(products / squares)
      const error = scale * (scale * squares - 2 * products)
      if (error >= best) continue
      best = error
      grid.scale = scale
      grid.zero = zero
    }
  }
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
