/** What the main thread and the encoder worker say to each other. */
import type { PictureLayout } from '../../models/tiling/layout.ts'
import type { WireError } from '../errors.ts'
import type { Backend, BackendOptions, TowerInput, TowerSessions } from './backend.ts'
import type { PooledFrames } from './types.ts'
import type { DisposeMessage } from './worker-host.ts'

export interface EncoderWorkerData {
  readonly modelDir: string
  readonly backend: Backend['name']
  readonly backendOptions: BackendOptions
  /** Tiles in one run. */
  readonly maxBatch: number
  /** Of a tower that is published alone: sessions that it keeps. Absent: the towers of a model that answers. */
  readonly maxTowerSessions?: number
}

/** What the worker says of its model. */
export interface EncoderReady {
  /** 0 for a tower that is published alone, whose outputs have widths of their own. */
  readonly hiddenSize: number
  readonly tokensPerTile: number
  readonly sessions?: TowerSessions
}

export interface TiledPicture {
  /** `[tiles, 3, H, W]`, or `[frames · tiles, 3, H, W]`. */
  readonly pixels: Float32Array
  readonly layout: PictureLayout
  readonly pooled?: PooledFrames
}

/** Pictures of one tile size, or of one input of a tower; the worker runs them together. Pixels are transferred. */
export interface EncodeBatch {
  readonly type: 'encode'
  readonly pictures: readonly TiledPicture[]
  readonly input?: TowerInput
}

export interface WindowedSound {
  /** Log-mel `[windows, bins, frames]`. */
  readonly mel: Float32Array
  readonly windows: number
}

/** Sounds whose windows the worker runs together. Log-mel is transferred. */
export interface SoundBatch {
  readonly type: 'encode-sounds'
  readonly sounds: readonly WindowedSound[]
}

/** Texts that the worker reads together; each filled up to the tower's length. */
export interface TextBatch {
  readonly type: 'encode-texts'
  readonly texts: readonly { readonly tokens: Int32Array; readonly end: number }[]
}

export type ToEncoder = EncodeBatch | SoundBatch | TextBatch | DisposeMessage

export type FromEncoder =
  | {
      readonly type: 'encoded'
      /** One `[rows, hidden]` a picture or sound, or a tower's output for a picture or text, over a SharedArrayBuffer. */
      readonly features: readonly Float32Array[]
      /** Of the towers. */
      readonly runs: number
      readonly encodeMs: number
      readonly sessions?: TowerSessions
    }
  | { readonly type: 'encode-failed'; readonly error: WireError; readonly stack?: string }
