/** What the media room makes of a clip: facts before decoding, moments to look at, and their frames as tiles. */
import type { Preprocessing } from '../../../models/preprocessing.ts'
import type { PictureLayout } from '../../../models/tiling/layout.ts'

/** Where a clip comes from. `param` is the request field, for error messages. */
export interface ClipSource {
  /** An http(s) URL or data: URI as the client sent it; bare base64; or a file of this machine that the server itself chose. */
  readonly from:
    | { readonly url: string }
    | { readonly base64: string }
    | { readonly path: string; readonly byteLength: number }
  readonly param: string
}

/** Limits on untrusted clips, each named in its error. */
export interface ClipLimits {
  readonly maxVideoBytes: number
  readonly maxVideoSeconds: number
  /** Of one frame, upright, with square pixels. */
  readonly maxVideoPixels: number
  /** Frames of one clip in one call of `prepare`. */
  readonly maxVideoFrames: number
}

/** What ffprobe says of a clip, without decoding more than a few frames. */
export interface ClipHeader {
  /** ffmpeg's name of the container: `mov,mp4,…`, `matroska,webm`, … */
  readonly format: string
  /** ffmpeg's name of the video codec: h264, hevc, vp9, … */
  readonly codec: string
  /** Upright, in square pixels, as a player would show it. */
  readonly width: number
  readonly height: number
  /** Seconds; found by reading the packets where the container does not say. */
  readonly duration: number
  /** Frames a second, on average. */
  readonly fps: number
  /** Frames, as the container says or as duration and rate give. */
  readonly frames: number
  readonly hasSound: boolean
  /** What is done to each frame, in words: 'turned by 90°', 'pixels 4:3 made square', 'HDR (PQ) → SDR', 'deinterlaced'. */
  readonly conversions: readonly string[]
}

/** A clip that lies on this machine, probed; nothing is decoded yet. */
export interface LoadedClip {
  readonly header: ClipHeader
  readonly byteLength: number
  /** Hex SHA-256 of the file. */
  readonly sha256: string
  readonly fetchMs: number
}

/** Which moments of a clip may be chosen. Seconds from its beginning. */
export interface ClipWindow {
  readonly start: number
  readonly end: number
}

/** Frames ready for the towers, in the order of the times asked for. */
export interface PreparedFrames {
  /** Normalised `[frames · tiles, 3, size, size]`. */
  readonly pixels: Float32Array
  /**
   * When each frame that was found is shown, in seconds: the last one before or at the time asked for, half a millisecond
   * of leeway included; the first one where the clip shows nothing yet.
   */
  readonly times: readonly number[]
  /** Beyond those of the header: how frames were resized, and what was wrong with the clip: 'breaks off at 3.2 s: …'. */
  readonly conversions: readonly string[]
  readonly decodeMs: number
  readonly preprocessMs: number
  /** When decoding began, by `machineMs`; frames were preprocessed as they came. */
  readonly startedAt: number
}

export interface ClipStats {
  /** Clips that wait for ffmpeg or for their turn to be fetched. */
  readonly waiting: number
  readonly maxWaiting: number
  readonly fetching: number
  readonly maxFetching: number
  /** Clips that ffmpeg works on. */
  readonly running: number
  readonly workers: number
  /** Bytes of clips in the spool folder, and the bound. */
  readonly spoolBytes: number
  readonly maxSpoolBytes: number
}

/** Clips as the main thread sees them: no frame passes through it but as tiles. */
export interface Clips {
  readonly limits: ClipLimits
  /**
   * Takes the clip to the disk, hashes and probes it. Errors as of pictures: `invalid_media`, `unsupported_media` (also where
   * there is no ffmpeg), `media_too_large`, `media_fetch_failed`, `queue_full`, `insufficient_storage`, `not_found` for a path.
   */
  load(source: ClipSource, signal: AbortSignal): Promise<LoadedClip>
  /** Times of the keyframes in the window, from the index or the packets: nothing is decoded. */
  keyframes(
    clip: LoadedClip,
    window: ClipWindow,
    param: string,
    signal: AbortSignal,
  ): Promise<readonly number[]>
  /**
   * Times at which another scene begins, behind the start of the window and up to its end, in order; of more than ten thousand the
   * clearest. Decodes the window.
   */
  scenes(
    clip: LoadedClip,
    window: ClipWindow,
    param: string,
    signal: AbortSignal,
  ): Promise<readonly number[]>
  /**
   * Seeks to each time, decodes what lies between keyframe and it, and preprocesses, in a decoder process. Refuses more than
   * `maxVideoFrames` times and more than 1 GiB of pixels with `media_too_large`.
   */
  prepare(
    clip: LoadedClip,
    times: readonly number[],
    preprocessing: Preprocessing,
    layout: PictureLayout,
    param: string,
    signal: AbortSignal,
  ): Promise<PreparedFrames>
  /** Where a loaded clip lies until it is released. */
  fileOf(clip: LoadedClip): { readonly path: string; readonly byteLength: number }
  /** The clip will not be asked for again: its file goes, unless it was the server's own. Again is harmless. */
  release(clip: LoadedClip): void
  stats(): ClipStats
  dispose(): Promise<void>
}
