/**
 * What stands around the features of pictures and frames in NVILA's sequences, and by how much a video's frames are pooled:
 * `llava/model/encoders/{image,video}/`. Configs hold the choice as JSON inside a string.
 */
import { ConfigReader } from '../config-reader.ts'
import { type PoolSize, pooledShape } from '../video/pooling.ts'

/** Texts whose tokens surround the features, each tokenized by itself; empty where there is none. */
export interface Surroundings {
  readonly before: string
  readonly after: string
}

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
