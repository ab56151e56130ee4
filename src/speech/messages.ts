/** What the main thread and the speech worker say to each other. */
import type { BackendOptions } from '../engine/backend.ts'
import type { DisposeMessage } from '../engine/worker-host.ts'
import type { WireError } from '../errors.ts'
import type { WindowRequest, WindowResult } from './window.ts'

export interface SpeechWorkerData {
  readonly modelDir: string
  readonly backend: string
  readonly backendOptions: BackendOptions
  /** Windows that are decoded together. */
  readonly maxRows: number
}

export interface WindowMessage {
  readonly type: 'window'
  readonly id: number
  /** [bins, frames], transferred. */
  readonly mel: Float32Array
  readonly request: WindowRequest
}

export type ToSpeech =
  | WindowMessage
  | { readonly type: 'cancel'; readonly id: number }
  | DisposeMessage

export type FromSpeech =
  /** The window has left the queue. */
  | { readonly type: 'started'; readonly id: number }
  | { readonly type: 'step'; readonly rows: number }
  | {
      readonly type: 'done'
      readonly id: number
      readonly result: WindowResult
      /** Attempts after the first. */
      readonly retries: number
      readonly encodeMs: number
    }
  | { readonly type: 'failed'; readonly id: number; readonly error: WireError }
