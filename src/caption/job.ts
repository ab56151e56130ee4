/** What a run is asked to do, and the words that its parts share. */

export const FORMATS = ['jsonl', 'srt', 'vtt'] as const
export type Format = (typeof FORMATS)[number]

export const SAMPLINGS = ['uniform', 'keyframes', 'scenes'] as const

/** How a clip is cut: into pieces of so many seconds, where scenes change, or not at all. */
export type SegmentRule = { readonly seconds: number } | SceneRule | 'whole'

/** Cuts at changes of scenes that make no segment shorter than `least`; what is longer than `longest` is divided evenly. Seconds. */
export interface SceneRule {
  readonly least: number
  /** At least twice `least`. */
  readonly longest: number
}

/** Which frames of a segment are shown; undefined: as the model was trained. */
export interface FrameRule {
  readonly fps: number | undefined
  readonly maxFrames: number | undefined
  readonly sampling: (typeof SAMPLINGS)[number] | undefined
}

/** Everything that decides what is written. */
export interface CaptionJob {
  /** A folder, a list, one clip, or `-`. */
  readonly input: string
  readonly out: string
  readonly format: Format
  readonly prompt: string
  readonly segment: SegmentRule
  readonly frames: FrameRule
  readonly maxTokens: number | undefined
}

/** One clip of the input. */
export interface ClipEntry {
  /** Unlike all others of the input: the path below the folder, the line of the list, or what the line says. */
  readonly id: string
  /** A path, or an http(s) URL. */
  readonly source: string
  /** Seconds; undefined: the clip's own beginning and end. */
  readonly start: number | undefined
  readonly end: number | undefined
  /** Undefined: the job's. */
  readonly prompt: string | undefined
  readonly segment: SegmentRule | undefined
}

/** A line of the input that names no clip. */
export interface BadLine {
  readonly id: string
  readonly problem: string
}

/** A part of a clip, in seconds. */
export interface Span {
  readonly start: number
  readonly end: number
}

export function isUrl(source: string): boolean {
  return /^https?:\/\//i.test(source)
}

/** Why a clip, or a segment of it, was not captioned. It never stops a run. */
export class ClipFailure extends Error {
  override readonly name = 'ClipFailure'
  readonly code: string
  /** The field of the request that the server named. */
  readonly param: string | undefined

  constructor(code: string, message: string, param?: string) {
    super(message)
    this.code = code
    this.param = param
  }
}
