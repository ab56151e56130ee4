/** What the main thread and the encoder worker say to each other. */
import type { PictureLayout } from '../../models/tiling/layout.ts'
import type { WireError } from '../errors.ts'
import type { Backend, BackendOptions } from './backend.ts'
import type { DisposeMessage } from './worker-host.ts'

export interface EncoderWorkerData {
  readonly modelDir: string
  readonly backend: Backend['name']
  readonly backendOptions: BackendOptions
  /** Tiles in one run. */
  readonly maxBatch: number
}

/** What the worker says of its model. */
export interface EncoderReady {
  readonly hiddenSize: number
  readonly tokensPerTile: number
}

export interface TiledPicture {
  /** `[tiles, 3, H, W]` */
  readonly pixels: Float32Array
  readonly layout: PictureLayout
}

/** Pictures of one tile size; the worker runs them together. Pixels are transferred. */
export interface EncodeBatch {
  readonly type: 'encode'
  readonly pictures: readonly TiledPicture[]
}

export type ToEncoder = EncodeBatch | DisposeMessage

export type FromEncoder =
  | {
      readonly type: 'encoded'
      /** One `[rows, hidden]` a picture, over a SharedArrayBuffer. */
      readonly features: readonly Float32Array[]
      readonly encodeMs: number
    }
  | { readonly type: 'encode-failed'; readonly error: WireError; readonly stack?: string }
