/** Sounds of a conversation as the HTTP edge asks for them, and what it is told of them. */
import type { FormatClaim } from '../media/sound/hear-sound.ts'
import type { StationTimes } from './contract.ts'

/** A sound. */
export interface SoundPart {
  readonly type: 'sound'
  readonly from:
    | { readonly url: string }
    | { readonly base64: string }
    /** A file of this machine; `fileId` where it was uploaded. */
    | { readonly path: string; readonly byteLength: number; readonly fileId?: string }
  /** What the request says that it is. */
  readonly claim?: FormatClaim
  readonly param: string
}

/** The first sound track of the clip that stands before it in the same message. */
export interface TrackPart {
  readonly type: 'track'
  readonly param: string
}

/** A sound of which the file is to be found. */
export interface FiledSound extends Pick<SoundPart, 'claim' | 'param'> {
  readonly type: 'filed-sound'
  readonly fileId: string
}

/** What is heard of a sound: known before the tower hears it. */
export interface SoundCost {
  /** The request field. */
  readonly param: string
  /** Seconds. */
  readonly duration: number
  /** The last one is filled up with silence. */
  readonly windows: number
  /** Positions of its features in the prompt. */
  readonly tokens: number
}

/** What became of one sound. */
export interface SoundSeen extends SoundCost {
  /** wav, mp3, …; undefined where the first bytes do not tell. */
  readonly format: string | undefined
  readonly codec: string | undefined
  readonly bytes: number
  /** Hex, of the bytes. */
  readonly sha256: string
  readonly fileId?: string
  /** The features came from the cache; no tower heard it. */
  readonly cached: boolean
  readonly cache: 'memory' | 'disk' | undefined
  readonly stations: StationTimes
}
