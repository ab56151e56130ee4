/** Quickselect over numbers: where to cut a set so that its largest members reach a count or a sum, in linear time. */

/** Keep everything above `threshold` and the first `ties` of those equal to it. */
export interface Cut {
  readonly threshold: number
  readonly ties: number
}

/** The cut that keeps the `count` largest of `values[0, n)`; n ≥ count ≥ 1. Permutes `values`. */
export function cutByCount(values: Float64Array, n: number, count: number): Cut {
  return cut(values, n, count, false)
}

/**
 * The cut that keeps the fewest largest of `values[0, n)`, at least one, whose sum is at least `sum`; all of them where
 * rounding leaves even the whole short of it. Values are not negative. Permutes `values`.
 */
export function cutBySum(values: Float64Array, n: number, sum: number): Cut {
  return cut(values, n, sum, true)
}

/** A value weighs what it is when summing, and 1 when counting. */
function cut(values: Float64Array, n: number, target: number, summing: boolean): Cut {
  let low = 0
  let high = n
  let above = 0 // weight of values already known to be kept
  let floor = Number.NEGATIVE_INFINITY // every value of [low, high) is above it
  let random = 0x2545f491
  while (low < high) {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0
    const pivot = values[low + (random % (high - low))]!
    // [low, greater) above the pivot, [greater, i) equal to it, [less, high) below it
    let greater = low
    let less = high
    let greaterWeight = 0
    for (let i = low; i < less; ) {
      const value = values[i]!
      if (value > pivot) {
        values[i++] = values[greater]!
        values[greater++] = value
        greaterWeight += summing ? value : 1
      } else if (value < pivot) {
        values[i] = values[--less]!
        values[less] = value
      } else {
        i++
      }
    }
    const equal = less - greater
    const each = summing ? pivot : 1
    const missing = target - above - greaterWeight
    if (missing <= 0 && greater > low) {
      high = greater
      floor = pivot
    } else if (missing <= equal * each) {
      const ties = each > 0 ? Math.ceil(missing / each) : 1
      return { threshold: pivot, ties: Math.min(Math.max(ties, 1), equal) }
    } else {
      above += greaterWeight + equal * each
      low = less
    }
  }
  return { threshold: floor, ties: 0 }
}
