/** What the server asks of a decoder process and what it answers. */
import type { ImagePreprocessing } from '../../models/preprocessing.ts'
import { fromWireError, type WireError } from '../errors.ts'
import type { ImageContent, ImageHeader, LoadedImage, MediaLimits, PreparedImage } from './types.ts'

/** Beside standard input, output and error. */
export const CHANNEL_FD = 3

export type Call =
  | {
      readonly do: 'open'
      /** What the body is. */
      readonly from: ImageContent['from']
      readonly param: string
      readonly limits: MediaLimits
    }
  | {
      readonly do: 'prepare'
      readonly from: ImageContent['from']
      readonly header: ImageHeader
      readonly preprocessing: ImagePreprocessing
      readonly param: string
      readonly limits: MediaLimits
    }

/** Answer to `open`. */
export type Opened = Pick<LoadedImage, 'sha256' | 'header'> & { readonly byteLength: number }

/** Answer to `prepare`; its body holds the pixels. */
export type Prepared = Omit<PreparedImage, 'pixels'>

export interface Failure {
  readonly error: WireError
}

/** Throws the error that the process reported, or returns its answer. */
export function unwrap<Answer extends Opened | Prepared>(head: unknown): Answer {
  const answer = head as Answer | Failure
  if ('error' in answer) throw fromWireError(answer.error)
  return answer
}
