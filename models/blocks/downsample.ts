/** VILA's projectors, which first join squares of neighbouring tokens: `multimodal_projector/base_projector.py`. */
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { tokensToGrid } from './fuse.ts'

/** Published names of the joining projectors; the first, of VILA-1.5, goes down the columns. */
export type DownsampleOrder = 'columns' | 'rows'

/**
 * Joins size×size squares of a square grid of tokens: [tiles, n², c] → [tiles, m², size²·c], m = ⌈n/size⌉; rows and
 * columns that are missing at the end are zeros. Inside a square, channels go by rows.
 */
export function joinSquares(
  g: GraphBuilder,
  tokens: Value,
  size: number,
  order: DownsampleOrder,
): Value {
  const map = tokensToGrid(g, tokens)
  const [tiles, side, , channels] = map.shape as [Value['shape'][0], number, number, number]
  const joined = Math.ceil(side / size)
  const missing = joined * size - side
  const padded = missing === 0 ? map : g.padEnd(g.padEnd(map, 1, missing), 2, missing)
  const rows = g.reshape(padded, [tiles!, joined * size, joined, size * channels])
  const columns = g.transpose(rows, [0, 2, 1, 3])
  const squares = g.reshape(columns, [tiles!, joined, joined, size * size * channels])
  const ordered = order === 'rows' ? g.transpose(squares, [0, 2, 1, 3]) : squares
  return g.reshape(ordered, [tiles!, joined * joined, size * size * channels])
}
