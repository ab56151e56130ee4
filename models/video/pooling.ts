/** Means over neighbouring frames, rows and columns of a clip's features (NVILA's TSP, `llava/model/encoders/video/tsp.py`). */

/** Frames, rows and columns that are averaged to one. */
export type PoolSize = readonly [frames: number, rows: number, columns: number]

export interface FramePooling {
  /** Rows and columns of a frame's features. */
  readonly side: number
  /** One run of the clip for each. */
  readonly sizes: readonly PoolSize[]
}

export interface PooledShape {
  readonly frames: number
  readonly rows: number
  readonly columns: number
}

/** What is left after pooling. Throws on a size that does not divide, as the published code does. */
export function pooledShape(frames: number, side: number, size: PoolSize): PooledShape {
  const of = (what: string, length: number, group: number) => {
    if (length % group === 0) return length / group
    throw new Error(`pool_sizes: ${length} ${what} are not a multiple of ${group}`)
  }
  return {
    frames: of('frames', frames, size[0]),
    rows: of('rows of a frame', side, size[1]),
    columns: of('columns of a frame', side, size[2]),
  }
}

/** The fewest frames that all sizes divide. */
export function framesToPool({ sizes }: Pick<FramePooling, 'sizes'>): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b))
  return sizes.reduce((least, [frames]) => (least / divisor(least, frames)) * frames, 1)
}

/**
 * Features [frames, side², width] → [frames', rows' · columns', width]: means over groups of frames, then of rows, then of
 * columns. Cost and memory grow with the frames.
 */
export function poolFrames(
  features: Float32Array,
  side: number,
  width: number,
  size: PoolSize,
): Float32Array {
  const frames = features.length / (side * side * width)
  const { rows, columns } = pooledShape(frames, side, size)
  const inFrames = meanOfGroups(features, size[0], side * side * width)
  const inRows = meanOfGroups(inFrames, size[1], side * width)
  const pooled = meanOfGroups(inRows, size[2], width)
  const expected = (frames / size[0]) * rows * columns * width
  if (pooled.length !== expected)
    throw new Error(`${features.length} values are not frames of ${side}² rows of ${width}`)
  return pooled
}

/** x [n · group, inner] → [n, inner]. */
function meanOfGroups(x: Float32Array, group: number, inner: number): Float32Array {
  if (group === 1) return x
  const result = new Float32Array(x.length / group)
  for (let at = 0; at < result.length; at += inner) {
    for (let member = 0; member < group; member++) {
      const from = at * group + member * inner
      for (let i = 0; i < inner; i++) result[at + i]! += x[from + i]!
    }
    for (let i = 0; i < inner; i++) result[at + i]! /= group
  }
  return result
}
