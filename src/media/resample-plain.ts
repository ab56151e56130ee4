/**
 * The two passes of `resample.ts` in plain TypeScript, for machines without SIMD and to test `resample-simd.ts` against.
 * Numeric leaf: indices are in range by construction, so typed arrays are read with `!`.
 */
import { type Taps, WEIGHT_BITS } from './resample-taps.ts'

/** The horizontal pass, a few rows at a time. */
export interface RowResizer {
  /** Rows that fit `input`. */
  readonly batch: number
  /** Where rows `[batch, width, 3]` are put; they stay there. */
  readonly input: Uint8Array
  /** Resizes the first `rows` of them into `target`, from byte `to` on. */
  resize(rows: number, target: Uint8Array, to: number): void
}

/** The vertical pass. */
export interface ColumnResizer {
  /** Where the picture `[from, width, 3]` is put. */
  readonly input: Uint8Array
  /** A new `[to, width, 3]`. */
  resize(): Uint8Array
}

/** Makes the two passes. What it made last of a kind may end what it made before, since they share memory. */
export interface Resizers {
  rows(width: number, taps: Taps): RowResizer
  /** Of `from` rows of `width` pixels. */
  columns(width: number, from: number, taps: Taps): ColumnResizer
}

const HALF = 1 << (WEIGHT_BITS - 1)

export const PLAIN: Resizers = { rows, columns }

function rows(width: number, { first, count, weights, stride }: Taps): RowResizer {
  const input = new Uint8Array(width * 3)
  const output = new Uint8ClampedArray(first.length * 3)
  const resize = (_rows: number, target: Uint8Array, to: number) => {
    for (let i = 0; i < first.length; i++) {
      let p = first[i]! * 3
      let r = HALF
      let g = HALF
      let b = HALF
      const end = i * stride + count[i]!
      for (let k = i * stride; k < end; k++, p += 3) {
        const w = weights[k]!
        r = (r + Math.imul(input[p]!, w)) | 0
        g = (g + Math.imul(input[p + 1]!, w)) | 0
        b = (b + Math.imul(input[p + 2]!, w)) | 0
      }
      output[i * 3] = r >> WEIGHT_BITS
      output[i * 3 + 1] = g >> WEIGHT_BITS
      output[i * 3 + 2] = b >> WEIGHT_BITS
    }
    target.set(output, to)
  }
  return { batch: 1, input, resize }
}

function columns(
  width: number,
  from: number,
  { first, count, weights, stride }: Taps,
): ColumnResizer {
  const length = width * 3
  const input = new Uint8Array(from * length)
  const resize = () => {
    const output = new Uint8ClampedArray(first.length * length)
    const sums = new Int32Array(length)
    for (let i = 0; i < first.length; i++) {
      sums.fill(HALF)
      for (let t = 0; t < count[i]!; t++) {
        const w = weights[i * stride + t]!
        const at = (first[i]! + t) * length
        for (let c = 0; c < length; c++) sums[c] = sums[c]! + Math.imul(input[at + c]!, w)
      }
      for (let c = 0; c < length; c++) output[i * length + c] = sums[c]! >> WEIGHT_BITS
    }
    return new Uint8Array(output.buffer)
  }
  return { input, resize }
}
