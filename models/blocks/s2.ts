/** S²: one tower at several scales of a picture (arXiv 2403.13043; `s2wrapper/core.py` of bfshi/scaling_on_scales). */
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { productOf } from '../graph/shape.ts'
import { channelsFirst, channelsLast } from './dense.ts'
import { gridToTokens, tokensToGrid } from './fuse.ts'

export interface S2Config {
  /** Sides in pixels, ascending; the first is what the tower reads, the others are multiples of it. */
  readonly scales: readonly number[]
}

/**
 * Pixels [tiles, 3, S, S] at the largest scale → tokens [tiles, grid², scales · c]: at each scale the picture is resized, cut
 * into squares that the tower reads, and their maps are glued and averaged to the size of the first one.
 * Stages: `s2_scaleN_pixels` and `s2_scaleN_features`, squares before tiles.
 */
export function s2(
  g: GraphBuilder,
  pixels: Value,
  { scales }: S2Config,
  tower: (squares: Value) => Value,
): Value {
  const [side] = scales as [number]
  const maps = scales.map((scale, i) => {
    const n = scale / side
    const resized = pixels.shape[2] === scale ? pixels : g.resizeBicubic(pixels, scale, scale)
    const squares = g.stage(`s2_scale${i}_pixels`, cut(g, resized, n, side))
    const seen = g.stage(`s2_scale${i}_features`, tower(squares))
    const map = glue(g, seen, pixels.shape[0]!, n)
    return n === 1 ? map : channelsLast(g, g.avgPool2d(channelsFirst(g, map), n))
  })
  return gridToTokens(g, g.concat(maps, 3))
}

/** [tiles, 3, n·side, n·side] → [n²·tiles, 3, side, side], the squares of a row after each other. */
function cut(g: GraphBuilder, x: Value, n: number, side: number): Value {
  if (n === 1) return x
  const tiles = x.shape[0]!
  const apart = g.reshape(x, [tiles, 3, n, side, n, side])
  const first = g.transpose(apart, [2, 4, 0, 1, 3, 5])
  return g.reshape(first, [productOf([n * n, tiles]), 3, side, side])
}

/** Tokens [n²·tiles, grid², c] → one map [tiles, n·grid, n·grid, c]. */
function glue(g: GraphBuilder, x: Value, tiles: Value['shape'][0], n: number): Value {
  const map = tokensToGrid(g, x)
  if (n === 1) return map
  const [, grid, , channels] = map.shape as [string, number, number, number]
  const apart = g.reshape(map, [n, n, tiles!, grid, grid, channels])
  const beside = g.transpose(apart, [2, 0, 3, 1, 4, 5])
  return g.reshape(beside, [tiles!, n * grid, n * grid, channels])
}
