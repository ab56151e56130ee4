/** Brings the towers' outputs to one grid and joins their channels (Eagle, arXiv 2408.15998). */
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { channelsFirst, channelsLast } from './dense.ts'

/** Maps [tiles, h, w, c] of any resolution → tokens [tiles, grid², Σc], row-major, in the order given. */
export function concatChannels(g: GraphBuilder, maps: readonly Value[], grid: number): Value {
  return gridToTokens(
    g,
    g.concat(
      maps.map((map) => toGrid(g, map, grid)),
      3,
    ),
  )
}

/** A map [tiles, h, w, c] → [tiles, grid, grid, c], resized bilinearly with its corners kept in place, as Eagle does. */
export function toGrid(g: GraphBuilder, map: Value, grid: number): Value {
  if (map.shape[1] === grid && map.shape[2] === grid) return map
  return channelsLast(g, g.resizeBilinear(channelsFirst(g, map), grid, grid))
}

/** x [tiles, h, w, c] → [tiles, h·w, c]. */
export function gridToTokens(g: GraphBuilder, x: Value): Value {
  const [tiles, height, width, channels] = x.shape
  return g.reshape(x, [tiles!, (height as number) * (width as number), channels!])
}

/** x [tiles, n², c] → [tiles, n, n, c]. */
export function tokensToGrid(g: GraphBuilder, x: Value): Value {
  const [tiles, tokens, channels] = x.shape
  const side = Math.sqrt(tokens as number)
  if (!Number.isInteger(side)) throw new Error(`${tokens} tokens do not form a square grid`)
  return g.reshape(x, [tiles!, side, side, channels!])
}
