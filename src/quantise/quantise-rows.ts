/**
 * Rows of a weight → whole numbers and scales, by rounding to the nearest. The forms are those of
 * `src/weights/quantised.ts`. Hot loops index with `!`.
 */
import { float16Table } from '../weights/dtype.ts'
import { halfBits } from './half.ts'

/** How the values of one weight are stored. */
export type QuantisedForm =
  /** Numbers less a zero point, with a scale in half precision for each group. */
  | {
      readonly kind: 'groups'
      readonly bits: 4 | 8
      readonly group: number
      /** Whether each group has a zero point of its own; else it is in the middle. */
      readonly hasZeroPoints: boolean
    }
  /** Signed numbers of 8 bits with a scale in single precision for each row. */
  | { readonly kind: 'rows' }

export interface QuantisedRows {
  readonly values: Uint8Array<ArrayBuffer>
  readonly scales: Uint8Array<ArrayBuffer>
  readonly zeroPoints?: Uint8Array<ArrayBuffer>
}

/**
 * Largest value of the row form. A processor without dot products of bytes adds two products of an unsigned byte and one
 * of these in 16 signed bits: 2 · 255 · 64 fits, 2 · 255 · 127 does not, and it would saturate without a word.
 */
const ROW_LIMIT = 64
/** Scales that are tried around the one that just holds the group's largest value, as `make_qx_quants` of ggml does. */
const TRIED_STEPS = [-0.7, -0.45, -0.2, 0, 0.2, 0.45, 0.7]
/** Shares of a group's range that are tried with a zero point. */
const TRIED_SHARES = [1, 0.95, 0.9, 0.85, 0.8]

const half = float16Table()

/** `floats` are whole rows `[rows, width]` of finite numbers; groups divide the width. Throws RangeError for values whose scale no half can hold. */
export function quantiseRows(
  floats: Float32Array,
  width: number,
  form: QuantisedForm,
): QuantisedRows {
  if (form.kind === 'rows') return byRow(floats, width)
  const { bits, group, hasZeroPoints } = form
  const groups = floats.length / group
  const rows = floats.length / width
  const values = new Uint8Array((floats.length * bits) / 8)
  const scales = new Uint16Array(groups)
  const zeros = hasZeroPoints ? new Uint8Array(groups) : undefined
  const numbers = new Uint8Array(group)
  for (let g = 0; g < groups; g++) {
    const at = g * group
    const zero = zeros
      ? withZeroPoint(floats, at, bits, numbers, scales, g)
      : aroundMiddle(floats, at, bits, numbers, scales, g)
    if (zeros) zeros[g] = zero
    pack(numbers, bits, values, (at * bits) / 8)
  }
  return {
    values,
    scales: new Uint8Array(scales.buffer),
    ...(zeros && { zeroPoints: packedRows(zeros, bits, rows) }),
  }
}

/** Writes a group's numbers and scale; returns the zero point. */
function aroundMiddle(
  floats: Float32Array,
  at: number,
  bits: 4 | 8,
  numbers: Uint8Array,
  scales: Uint16Array,
  g: number,
): number {
  const middle = 1 << (bits - 1)
  let largest = 0
  for (let i = at; i < at + numbers.length; i++)
    if (Math.abs(floats[i]!) > Math.abs(largest)) largest = floats[i]!
  if (largest === 0) {
    numbers.fill(middle)
    return middle
  }
  // The lowest number is one further from the middle than the highest, and the largest value goes there.
  let scale = -largest / middle
  let best = -1
  for (const step of bits === 4 ? TRIED_STEPS : [0]) {
    const inverse = -(middle + step) / largest
    let products = 0
    let squares = 0
    for (let i = at; i < at + numbers.length; i++) {
      const q = Math.max(-middle, Math.min(middle - 1, Math.round(floats[i]! * inverse)))
      products += q * floats[i]!
      squares += q * q
    }
    // With these numbers, products / squares is the scale of least squares, and takes this much off the error.
    if (squares === 0 || products * products <= best * squares) continue
    best = (products * products) / squares
    scale = products / squares
  }
  round(floats, at, storedScale(scale, scales, g), middle, 2 * middle - 1, numbers)
  return middle
}

/** The same with a zero point: the range of the group's values and zero, or a share of it. */
function withZeroPoint(
  floats: Float32Array,
  at: number,
  bits: 4 | 8,
  numbers: Uint8Array,
  scales: Uint16Array,
  g: number,
): number {
  const top = (1 << bits) - 1
  let lowest = 0
  let highest = 0
  for (let i = at; i < at + numbers.length; i++) {
    lowest = Math.min(lowest, floats[i]!)
    highest = Math.max(highest, floats[i]!)
  }
  if (lowest === highest) {
    numbers.fill(0)
    return 0
  }
  let least = Number.POSITIVE_INFINITY
  let scale = 0
  let zero = 0
  for (const share of bits === 4 ? TRIED_SHARES : [1]) {
    const triedScale =
      half[halfBits(((highest - lowest) * share) / top)]! || (highest - lowest) / top
    const triedZero = Math.max(0, Math.min(top, Math.round((-lowest * share) / triedScale)))
    let error = 0
    for (let i = at; i < at + numbers.length; i++) {
      const q = Math.max(0, Math.min(top, Math.round(floats[i]! / triedScale) + triedZero))
      error += (floats[i]! - (q - triedZero) * triedScale) ** 2
    }
    if (error >= least) continue
    least = error
    scale = triedScale
    zero = triedZero
  }
  round(floats, at, storedScale(scale, scales, g), zero, top, numbers)
  return zero
}

/** Each number the nearest of 0…top to its value; `scale` is the stored one, so that its own rounding is made good. */
function round(
  floats: Float32Array,
  at: number,
  scale: number,
  zero: number,
  top: number,
  numbers: Uint8Array,
): void {
  if (scale === 0) numbers.fill(zero)
  else
    for (let i = 0; i < numbers.length; i++)
      numbers[i] = Math.max(0, Math.min(top, Math.round(floats[at + i]! / scale) + zero))
}

function storedScale(scale: number, scales: Uint16Array, g: number): number {
  const stored = halfBits(scale)
  scales[g] = stored
  const value = half[stored]!
  if (!Number.isFinite(value))
    throw new RangeError(`a scale of ${scale} is too large for half precision`)
  return value
}

function byRow(floats: Float32Array, width: number): QuantisedRows {
  const rows = floats.length / width
  const values = new Int8Array(floats.length)
  const scales = new Float32Array(rows)
  for (let row = 0; row < rows; row++) {
    const end = (row + 1) * width
    let largest = 0
    for (let i = row * width; i < end; i++) largest = Math.max(largest, Math.abs(floats[i]!))
    const scale = Math.fround(largest / ROW_LIMIT)
    scales[row] = scale
    if (scale === 0) continue
    for (let i = row * width; i < end; i++)
      values[i] = Math.max(-ROW_LIMIT, Math.min(ROW_LIMIT, Math.round(floats[i]! / scale)))
  }
  return { values: new Uint8Array(values.buffer), scales: new Uint8Array(scales.buffer) }
}

/** A row begins with a whole byte. */
function packedRows(numbers: Uint8Array, bits: 4 | 8, rows: number): Uint8Array<ArrayBuffer> {
  const width = numbers.length / rows
  const bytes = Math.ceil((width * bits) / 8)
  const packed = new Uint8Array(rows * bytes)
  for (let row = 0; row < rows; row++)
    pack(numbers.subarray(row * width, (row + 1) * width), bits, packed, row * bytes)
  return packed
}

function pack(numbers: Uint8Array, bits: 4 | 8, target: Uint8Array, at: number): void {
  if (bits === 8) target.set(numbers, at)
  else
    for (let i = 0; i < numbers.length; i += 2)
      target[at + (i >> 1)] = numbers[i]! | ((numbers[i + 1] ?? 0) << 4)
}
