/** Attention in windows for large pictures (ViTDet, arXiv 2203.16527) as RADIO switches it: `radio/vitdet.py`. */
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { type Dim, productOf } from '../graph/shape.ts'
import type { Grid } from './cropped-positions.ts'

export interface WindowConfig {
  /** Patches on a side of a window. */
  readonly side: number
  /** Blocks from one that sees everything to the next; at least 2. */
  readonly period: number
}

/** Runs blocks over x [tiles, prefix + rows·columns, width]; some see windows of patches and no prefix. */
export function windowedBlocks(
  g: GraphBuilder,
  x: Value,
  blocks: readonly ((x: Value) => Value)[],
  { windows, prefix, grid }: { windows: WindowConfig; prefix: number; grid: Grid },
): Value {
  const { side, period } = windows
  const { rows, columns } = grid
  if (rows % side !== 0 || columns % side !== 0)
    throw new Error(`${rows}×${columns} patches are not whole windows of ${side}×${side}`)
  const [tiles, , width] = x.shape as [Dim, number, number]
  const [count, size] = [(rows / side) * (columns / side), side * side]
  const split = (tokens: Value): [Value, Value] => [
    g.slice(tokens, 1, 0, prefix),
    g.slice(tokens, 1, prefix, prefix + count * size),
  ]
  let [first, patches] = split(x)
  patches = windowMajor(g, patches, [rows / side, side, columns / side, side])
  let isWindowed = false
  for (const [i, block] of blocks.entries()) {
    const isLast = i === blocks.length - 1
    const place = i % period
    if (!isLast && place === 0) isWindowed = true
    else if (isLast || place === period - 1) isWindowed = false
    if (isWindowed) {
      const apart = g.reshape(patches, [productOf([count, tiles]), size, width])
      patches = g.reshape(block(apart), [tiles, count * size, width])
    } else {
      ;[first, patches] = split(block(g.concat([first, patches], 1)))
    }
  }
  patches = windowMajor(g, patches, [rows / side, columns / side, side, side])
  return g.concat([first, patches], 1)
}

/** Swaps the middle two of the four numbers that the patches are made of: [tiles, a·b·c·d, width]. */
function windowMajor(
  g: GraphBuilder,
  patches: Value,
  [a, b, c, d]: readonly [number, number, number, number],
): Value {
  const [tiles, , width] = patches.shape as [Dim, number, number]
  const apart = g.reshape(patches, [tiles, a, b, c, d, width])
  return g.reshape(g.transpose(apart, [0, 1, 3, 2, 4, 5]), [tiles, a * b * c * d, width])
}
