/** Attention of a map's cells, all among themselves or window by window (ViTDet, arXiv 2203.16527). */
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { productOf } from '../graph/shape.ts'
import { gridToTokens } from './fuse.ts'

/**
 * x [tiles, n, n, c] → same shape by way of `attend`, which is given cells [tiles or windows, side², c], row-major, and
 * that side. With a window, the map is cut into squares of that side; a map that they do not fill is continued with zeros
 * at its end, which take part like any other cell, as the published code has it.
 */
export function attendCells(
  g: GraphBuilder,
  x: Value,
  window: number | undefined,
  attend: (cells: Value, side: number) => Value,
): Value {
  const [tiles, side, , channels] = x.shape as [Value['shape'][0], number, number, number]
  if (window === undefined)
    return g.reshape(attend(gridToTokens(g, x), side), [tiles!, side, side, channels])
  const count = Math.ceil(side / window)
  const missing = count * window - side
  const padded = missing === 0 ? x : g.padEnd(g.padEnd(x, 1, missing), 2, missing)
  const cut = g.transpose(
    g.reshape(padded, [tiles!, count, window, count, window, channels]),
    [0, 1, 3, 2, 4, 5],
  )
  const cells = g.reshape(cut, [productOf([count * count, tiles!]), window * window, channels])
  const attended = attend(cells, window)
  const apart = g.reshape(attended, [tiles!, count, count, window, window, channels])
  const whole = g.reshape(g.transpose(apart, [0, 1, 3, 2, 4, 5]), [
    tiles!,
    count * window,
    count * window,
    channels,
  ])
  return missing === 0 ? whole : g.slice(g.slice(whole, 1, 0, side), 2, 0, side)
}
