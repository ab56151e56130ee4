/**
 * Dynamic S²: the maps of a picture's tiles at every scale become one map, which the projector reads block by block
 * (NVILA, arXiv 2412.04468; `llava/model/llava_arch.py: merge_features_for_dynamic_s2, encode_images`).
 */
import { outputLevel, type PictureLayout, type TileGrid } from './layout.ts'

/** How a family merges the maps of tiles, `[tiles, grid², channels]`. */
export interface ScaleMerge {
  /** Patches on a side of a tile. */
  readonly grid: number
  /** Of one scale; a block has `scales · channels`. */
  readonly channels: number
  readonly scales: number
  /** Index of the scale whose size all maps are brought to; its tiles' places are those of the blocks. */
  readonly outputScale: number
}

/** One scale of a picture: a grid of tiles, the first of which is tile `first` of the picture. */
interface ScaleMap extends TileGrid {
  readonly first: number
}

/** Blocks that a picture is projected in. */
export function blockCount(layout: PictureLayout, { outputScale }: ScaleMerge): number {
  const { rows, columns } = outputLevel(layout, outputScale)
  return rows * columns
}

/** Floats of one block. */
export function blockSize({ grid, channels, scales }: ScaleMerge): number {
  return grid * grid * scales * channels
}

/**
 * Writes block `block` (row-major) of a picture, `[grid², scales · channels]`, from the maps of its tiles: at every patch each
 * scale's mean over the area that the patch covers there (`interpolate(mode="area")`), scales beside each other.
 * A picture of one tile shows the same at every scale.
 */
export function mergeBlock(
  maps: Float32Array,
  layout: PictureLayout,
  merge: ScaleMerge,
  block: number,
  into: Float32Array,
): void {
  const { grid, channels, scales } = merge
  const output = outputLevel(layout, merge.outputScale)
  const [blockRow, blockColumn] = [Math.floor(block / output.columns), block % output.columns]
  scaleMaps(layout, scales).forEach((scale, i) => {
    const area = areaOf(maps, scale, merge)
    const inRows = window(scale.rows, output.rows, grid)
    const inColumns = window(scale.columns, output.columns, grid)
    for (let y = 0; y < grid; y++) {
      const [top, bottom] = inRows(blockRow * grid + y)
      for (let x = 0; x < grid; x++) {
        const [left, right] = inColumns(blockColumn * grid + x)
        const at = ((y * grid + x) * scales + i) * channels
        area(top, bottom, left, right, into.subarray(at, at + channels))
      }
    }
  })
}

/**
 * Puts block `block` of features, `[side², width]`, to its place among those of the whole picture: `[rows·side · columns·side,
 * width]`, row-major over the whole map.
 */
export function placeBlock(
  features: Float32Array,
  layout: PictureLayout,
  { outputScale }: ScaleMerge,
  block: number,
  width: number,
  into: Float32Array,
): void {
  const { columns } = outputLevel(layout, outputScale)
  const side = Math.sqrt(features.length / width)
  const [row, column] = [Math.floor(block / columns) * side, (block % columns) * side]
  for (let y = 0; y < side; y++) {
    const line = features.subarray(y * side * width, (y + 1) * side * width)
    into.set(line, ((row + y) * columns * side + column) * width)
  }
}

function scaleMaps({ levels }: PictureLayout, scales: number): ScaleMap[] {
  if (levels.length === 1)
    return Array.from({ length: scales }, () => ({ ...levels[0]!, first: 0 }))
  let first = 0
  return levels.map((level) => {
    const map = { ...level, first }
    first += level.rows * level.columns
    return map
  })
}

/** Which rows (or columns) of a scale's map one of the output's covers, both counted in patches over the whole map. */
function window(
  tiles: number,
  outputTiles: number,
  grid: number,
): (at: number) => [number, number] {
  const [from, to] = [tiles * grid, outputTiles * grid]
  return (at) => [Math.floor((at * from) / to), Math.ceil(((at + 1) * from) / to)]
}

/** Writes the mean of the rows [top, bottom) and columns [left, right) of a scale's map. */
function areaOf(maps: Float32Array, { columns, first }: ScaleMap, { grid, channels }: ScaleMerge) {
  const offset = (y: number, x: number) => {
    const tile = first + Math.floor(y / grid) * columns + Math.floor(x / grid)
    return (tile * grid * grid + (y % grid) * grid + (x % grid)) * channels
  }
  return (top: number, bottom: number, left: number, right: number, into: Float32Array): void => {
    const from = offset(top, left)
    into.set(maps.subarray(from, from + channels))
    const count = (bottom - top) * (right - left)
    if (count === 1) return
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        if (y === top && x === left) continue
        const at = offset(y, x)
        for (let c = 0; c < channels; c++) into[c]! += maps[at + c]!
      }
    }
    for (let c = 0; c < channels; c++) into[c]! /= count
  }
}
