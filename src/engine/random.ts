/**
 * Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011).
 * A draw is a pure function of a key and a position, so it does not depend on what else is in the batch,
 * on preemption, or on how often the generator was asked before.
 */

export type Words4 = readonly [number, number, number, number]

/** Ten Philox rounds over 32-bit words; exported for its known-answer test. */
export function philox4x32(counter: Words4, key: readonly [number, number]): Words4 {
  let [c0, c1, c2, c3] = counter
  let [k0, k1] = key
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0)
    const low0 = Math.imul(0xd2511f53, c0) >>> 0
    const high1 = multiplyHigh(0xcd9e8d57, c2)
    const low1 = Math.imul(0xcd9e8d57, c2) >>> 0
    c0 = (high1 ^ c1 ^ k0) >>> 0
    c1 = low1
    c2 = (high0 ^ c3 ^ k1) >>> 0
    c3 = low0
    k0 = (k0 + 0x9e3779b9) >>> 0
    k1 = (k1 + 0xbb67ae85) >>> 0
  }
  return [c0, c1, c2, c3]
}

/** The random numbers of one choice: `seed` is any integer, and choice i of seed s draws as choice 0 of seed s + i. */
export class TokenRandom {
  readonly #key: readonly [number, number]

  constructor(seed: bigint, choice: number) {
    const key = BigInt.asUintN(64, seed + BigInt(choice))
    this.#key = [Number(key & 0xffffffffn), Number(key >> 32n)]
  }

  /** Uniform in [0, 1) with 53 bits, for the answer's token number `position`. */
  uniform(position: number): number {
    const [a, b] = philox4x32([position >>> 0, Math.floor(position / 2 ** 32), 0, 0], this.#key)
    return ((a >>> 5) * 2 ** 26 + (b >>> 6)) / 2 ** 53
  }
}

/** Upper 32 bits of the product of two unsigned 32-bit numbers, through 16-bit halves. */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16
  const aLow = a & 0xffff
  const bHigh = b >>> 16
  const bLow = b & 0xffff
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  return (
    (aHigh * bHigh + Math.floor(middle / 2 ** 16) + ((aLow * bHigh + (middle & 0xffff)) >>> 16)) >>>
    0
  )
}
