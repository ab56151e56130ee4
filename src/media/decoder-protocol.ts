/** What the server asks of a decoder process and what it answers. */
import type { ImagePreprocessing } from '../../models/preprocessing.ts'
import { fromWireError, type WireError } from '../errors.ts'
import type { ImageHeader, LoadedImage, MediaLimits, PreparedImage } from './types.ts'

/** Beside standard input, output and error. */
export const CHANNEL_FD = 3

export type Call =
  | {
      readonly do: 'open'
      /** The body is the text of a data URI, or a file. */
      readonly from: 'data-uri' | 'file'
      readonly param: string
      readonly limits: MediaLimits
    }
  | {
      readonly do: 'prepare'
      readonly header: ImageHeader
      readonly preprocessing: ImagePreprocessing
      readonly param: string
      readonly limits: MediaLimits
    }

/** Answer to `open`; its body holds the file when a data URI came. */
export type Opened = Pick<LoadedImage, 'sha256' | 'header'>

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
