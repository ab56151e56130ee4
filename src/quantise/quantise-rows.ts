/**
 * Rows of a weight → whole numbers and scales. The forms are those of
 * `src/weights/quantised.ts`. Hot loops index with `!`.
 */
import { columnWeights, FEEDBACK_BLOCK } from './gptq.ts'
import { type Grid, middleGrid, ownGrid } from './group-grid.ts'
import { halfBits } from './half.ts'
import { copyUnpruned, markPruned } from './pruned.ts'

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
/**
 * `floats` are whole rows `[rows, width]` of finite numbers; groups divide the width. With `factors` (`gptq.ts`) the weights of a
 * row make good for each other, but for the zeros of a 2:4 row (`pruned.ts`); without, every zero stays one. Throws RangeError
 * for values whose scale no half can hold.
 */
export function quantiseRows(
  floats: Float32Array,
  width: number,
  form: QuantisedForm,
  factors?: Float32Array,
): QuantisedRows {
  if (form.kind === 'rows') return byRow(floats, width)
  const { bits, group, hasZeroPoints } = form
  const rows = floats.length / width
  const values = new Uint8Array((floats.length * bits) / 8)
  const scales = new Uint16Array(floats.length / group)
  const zeros = hasZeroPoints ? new Uint8Array(scales.length) : undefined
  const numbers = new Uint8Array(group)
  const findGrid = hasZeroPoints ? ownGrid : middleGrid
  const weights = factors && columnWeights(factors, width)
  const grid: Grid = { scale: 0, zero: 0 }
  const row = new Float64Array(width)
  const unpruned = new Float64Array(width)
  const pruned = new Uint8Array(width)
  let isPruned = false
  for (let at = 0, g = 0; at < floats.length; at += group, g++) {
    const column = at % width
    if (column === 0) {
      row.set(floats.subarray(at, at + width))
      isPruned = factors !== undefined && markPruned(row, pruned)
    }
    if (isPruned) copyUnpruned(row, pruned, column, group, unpruned)
    findGrid(isPruned ? unpruned : row, column, group, bits, weights, column, grid)
    if (factors) roundTogether(row, column, bits, grid, { factors, pruned }, numbers)
    else round(row, column, bits, grid, numbers)
    scales[g] = halfBits(grid.scale)
    if (zeros) zeros[g] = grid.zero
    pack(numbers, bits, values, (at * bits) / 8)
  }
  return {
    values,
    scales: new Uint8Array(scales.buffer),
    ...(zeros && { zeroPoints: packedRows(zeros, bits, rows) }),
  }
}

/** Each number the nearest to its value. */
function round(
  row: Float64Array,
  column: number,
  bits: 4 | 8,
  { scale, zero }: Grid,
  numbers: Uint8Array,
): void {
  const top = (1 << bits) - 1
  if (scale === 0) numbers.fill(zero)
  else
    for (let i = 0; i < numbers.length; i++)
      numbers[i] = Math.max(0, Math.min(top, Math.round(row[column + i]! / scale) + zero))
}

/**
 * The same, and what each changes is made good by the values behind it in its block, which are changed. What that adds to a
 * pruned one is passed on like any error (as SparseGPT does, Frantar and Alistarh, https://arxiv.org/abs/2301.00774).
 */
function roundTogether(
  row: Float64Array,
  column: number,
  bits: 4 | 8,
  { scale, zero }: Grid,
  { factors, pruned }: { readonly factors: Float32Array; readonly pruned: Uint8Array },
  numbers: Uint8Array,
): void {
  const top = (1 << bits) - 1
  const start = column - (column % FEEDBACK_BLOCK)
  const size = Math.min(FEEDBACK_BLOCK, row.length - start)
  for (let i = 0; i < numbers.length; i++) {
    const k = column - start + i
    const value = row[start + k]!
    const isZero = scale === 0 || pruned[start + k] === 1
    const number = isZero ? zero : Math.max(0, Math.min(top, Math.round(value / scale) + zero))
    numbers[i] = number
    const line = start * FEEDBACK_BLOCK + k * size
    const error = (value - (number - zero) * scale) / factors[line + k]!
    for (let j = k + 1; j < size; j++) row[start + j] = row[start + j]! - error * factors[line + j]!
  }
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
