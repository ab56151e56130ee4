/** What a process or thread that starts ffmpeg has for an environment: which programs, and the bounds that `bounded.sh` sets. */

export interface FfmpegBounds {
  readonly ffmpeg: string
  /** Absent: it is not asked for. */
  readonly ffprobe?: string
  /** Folders in which programs are looked for, as in `PATH`. */
  readonly searchPath: string
  /** Address space of one ffmpeg. */
  readonly maxFfmpegBytes: number
  /** After which whoever waits for ffmpeg ends it. */
  readonly timeoutMs: number
}

/** Reading, decoding and filtering each have a thread of their own: no more than so many cores are used at once. */
const THREADS = 3
/** For the start of the program. */
const MARGIN_SECONDS = 5

/** Nothing of the server's own environment is in it. */
export function ffmpegEnvironment(bounds: FfmpegBounds): Readonly<Record<string, string>> {
  const { ffmpeg, ffprobe, searchPath, maxFfmpegBytes, timeoutMs } = bounds
  // A backstop for when nobody is there any more to end it.
  const seconds = THREADS * Math.ceil(timeoutMs / 1000) + MARGIN_SECONDS
  return {
    PATH: searchPath,
    FFMPEG_PROGRAM: ffmpeg,
    ...(ffprobe !== undefined && { FFPROBE_PROGRAM: ffprobe }),
    FFMPEG_MEMORY_KIB: `${Math.ceil(maxFfmpegBytes / 1024)}`,
    FFMPEG_CPU_SECONDS: `${seconds}`,
  }
}
