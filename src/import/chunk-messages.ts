/** What the importing thread and its two workers say to each other. */
import type { StoredType } from '../weights/stored-type.ts'
import type { Segment } from './chunks.ts'

export interface WorkerJob {
  readonly job: 'hash' | 'scan'
  /** Buffers that hold a chunk each while it is worked on. */
  readonly slots: readonly SharedArrayBuffer[]
}

export type ToChunkWorker =
  | {
      readonly type: 'chunk'
      readonly slot: number
      readonly byteLength: number
      readonly segments: readonly Segment[]
    }
  /** The file is over: its digest is asked for. */
  | { readonly type: 'end' }

export type FromChunkWorker =
  | { readonly type: 'done'; readonly slot: number }
  | { readonly type: 'digest'; readonly digest: string }
  | {
      readonly type: 'bad'
      readonly tensor: string
      readonly dtype: StoredType
      readonly skippedBytes: number
      /** Element within the segment. */
      readonly index: number
    }
