/**
 * Attention with decomposed relative positions, as plain attention over wider heads. What is added to a score depends on
 * the query and on the key's row, or column, alone, so both sums are products too: a query gets its sum for every row and
 * column as further channels, and a key has a one at its own row and column. No matrix of scores or of their addends is
 * ever held, which for 4 096 cells and 16 heads would be a gigabyte each.
 */
import type { RelativeAttentionAttributes } from '../ops.ts'
import type { OnnxGraph } from './onnx-graph.ts'

/** Names of a relativeAttention node's inputs in the ONNX graph. */
export interface RelativeAttentionInputs {
  readonly q: string
  readonly k: string
  readonly v: string
  readonly rows: string
  readonly columns: string
}

/** As the operation `relativeAttention` of the graph language. */
export function emitRelativeAttention(
  onnx: OnnxGraph,
  { q, k, v, rows, columns }: RelativeAttentionInputs,
  { heads, height, width, scale, headDim }: RelativeAttentionAttributes & { headDim: number },
): string {
  const reshape = (x: string, shape: readonly number[]) =>
    onnx.add('Reshape', [x, onnx.int64s(shape)])
  const map = [0, height, width, heads, headDim]
  const wide = [0, height * width, heads * (headDim + height + width)]
  const queries = reshape(q, map)

  // One product a row of queries: [size, batch·others·heads, headDim] × [size, headDim, size].
  const sums = (table: string, axis: 1 | 2) => {
    const [size, others] = axis === 1 ? [height, width] : [width, height]
    const first = axis === 1 ? [1, 0, 2, 3, 4] : [2, 0, 1, 3, 4]
    const back = axis === 1 ? [1, 0, 2, 3, 4] : [1, 2, 0, 3, 4]
    const moved = onnx.add('Transpose', [queries], { perm: first })
    const products = onnx.add('MatMul', [
      reshape(moved, [size, -1, headDim]),
      onnx.add(
        'Transpose',
        [reshape(onnx.add('Gather', [table, distances(onnx, size)]), [size, size, headDim])],
        { perm: [0, 2, 1] },
      ),
    ])
    return onnx.add('Transpose', [reshape(products, [size, -1, others, heads, size])], {
      perm: back,
    })
  }
  const scaled = onnx.add('Mul', [queries, onnx.floats([scale])])
  const asking = onnx.add('Concat', [scaled, sums(rows, 1), sums(columns, 2)], { axis: 4 })

  const padded = onnx.add('Pad', [
    reshape(k, map),
    onnx.int64s([0, 0, 0, 0, 0, 0, 0, 0, 0, height + width]),
  ])
  const answering = onnx.add('Add', [padded, places(onnx, headDim, height, width)])
  return onnx.add(
    'MultiHeadAttention',
    [reshape(asking, wide), reshape(answering, wide), v],
    { num_heads: heads, scale: { float: 1 } },
    { domain: 'com.microsoft' },
  )
}

/** Rows of a table of relative positions, for each pair of places: [size²]. */
function distances(onnx: OnnxGraph, size: number): string {
  const all = Array.from({ length: size * size }, (_, i) => {
    const [query, key] = [Math.floor(i / size), i % size]
    return query - key + size - 1
  })
  return onnx.int64s(all)
}

/** Zeros for a key's own channels, then a one at its row and a one at its column: [height, width, 1, headDim + height + width]. */
function places(onnx: OnnxGraph, headDim: number, height: number, width: number): string {
  const channels = headDim + height + width
  const values = new Array<number>(height * width * channels).fill(0)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const cell = (y * width + x) * channels + headDim
      values[cell + y] = 1
      values[cell + height + x] = 1
    }
  }
  return onnx.floats(values, [height, width, 1, channels])
}
