/** How far two tensors are apart. */
import assert from 'node:assert/strict'

/** Largest absolute difference over the largest magnitude of `expected`. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.equal(actual.length, expected.length, 'tensors of different sizes')
  let difference = 0
  let magnitude = 0
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!))
    magnitude = Math.max(magnitude, Math.abs(expected[i]!))
    // A NaN would pass every comparison.
    assert.ok(Number.isFinite(actual[i]!), `element ${i} is ${actual[i]}`)
  }
  return magnitude === 0 ? difference : difference / magnitude
}

export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = '',
): void {
  const error = relativeError(actual, expected)
  assert.ok(
    error <= tolerance,
    `${what} differs by ${error.toExponential(2)}, allowed ${tolerance}`,
  )
}

/** Index of the largest value. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i
  return best
}
