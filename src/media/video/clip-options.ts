/** What the room of clips may use, and where. */
import { tmpdir } from 'node:os'
import type { ClipLimits } from './contract.ts'

export interface ClipOptions {
  /** Decoder processes of clips, each with one ffmpeg at a time; started by the first clip. */
  readonly workers: number
  /** Clips that may wait, for a decoder or to be fetched; beyond that `queue_full`. */
  readonly maxWaiting: number
  readonly limits: ClipLimits
  /** Of one call: probing, looking for keyframes or scenes, preparing frames. */
  readonly timeoutMs: number
  readonly fetchTimeoutMs: number
  /** The folder in which a folder for clips is made. */
  readonly spoolFolder: string
  readonly maxSpoolBytes: number
  /** Address space of one ffmpeg. */
  readonly maxFfmpegBytes: number
  readonly ffmpeg: string
  readonly ffprobe: string
  /** Folders in which programs are looked for, as in `PATH`. */
  readonly searchPath: string
  /** Characters of the longest text that a clip may come in. */
  readonly maxTextBytes: number
}

const MiB = 2 ** 20

/** Those of the configuration. */
export const CLIP_DEFAULTS: ClipOptions = {
  workers: 2,
  maxWaiting: 64,
  limits: {
    maxVideoBytes: 512 * MiB,
    maxVideoSeconds: 14_400,
    maxVideoPixels: 9_500_000,
    maxVideoFrames: 256,
  },
  timeoutMs: 60_000,
  fetchTimeoutMs: 60_000,
  spoolFolder: tmpdir(),
  maxSpoolBytes: 4096 * MiB,
  maxFfmpegBytes: 2048 * MiB,
  ffmpeg: 'ffmpeg',
  ffprobe: 'ffprobe',
  searchPath: '/usr/local/bin:/usr/bin:/bin',
  maxTextBytes: 64 * MiB,
}
