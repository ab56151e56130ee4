/**
 * Runs ffmpeg over a file of sound. It reads one regular file and writes to a pipe, and has nothing of the environment but where programs lie; formats that name
 * other files, playlists among them, are not opened, so nothing in a file leads to the network or to another file.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { AerieError } from '../../errors.ts'
import { SAMPLE_RATE } from './log-mel.ts'

/** Demuxers of what is taken; `mov` is also m4a, `matroska` also WebM. */
const FORMATS = 'wav,w64,aiff,mp3,flac,ogg,mov,matroska,aac,amr,caf'
const BYTES_PER_SAMPLE = 2
const MAX_STDERR = 2000
const MAX_ALLOCATION = 256 * 2 ** 20

export interface SoundInput {
  readonly path: string
  readonly ffmpegPath: string
  /** Folders in which it is looked for, as in `PATH`. */
  readonly searchPath: string
  /** No more than so much of the sound is decoded. */
  readonly maxSeconds: number
  /** After which ffmpeg ends itself. */
  readonly maxProcessorSeconds: number
  readonly param: string
}

/** What ended badly; `stderr` is the end of what it said, and may hold the path. */
class FfmpegFailure extends Error {}

/**
 * The first sound track, mono at 16 kHz, −1…1, piece by piece. Whoever stops reading stops ffmpeg. Throws `invalid_media`,
 * `unsupported_media`, also where there is no ffmpeg, or what the signal was aborted with.
 */
export async function* decodeWithFfmpeg(
  input: SoundInput,
  signal: AbortSignal,
): AsyncGenerator<Float32Array> {
  const { path, ffmpegPath, searchPath, maxSeconds, maxProcessorSeconds, param } = input
  const child = spawn(
    ffmpegPath,
    [
      ...['-nostdin', '-hide_banner', '-v', 'error', '-timelimit', `${maxProcessorSeconds}`],
      ...['-max_alloc', `${MAX_ALLOCATION}`],
      ...['-protocol_whitelist', 'file,pipe', '-format_whitelist', FORMATS, '-threads', '1'],
      // `file:` keeps a path from being read as a protocol or an option.
      ...['-vn', '-sn', '-dn', '-i', `file:${path}`, '-map', '0:a:0', '-t', `${maxSeconds}`],
      ...['-ac', '1', '-ar', `${SAMPLE_RATE}`, '-f', 's16le', 'pipe:1'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: searchPath } },
  )
  const ended = endOf(child)
  // Whoever stops reading hears of no failure.
  ended.catch(() => {})
  const kill = () => child.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  try {
    let rest: Buffer = Buffer.alloc(0)
    for await (const piece of child.stdout as AsyncIterable<Buffer>) {
      const bytes = rest.length > 0 ? Buffer.concat([rest, piece]) : piece
      const samples = Math.floor(bytes.length / BYTES_PER_SAMPLE)
      rest = bytes.subarray(samples * BYTES_PER_SAMPLE)
      yield Float32Array.from({ length: samples }, (_, i) => bytes.readInt16LE(2 * i) / 2 ** 15)
    }
    await ended
  } catch (cause) {
    signal.throwIfAborted()
    throw described(cause, param)
  } finally {
    signal.removeEventListener('abort', kill)
    kill()
  }
}

function endOf(child: ChildProcessByStdio<null, Readable, Readable>): Promise<void> {
  let stderr = ''
  child.stderr.on('data', (text: Buffer) => {
    stderr = (stderr + text).slice(-MAX_STDERR)
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, by) => {
      if (code === 0) resolve()
      else reject(new FfmpegFailure(`ffmpeg ended with ${by ?? code}: ${stderr}`))
    })
  })
}

/** What ffmpeg says → what the client is told; first match wins. */
const REASONS: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/matches no streams/i, 'there is no sound in it'],
  [/not on whitelist/i, 'it is of a format that is not read here, such as a playlist'],
]

function described(cause: unknown, param: string): unknown {
  if (
    (cause as NodeJS.ErrnoException).code === 'ENOENT' ||
    (cause as NodeJS.ErrnoException).code === 'EACCES'
  ) {
    const what =
      'this format needs ffmpeg, which this server does not find (see `aerie doctor`); WAV of plain samples at 16 kHz is read without'
    return new AerieError('unsupported_media', `${param}: ${what}`, { param, cause })
  }
  if (!(cause instanceof FfmpegFailure)) return cause
  const [, why] = REASONS.find(([pattern]) => pattern.test(cause.message)) ?? []
  const what = why ?? 'the sound cannot be decoded: it is damaged, cut short or of no known format'
  return new AerieError('invalid_media', `${param}: ${what}`, { param, cause })
}
