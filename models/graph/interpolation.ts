/** Resizing along one axis as a matrix [to, from], row-major: what both lowerings compute with. */

/** Linear, the first and last samples kept in place (`align_corners`), no antialias. */
export function linearMatrix(from: number, to: number): number[] {
  const matrix = new Array<number>(to * from).fill(0)
  for (let i = 0; i < to; i++) {
    const position = to === 1 ? 0 : (i * (from - 1)) / (to - 1)
    const lower = Math.min(Math.floor(position), from - 1)
    const upper = Math.min(lower + 1, from - 1)
    matrix[i * from + lower]! += 1 - (position - lower)
    matrix[i * from + upper]! += position - lower
  }
  return matrix
}

/**
 * Linear between the centres of samples, edges repeated, no antialias: `interpolate(mode="bilinear")` of PyTorch, whose
 * places are 32-bit floats.
 */
export function halfPixelMatrix(from: number, to: number): number[] {
  const matrix = new Array<number>(to * from).fill(0)
  for (let i = 0; i < to; i++) {
    const position = Math.max(0, Math.fround(Math.fround(Math.fround(from / to) * (i + 0.5)) - 0.5))
    const lower = Math.min(Math.floor(position), from - 1)
    const upper = Math.min(lower + 1, from - 1)
    matrix[i * from + lower]! += 1 - (position - lower)
    matrix[i * from + upper]! += position - lower
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
