/** What ffmpeg is asked about sounds, in sound threads; `../ffmpeg/run.ts` starts it. */
import { AerieError } from '../../errors.ts'
import { explained, FfmpegFailure, type Reason } from '../ffmpeg/failure.ts'
import { addressOf, newCommand, outputOf, safeInput } from '../ffmpeg/run.ts'
import { SAMPLE_RATE } from './log-mel.ts'

/** Demuxers of what is taken; `mov` is also m4a, `matroska` also WebM. */
const FORMATS = 'wav,w64,aiff,mp3,flac,ogg,mov,matroska,aac,amr,caf'
const BYTES_PER_SAMPLE = 2
/** One allocation of ffmpeg's. */
const MAX_ALLOCATION = 256 * 2 ** 20

export interface SoundInput {
  readonly path: string
  /** No more than so much of the sound is decoded. */
  readonly maxSeconds: number
  readonly param: string
}

/**
 * The first sound track, mono at 16 kHz, −1…1, piece by piece. Whoever stops reading stops ffmpeg. Throws `invalid_media`, `media_too_large`
 * where it ran into its bounds, `unsupported_media` where there is no ffmpeg, or what the signal was aborted with.
 */
export async function* decodeWithFfmpeg(
  { path, maxSeconds, param }: SoundInput,
  signal: AbortSignal,
): AsyncGenerator<Float32Array> {
  const command = newCommand()
    .input(addressOf(path))
    .inputOptions([...safeInput(FORMATS), '-threads', '1', '-vn', '-sn', '-dn'])
    .outputOptions(['-nostdin', '-v', 'error', '-max_alloc', `${MAX_ALLOCATION}`])
    .outputOptions(['-map', '0:a:0', '-t', `${maxSeconds}`])
    .outputOptions(['-ac', '1', '-ar', `${SAMPLE_RATE}`, '-f', 's16le'])
  try {
    let rest: Buffer = Buffer.alloc(0)
    for await (const piece of outputOf(command, signal)) {
      const bytes = rest.length > 0 ? Buffer.concat([rest, piece]) : piece
      const samples = Math.floor(bytes.length / BYTES_PER_SAMPLE)
      rest = bytes.subarray(samples * BYTES_PER_SAMPLE)
      yield Float32Array.from({ length: samples }, (_, i) => bytes.readInt16LE(2 * i) / 2 ** 15)
    }
  } catch (error) {
    signal.throwIfAborted()
    throw described(error, param)
  }
}

/** What ffmpeg says of sounds → what the client is told. */
const REASONS: readonly Reason[] = [
  [/matches no streams/i, 'invalid_media', 'there is no sound in it'],
  [
    /not on whitelist/i,
    'invalid_media',
    'the sound is of a format that is not read here; send WAV, MP3, FLAC, Ogg, M4A, AAC, WebM, AIFF, CAF or AMR. Playlists are refused, as they name other files',
  ],
]

function described(cause: unknown, param: string): unknown {
  if (cause instanceof FfmpegFailure && cause.isMissing) {
    const what =
      'this format needs ffmpeg, which this server does not find (see `aerie doctor`); WAV of plain samples at 16 kHz is read without'
    return new AerieError('unsupported_media', `${param}: ${what}`, { param, cause })
  }
  return explained(cause, {
    ...{ param, subject: 'the sound', reasons: REASONS },
    otherwise: 'the sound cannot be decoded: it is damaged, cut short or of no known format',
    ...{ memoryKey: 'soundMemoryBytes', timeoutKey: 'soundTimeoutMs' },
  })
}
