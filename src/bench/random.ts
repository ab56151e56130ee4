/** Numbers that are the same each time. */

/** Uniform, above 0 and below 1. */
export function seededUniform(seed?: number): () => number {
  // Neighbouring seeds are scattered; 0 would stay 0.
  let state = seed === undefined ? 1 : Math.imul(seed, 0x9e3779b1) || 1
  return () => {
    // Marsaglia's xorshift.
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return ((state >>> 0) + 0.5) / 2 ** 32
  }
}
