/**
 * What stands around the features of pictures and frames in NVILA's sequences, and how a video's frames are pooled:
 * `llava/model/encoders/{image,video}/`. Configs hold the choice as JSON inside a string.
 */
import { ConfigReader } from '../config-reader.ts'

/** Texts whose tokens surround the features, each tokenized by itself; empty where there is none. */
export interface Surroundings {
  readonly before: string
  readonly after: string
}

/** Frames, rows and columns that are averaged to one. */
export type PoolSize = readonly [frames: number, rows: number, columns: number]

export interface VideoEncoder extends Surroundings {
  /** One run of the video for each; Basic has a single one that pools nothing. */
  readonly pools: readonly PoolSize[]
  /** Follows every run. */
  readonly separator: string
}

const PACKAGE = 'llava.model.encoders.'
/** What a class of the published code ends with where nothing is said. */
const END = '\n'
const MOST_POOLS = 16

export function readImageEncoder(config: ConfigReader): Surroundings {
  const encoder = targetOf(config, 'image_encoder', ['BasicImageEncoder'])
  return encoder ? surroundings(encoder) : { before: '', after: END }
}

export function readVideoEncoder(config: ConfigReader): VideoEncoder {
  const encoder = targetOf(config, 'video_encoder', ['BasicVideoEncoder', 'TSPVideoEncoder'])
  const around = encoder ? surroundings(encoder) : { before: '', after: END }
  const isPooling = encoder?.string('_target_').endsWith('TSPVideoEncoder') ?? false
  if (!encoder || !isPooling) return { ...around, pools: [[1, 1, 1]], separator: '' }
  const pools = encoder.listsOfSizes('pool_sizes')
  const fits = pools.length <= MOST_POOLS && pools.every((pool) => pool.length === 3)
  if (!fits) throw encoder.mismatch('pool_sizes', 'lists of three sizes: frames, rows, columns')
  return {
    ...around,
    pools: pools.map(([frames, rows, columns]): PoolSize => [frames!, rows!, columns!]),
    separator: encoder.string('sep_tokens', ''),
  }
}

/** The encoder that a field names; undefined where the field is missing, as before there was a choice. */
function targetOf(
  config: ConfigReader,
  key: string,
  classes: readonly string[],
): ConfigReader | undefined {
  if (!config.has(key)) return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(config.string(key))
  } catch {
    throw config.mismatch(key, 'JSON inside a string')
  }
  const encoder = new ConfigReader(parsed, key)
  encoder.oneOf(
    '_target_',
    classes.map((name) => PACKAGE + name),
  )
  return encoder
}

/** A token string that is null is none; one that is missing is the class's own. */
function surroundings(encoder: ConfigReader): Surroundings {
  return {
    before: encoder.string('start_tokens', ''),
    after: encoder.string('end_tokens', encoder.isNull('end_tokens') ? '' : END),
  }
}

/** A stretch of a video in the sequence: a text, or the rows of one pooled frame. */
export type VideoPiece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'frame'; readonly pool: number; readonly frame: number }

/** The order in which a video of `frames` frames enters the sequence, with `side`² tokens a frame. */
export function videoPieces(encoder: VideoEncoder, frames: number, side: number): VideoPiece[] {
  const text = (value: string): VideoPiece[] =>
    value === '' ? [] : [{ kind: 'text', text: value }]
  return encoder.pools.flatMap((size, pool) => {
    const pooled = pooledShape(frames, side, size)
    const run = Array.from({ length: pooled.frames }, (_, frame): VideoPiece[] => [
      ...text(encoder.before),
      { kind: 'frame', pool, frame },
      ...text(encoder.after),
    ])
    return [...run.flat(), ...text(encoder.separator)]
  })
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

/**
 * Features [frames, side², width] → [frames', rows' · columns', width]: means over groups of frames, then of rows, then of
 * columns (`tsp.py: pool`). Cost and memory grow with the frames.
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
