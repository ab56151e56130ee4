/**
 * Rows of which at most two of four neighbours are not zero (2:4, as MaskLLM and SparseGPT leave them): what is zero there is no
 * small weight but none, and stays zero. Hot loops index with `!`.
 */

/** Marks the zeros of `row`; all are 0 unless it is 2:4. */
export function markPruned(row: Float64Array, pruned: Uint8Array): boolean {
  let inQuad = 0
  for (let i = 0; i < row.length; i++) {
    if (i % 4 === 0) inQuad = 0
    if (row[i] !== 0) inQuad++
    if (inQuad > 2) {
      pruned.fill(0)
      return false
    }
    pruned[i] = row[i] === 0 ? 1 : 0
  }
  return true
}

/** Copies a part of the row with the pruned places zero, whatever was added there meanwhile. */
export function copyUnpruned(
  row: Float64Array,
  pruned: Uint8Array,
  start: number,
  size: number,
  to: Float64Array,
): void {
  for (let i = start; i < start + size; i++) to[i] = pruned[i] ? 0 : row[i]!
}
