/** Rounding as the published code's Python does it. */

/** `round` of Python and NumPy: halves go to the even neighbour. */
export function roundHalfToEven(value: number): number {
  const below = Math.floor(value)
  if (value - below !== 0.5) return Math.round(value)
  return below % 2 === 0 ? below : below + 1
}
