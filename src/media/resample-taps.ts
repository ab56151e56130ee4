/**
 * Which inputs make each output of a pass, and with what weights, as Pillow computes them, or torchvision on uint8 tensors:
 * both find the same exact weights and round them to other integers.
 * Numeric leaf: indices are in range by construction, so typed arrays are read with `!`.
 */

/** For each output: first input, number of taps, and weights at `index * stride`. */
export interface Taps {
  readonly first: Int32Array
  readonly count: Int32Array
  readonly weights: Int32Array
  readonly stride: number
}

/** Binary places of a weight. */
export const WEIGHT_BITS = 22

export type Kernel = 'bicubic' | 'bilinear' | 'lanczos'
export type Arithmetic = 'pillow' | 'torchvision'

interface Filter {
  /** Half width at scale 1. */
  readonly support: number
  readonly at: (x: number) => number
}

const A = -0.5

const FILTERS: Readonly<Record<Kernel, Filter>> = {
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    support: 2,
    at: (x) => {
      const d = Math.abs(x)
      if (d < 1) return ((A + 2) * d - (A + 3)) * d * d + 1
      if (d < 2) return (((d - 5) * d + 8) * d - 4) * A
      return 0
    },
  },
  lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
}

function sinc(x: number): number {
  if (x === 0) return 1
  return Math.sin(x * Math.PI) / (x * Math.PI)
}

/** A stretch of a pass's outputs. */
export interface Stretch {
  readonly start: number
  readonly length: number
}

/** The taps of some of a pass's outputs. */
export function tapsOf(taps: Taps, { start, length }: Stretch): Taps {
  const { first, count, weights, stride } = taps
  const end = start + length
  return {
    first: first.subarray(start, end),
    count: count.subarray(start, end),
    weights: weights.subarray(start * stride, end * stride),
    stride,
  }
}

/** Taps of a pass that makes `to` outputs of `from` inputs. */
export function taps(
  from: number,
  to: number,
  kernel: Kernel,
  arithmetic: Arithmetic = 'pillow',
): Taps {
  const filter = FILTERS[kernel]
  const scale = from / to
  const spread = Math.max(1, scale)
  const support = filter.support * spread
  const stride = Math.ceil(support) * 2 + 1
  const first = new Int32Array(to)
  const count = new Int32Array(to)
  const exact = new Float64Array(to * stride)
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale
    const low = Math.max(0, Math.trunc(centre - support + 0.5))
    const n = Math.min(from, Math.trunc(centre + support + 0.5)) - low
    let sum = 0
    for (let t = 0; t < n; t++) {
      const weight = filter.at((t + low - centre + 0.5) * (1 / spread))
      exact[i * stride + t] = weight
      sum += weight
    }
    if (sum !== 0) for (let t = 0; t < n; t++) exact[i * stride + t]! /= sum
    first[i] = low
    count[i] = n
  }
  const bits = arithmetic === 'pillow' ? WEIGHT_BITS : torchvisionBits(exact)
  // Zeros behind the last bit change no sum, so that the passes need not know how many bits there are.
  const shift = WEIGHT_BITS - bits
  const weights = Int32Array.from(exact, (w) => {
    const scaled = w * (1 << bits)
    return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5) << shift
  })
  return { first, count, weights, stride }
}

/** As many as the largest weight of the pass has room for in 16 bits with a sign (`compute_index_ranges_int16_weights` of ATen). */
function torchvisionBits(exact: Float64Array): number {
  const largest = exact.reduce((max, weight) => Math.max(max, weight), 0)
  let bits = 0
  while (bits < WEIGHT_BITS && Math.trunc(0.5 + largest * (1 << (bits + 1))) < 1 << 15) bits++
  return bits
}
