/** What the server asks of a decoder process of clips and what it answers. */
import type { Preprocessing } from '../../../models/preprocessing.ts'
import type { PictureLayout } from '../../../models/tiling/layout.ts'
import type { ClipHeader, ClipLimits, ClipWindow } from './contract.ts'

/** What seeking and filters need to know of a clip beyond its header. */
export interface ClipFacts {
  /** Index of its video stream in the file. */
  readonly stream: number
  /** Second of the file's own time at which the clip begins. */
  readonly origin: number
  readonly format: string
  readonly fps: number
  readonly duration: number
  /** Upright, in square pixels. */
  readonly width: number
  readonly height: number
  readonly isInterlaced: boolean
  readonly hasAlpha: boolean
  /** ffmpeg's name of a decoder that sees what the usual one of the codec does not. */
  readonly decoder?: string
  /** Curve, primaries and matrix of a clip of high dynamic range, in ffmpeg's words. */
  readonly hdr?: { readonly transfer: string; readonly primaries: string; readonly matrix: string }
}

interface Common {
  /** The same in every call for one clip and in no other. */
  readonly picture: number
  readonly param: string
  readonly limits: ClipLimits
  readonly path: string
}

interface OfFacts extends Common {
  readonly facts: ClipFacts
}

export type ClipCall =
  | (Common & {
      readonly do: 'probe-clip'
      /** What the body is, to be written to `path` first; absent: the file is there. */
      readonly from?: 'data-uri' | 'base64'
      /** Whether the SHA-256 is not known yet. */
      readonly isToHash: boolean
    })
  | (OfFacts & { readonly do: 'find-keyframes'; readonly window: ClipWindow })
  | (OfFacts & { readonly do: 'find-scenes'; readonly window: ClipWindow })
  | (OfFacts & {
      readonly do: 'prepare-frames'
      readonly times: readonly number[]
      readonly preprocessing: Preprocessing
      readonly layout: PictureLayout
    })

/** Sent while a call is worked on: stop. The process answers it with `cancelled`. */
export interface Cancel {
  readonly cancel: true
}

/** Answer to `probe-clip`. */
export interface Probed {
  readonly header: ClipHeader
  readonly facts: ClipFacts
  readonly byteLength: number
  /** Undefined where it was not asked for. */
  readonly sha256?: string
}

/** Answer to `find-keyframes` and `find-scenes`; its body holds the times, as 64-bit floats. */
export type Found = Record<string, never>

/** Answer to `prepare-frames`; its body holds the pixels. */
export interface PreparedClip {
  readonly times: readonly number[]
  readonly conversions: readonly string[]
  readonly decodeMs: number
  readonly preprocessMs: number
  readonly startedAt: number
}
