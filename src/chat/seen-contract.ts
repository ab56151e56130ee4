/** What became of the media of a request, and how long each station took. */
import type { ImageDetail } from '../../models/preprocessing.ts'
import type { SeenLevel } from '../../models/tiling/seen-area.ts'

/** The stations of a request's life, in order. */
export const STATIONS = [
  'fetch',
  'decode',
  'preprocess',
  'disk',
  'encode',
  'queue',
  'prefill',
  'decode_tokens',
] as const
export type Station = (typeof STATIONS)[number]
/** Milliseconds at each station, summed over pictures; a station that was skipped (cache) is absent. */
export type StationTimes = { readonly [S in Station]?: number }

/** What became of one picture, in request order. */
export interface ImageSeen {
  /** The request field. */
  readonly param: string
  readonly detail: ImageDetail
  /** jpeg, png, … */
  readonly format: string
  readonly bytes: number
  /** Hex, of the bytes. */
  readonly sha256: string
  /** The uploaded file that it is, or that it is a page of. */
  readonly fileId?: string
  /** The page of a document that it is, from 1; `bytes` and `sha256` are then the document's. */
  readonly page?: number
  /** Upright, in pixels, before any resize. */
  readonly width: number
  readonly height: number
  /** In words, in order; those of the first time where the features come from the cache. */
  readonly conversions: readonly string[]
  readonly tiles: number
  /** The level with the most tiles. */
  readonly grid: { readonly rows: number; readonly columns: number }
  /** Grids over the picture, in the order in which the model reads their tiles. */
  readonly levels: readonly SeenLevel[]
  readonly towers: readonly { readonly name: string; readonly inputSize: number }[]
  /** Positions in the prompt. */
  readonly tokens: number
  /** The features came from the cache; nothing was decoded or encoded. */
  readonly cached: boolean
  /** Which one; undefined where they were computed. */
  readonly cache: 'memory' | 'disk' | undefined
  readonly stations: StationTimes
}

/** What is seen of a clip: known before anything is decoded. */
export interface VideoCost {
  /** The request field. */
  readonly param: string
  /** The part that was looked at, and the whole, in seconds; of a list of frames from the first to the last. */
  readonly start: number
  readonly end: number
  readonly duration: number
  /** When each frame that is shown stands in the clip; as the prompt has them. */
  readonly times: readonly number[]
  readonly sampling: 'uniform' | 'keyframes' | 'scenes' | 'times'
  /** Positions of its features in the prompt. */
  readonly tokens: number
  /** Seconds at which scenes begin; where they were chosen by and the request is for what it costs. */
  readonly scenes?: readonly number[]
}

/** What became of one clip. */
export interface VideoSeen extends VideoCost {
  /** When the frames that were decoded are really shown, one a frame. */
  readonly shown: readonly number[]
  readonly tilesPerFrame: number
  /** Frames whose features came from the cache, and were neither decoded nor encoded. */
  readonly cachedFrames: number
  readonly conversions: readonly string[]
  /** Undefined for a list of frames. */
  readonly clip: ClipSeen | undefined
  readonly stations: StationTimes
}

/** What the file of a clip says of itself. */
export interface ClipSeen {
  /** mp4's `mov,mp4,m4a,3gp,3g2,mj2`, `matroska,webm`, … */
  readonly format: string
  readonly codec: string
  readonly bytes: number
  /** Hex, of the bytes. */
  readonly sha256: string
  readonly fileId?: string
  /** Upright, in square pixels. */
  readonly width: number
  readonly height: number
  readonly fps: number
  readonly frames: number
  readonly hasSound: boolean
}

/** What was looked at of one document. */
export interface DocumentSeen {
  /** The request field. */
  readonly param: string
  readonly fileId?: string
  readonly filename: string | undefined
  readonly bytes: number
  /** Hex, of the bytes. */
  readonly sha256: string
  /** Pages that it has, and the numbers of those that were put into the message. */
  readonly pageCount: number
  readonly pages: readonly number[]
  readonly content: 'text' | 'pictures' | 'both'
  /** Of `pages`: those with any text; 0 where none was looked for. */
  readonly pagesWithText: number
}
