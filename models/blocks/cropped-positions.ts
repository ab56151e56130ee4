/** Position embeddings for pictures of any size: RADIO's `vit_patch_generator.py`, at inference. */
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { channelsFirst, channelsLast } from './dense.ts'

export interface PositionTable {
  /** Patches on a side of the stored square. */
  readonly side: number
  readonly width: number
  /**
   * Cropped position embedding: resized to a square as large as the longer side, then cropped. Without it, as in
   * plain vision transformers, the table is cropped first and what is still of another size is resized.
   */
  readonly isCropped: boolean
}

export interface Grid {
  readonly rows: number
  readonly columns: number
}

/** Table [1, side², width] → [rows·columns, width], row-major. Resized between half pixels, without antialias. */
export function croppedPositions(
  g: GraphBuilder,
  table: Value,
  { side, width, isCropped }: PositionTable,
  { rows, columns }: Grid,
): Value {
  const resize = (map: Value, height: number, across: number) =>
    map.shape[2] === height && map.shape[3] === across
      ? map
      : g.resizeBilinear(map, height, across, { alignCorners: false })
  const longest = Math.max(rows, columns)
  let map = channelsFirst(g, g.reshape(table, [1, side, side, width]))
  if (isCropped) map = resize(map, longest, longest)
  map = crop(g, crop(g, map, 2, rows), 3, columns)
  return g.reshape(channelsLast(g, resize(map, rows, columns)), [rows * columns, width])
}

function crop(g: GraphBuilder, map: Value, axis: 2 | 3, most: number): Value {
  return (map.shape[axis] as number) > most ? g.slice(map, axis, 0, most) : map
}
