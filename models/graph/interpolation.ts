/**
 * Resizing along one axis as a matrix [to, from], row-major: what both lowerings compute with. Places and weights are
 * rounded to 32 bits where PyTorch rounds them: far from the first sample, a place is off by 10⁻⁴ of a step otherwise.
 */

const f32 = Math.fround

/** Linear, the first and last samples kept in place (`align_corners`), no antialias. */
export function linearMatrix(from: number, to: number): number[] {
  const matrix = new Array<number>(to * from).fill(0)
  const scale = to === 1 ? 0 : f32((from - 1) / (to - 1))
  for (let i = 0; i < to; i++) {
    const position = f32(scale * i)
    const lower = Math.min(Math.floor(position), from - 1)
    const upper = Math.min(lower + 1, from - 1)
    const share = Math.min(1, f32(position - lower))
    matrix[i * from + lower]! += f32(1 - share)
    matrix[i * from + upper]! += share
  }
  return matrix
}

/**
 * Linear between the centres of samples, over as many samples as shrink into one: `interpolate(mode="bilinear",
 * antialias=True)` of PyTorch (`UpSampleKernel.cpp`, `_compute_indices_min_size_weights_aa`).
 */
export function antialiasMatrix(from: number, to: number): number[] {
  const matrix = new Array<number>(to * from).fill(0)
  const scale = f32(from / to)
  const support = Math.max(1, scale)
  const inverse = scale >= 1 ? f32(1 / scale) : 1
  for (let i = 0; i < to; i++) {
    const centre = f32(scale * (i + 0.5))
    const first = Math.max(0, Math.trunc(f32(centre - support) + 0.5))
    const end = Math.min(from, Math.trunc(f32(centre + support) + 0.5))
    const weights: number[] = []
    let total = 0
    for (let k = first; k < end; k++) {
      const distance = Math.abs(f32((f32(k - centre) + 0.5) * inverse))
      const weight = distance < 1 ? f32(1 - distance) : 0
      weights.push(weight)
      total = f32(total + weight)
    }
    for (const [k, weight] of weights.entries()) matrix[i * from + first + k] = f32(weight / total)
  }
  return matrix
}

/** Two samples between which a new one lies, and the share of the upper. */
export interface LinearTap {
  readonly lower: number
  readonly upper: number
  readonly share: number
}

/**
 * Linear between the centres of samples, edges repeated, no antialias: `interpolate(mode="bilinear")` of PyTorch, whose
 * places are 32-bit floats.
 */
export function halfPixelTaps(from: number, to: number): LinearTap[] {
  return Array.from({ length: to }, (_, i) => {
    const position = Math.max(0, f32(f32(f32(from / to) * (i + 0.5)) - 0.5))
    const lower = Math.min(Math.floor(position), from - 1)
    return { lower, upper: Math.min(lower + 1, from - 1), share: position - lower }
  })
}

/** The same as a matrix. */
export function halfPixelMatrix(from: number, to: number): number[] {
  const matrix = new Array<number>(to * from).fill(0)
  for (const [i, { lower, upper, share }] of halfPixelTaps(from, to).entries()) {
    matrix[i * from + lower]! += 1 - share
    matrix[i * from + upper]! += share
  }
  return matrix
}

/** PyTorch's constant of its bicubic kernel; Pillow's is −0.5. */
const A = -0.75

/** Cubic between the centres of samples, edges repeated, no antialias: `interpolate(mode="bicubic")` of PyTorch. */
export function cubicMatrix(from: number, to: number): number[] {
  const matrix = new Array<number>(to * from).fill(0)
  for (let i = 0; i < to; i++) {
    const position = ((i + 0.5) * from) / to - 0.5
    const first = Math.floor(position) - 1
    for (let k = first; k < first + 4; k++) {
      const at = Math.min(from - 1, Math.max(0, k))
      matrix[i * from + at]! += cubic(Math.abs(position - k))
    }
  }
  return matrix
}

function cubic(distance: number): number {
  if (distance <= 1) return ((A + 2) * distance - (A + 3)) * distance * distance + 1
  if (distance < 2) return ((A * distance - 5 * A) * distance + 8 * A) * distance - 4 * A
  return 0
}
