/**
 * Which inputs make each output of a pass, and with what weights, as Pillow computes them.
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
export function taps(from: number, to: number, kernel: Kernel): Taps {
  const filter = FILTERS[kernel]
  const scale = from / to
  const spread = Math.max(1, scale)
  const support = filter.support * spread
  const stride = Math.ceil(support) * 2 + 1
  const first = new Int32Array(to)
  const count = new Int32Array(to)
  const weights = new Int32Array(to * stride)
  const exact = new Float64Array(stride)
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale
    const low = Math.max(0, Math.trunc(centre - support + 0.5))
    const n = Math.min(from, Math.trunc(centre + support + 0.5)) - low
    let sum = 0
    for (let t = 0; t < n; t++) {
      exact[t] = filter.at((t + low - centre + 0.5) * (1 / spread))
      sum += exact[t]!
    }
    for (let t = 0; t < n; t++) {
      const w = (sum === 0 ? exact[t]! : exact[t]! / sum) * (1 << WEIGHT_BITS)
      weights[i * stride + t] = Math.trunc(w < 0 ? w - 0.5 : w + 0.5)
    }
    first[i] = low
    count[i] = n
  }
  return { first, count, weights, stride }
}
