/** What the converter to GGUF changed of a tensor's values, and how it is undone. Hot loops index with `!`. */
import { AerieError } from '../errors.ts'

export type Change =
  /**
   * Rows of each head in the order in which llama.cpp rotates them: a pair's two rows are neighbours, where the
   * hub has them half a head apart (`LlamaModel.permute` in `convert_hf_to_gguf.py`).
   */
  | { readonly kind: 'neighbouring-pairs'; readonly heads: number }
  /** Gemma stores norms less one, GGUF files as they are applied. */
  | { readonly kind: 'plus-one' }

/** Values [rows, …] as they were before. Throws `invalid_package` when rows are not heads of pairs. */
export function undoChange(
  values: Float32Array<ArrayBuffer>,
  shape: readonly number[],
  change: Change,
): Float32Array<ArrayBuffer> {
  if (change.kind === 'plus-one') return values.map((value) => value - 1)
  const undone = new Float32Array(values.length)
  copyRowsBack(values, undone, shape[0]!, change.heads)
  return undone
}

/** The bytes [rows, …] of a weight whose rows were moved, in blocks or not, with its rows where they were. Throws as `undoChange`. */
export function undoOrder(
  bytes: Uint8Array<ArrayBuffer>,
  rows: number,
  { heads }: Extract<Change, { kind: 'neighbouring-pairs' }>,
): Uint8Array<ArrayBuffer> {
  const undone = new Uint8Array(bytes.length)
  copyRowsBack(bytes, undone, rows, heads)
  return undone
}

function copyRowsBack<T extends Float32Array | Uint8Array>(
  from: T,
  to: T,
  rows: number,
  heads: number,
): void {
  const half = rows / heads / 2
  if (!Number.isInteger(half))
    throw new AerieError('invalid_package', `${rows} rows are not ${heads} heads of an even width`)
  const width = from.length / rows
  for (let head = 0; head < heads; head++) {
    const first = head * half * 2
    for (let row = 0; row < half * 2; row++) {
      const start = (first + (row % half) * 2 + Math.floor(row / half)) * width
      to.set(from.subarray(start, start + width), (first + row) * width)
    }
  }
}
