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
  const [rows] = shape as [number]
  const half = rows / change.heads / 2
  if (!Number.isInteger(half))
    throw new AerieError(
      'invalid_package',
      `${rows} rows are not ${change.heads} heads of an even width`,
    )
  const width = values.length / rows
  const undone = new Float32Array(values.length)
  for (let head = 0; head < change.heads; head++) {
    const first = head * half * 2
    for (let row = 0; row < half * 2; row++) {
      const from = (first + (row % half) * 2 + Math.floor(row / half)) * width
      undone.set(values.subarray(from, from + width), (first + row) * width)
    }
  }
  return undone
}
