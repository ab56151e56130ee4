/** What the server asks of a decoder process and what it answers. */
import type { Preprocessing } from '../../models/preprocessing.ts'
import type { PictureLayout } from '../../models/tiling/layout.ts'
import { fromWireError, type WireError } from '../errors.ts'
import type { ImageContent, ImageHeader, LoadedImage, MediaLimits, PreparedImage } from './types.ts'
import type { Found, PreparedClip, Probed } from './video/clip-protocol.ts'

/** Beside standard input, output and error. */
export const CHANNEL_FD = 3

interface Common {
  /** The same in every call for one picture and in no other. */
  readonly picture: number
  readonly param: string
  readonly limits: MediaLimits
}

export type Call =
  | (Common & {
      readonly do: 'open'
      /** What the body is. */
      readonly from: ImageContent['from']
    })
  | (Common & {
      readonly do: 'prepare'
      /** As above; `kept`: there is no body, since the process still has the file from `open`. */
      readonly from: ImageContent['from'] | 'kept'
      readonly header: ImageHeader
      readonly preprocessing: Preprocessing
      readonly layout: PictureLayout
    })

/** Answer to `open`. */
export type Opened = Pick<LoadedImage, 'sha256' | 'header'> & { readonly byteLength: number }

/** Answer to `prepare`; its body holds the pixels. */
export type Prepared = Omit<PreparedImage, 'pixels'>

export interface Failure {
  readonly error: WireError
}

export function isFailure(head: unknown): head is Failure {
  return 'error' in (head as object)
}

/** Throws the error that the process reported, or returns its answer. */
export function unwrap<Answer extends Opened | Prepared | Probed | Found | PreparedClip>(
  head: unknown,
): Answer {
  if (isFailure(head)) throw fromWireError(head.error)
  return head as Answer
}
