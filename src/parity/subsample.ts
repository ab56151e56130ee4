/** Tensors of which a case records a part: a suffix of the name says so, a sentence beside it says which part. */
import type { ComputedTensor } from './compare.ts'
import type { ReferenceTensor } from './reference-case.ts'

/** A whole tensor, and the first of its two axes that are rows and columns; the second follows it. */
export interface WholeTensor extends ComputedTensor {
  readonly rowAxis: number
}

const SUFFIX = /^(?<stem>.*)_(?:sub|rows|crop|last(?<last>\d+))(?<rest>\.[^.]*)?$/

/**
 * The tensor `name` as it is, or the part of another that `meaning` describes. Undefined when there is no such tensor, or
 * when the sentence is not understood.
 */
export function partOf(
  whole: ReadonlyMap<string, WholeTensor>,
  name: string,
  meaning: string,
): ComputedTensor | undefined {
  const given = whole.get(name)
  if (given) return given
  const { stem, last, rest = '' } = SUFFIX.exec(name)?.groups ?? {}
  const tensor = stem === undefined ? undefined : whole.get(stem + rest)
  if (!tensor) return undefined
  const { rowAxis, shape } = tensor
  const rows = shape[rowAxis]!
  if (last !== undefined) return take(tensor, rowAxis, range(rows - Number(last), rows))
  const stride = /every (\d+)(?:st|nd|rd|th) row/.exec(meaning)
  if (stride) {
    const step = Number(stride[1])
    const byRows = take(tensor, rowAxis, range(0, rows, step))
    return take(byRows, rowAxis + 1, range(0, shape[rowAxis + 1]!, step))
  }
  const crop = /rows (\d+)\.\.(\d+), columns (\d+)\.\.(\d+)/.exec(meaning)
  if (crop) {
    const [top, bottom, left, right] = crop.slice(1).map(Number) as [number, number, number, number]
    return take(take(tensor, rowAxis, range(top, bottom + 1)), rowAxis + 1, range(left, right + 1))
  }
  const list = /(?:rows|positions) \[?(\d+(?:, ?\d+)*)/.exec(meaning)
  return list ? take(tensor, rowAxis, list[1]!.split(',').map(Number)) : undefined
}

/** The rows of ours that a reference keeps; all of it where it is whole, or of another shape. */
export function keptOf(ours: ComputedTensor, { shape, kept }: ReferenceTensor): ComputedTensor {
  if (!kept || ours.shape.join() !== shape.join()) return ours
  return take(ours, shape.length - 2, range(0, kept.of, kept.every))
}

export function range(start: number, end: number, step = 1): number[] {
  return Array.from({ length: Math.ceil((end - start) / step) }, (_, i) => start + i * step)
}

/** Some places of one axis. */
export function take(
  { shape, values }: ComputedTensor,
  axis: number,
  places: readonly number[],
): ComputedTensor {
  const size = (sizes: readonly number[]) => sizes.reduce((product, n) => product * n, 1)
  const [outer, inner, extent] = [
    size(shape.slice(0, axis)),
    size(shape.slice(axis + 1)),
    shape[axis]!,
  ]
  const taken = new Float64Array(outer * places.length * inner)
  for (let o = 0, at = 0; o < outer; o++) {
    for (const place of places) {
      const from = (o * extent + place) * inner
      for (let i = 0; i < inner; i++) taken[at++] = values[from + i]!
    }
  }
  return { shape: shape.with(axis, places.length), values: taken }
}
