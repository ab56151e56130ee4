/** Numbers that are the same each time. */

/** Uniform, above 0 and below 1. */
export function seededUniform(): () => number {
  let state = 1
  return () => {
    // Marsaglia's xorshift.
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return ((state >>> 0) + 0.5) / 2 ** 32
  }
}
