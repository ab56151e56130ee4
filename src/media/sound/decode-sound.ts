/** A file of sound → its log-mel spectrogram; only as much of it is in memory as is being worked on. */
import { type FileHandle, open } from 'node:fs/promises'
import { AerieError } from '../../errors.ts'
import { type LogMel, LogMelStream, SAMPLE_RATE } from './log-mel.ts'
import { missingFromWav, readWavFormat, toMono, type WavFormat } from './wav.ts'

/** Read from a WAV at a time. */
const PIECE_BYTES = 256 * 1024

export interface SoundToDecode {
  readonly path: string
  readonly param: string
  /** Rows of the spectrogram. */
  readonly bins: number
  /** Silence is appended to shorter sounds. */
  readonly leastSeconds: number
  readonly maxSeconds: number
}

export interface DecodedSound {
  readonly mel: LogMel
  /** Of the sound itself. */
  readonly seconds: number
  /** What read it. */
  readonly reader: 'wav' | 'ffmpeg'
  /** Seconds that a WAV says to have and does not, as it was cut short; what there is of it was read. */
  readonly missingSeconds: number
}

/** What is read of a sound, and by whom. */
export type SoundInput = Omit<SoundToDecode, 'bins' | 'leastSeconds'>

/**
 * In a thread or process whose environment is `ffmpegEnvironment`. Throws `invalid_media`, `unsupported_media`, or `media_too_large` for a
 * sound of more than `maxSeconds`.
 */
export async function decodeSound(
  sound: SoundToDecode,
  signal: AbortSignal,
): Promise<DecodedSound> {
  const { param, bins, leastSeconds, maxSeconds } = sound
  const stream = new LogMelStream(bins)
  const reader = await readSamples(sound, signal, (samples) => {
    stream.push(samples)
    if (stream.samples <= maxSeconds * SAMPLE_RATE) return true
    const what = `the sound is longer than ${maxSeconds} s (maxSoundSeconds)`
    throw new AerieError('media_too_large', `${param}: ${what}`, { param })
  })
  const { samples } = stream
  if (samples === 0)
    throw new AerieError('invalid_media', `${param}: the sound is empty`, { param })
  const mel = stream.finish(leastSeconds * SAMPLE_RATE)
  const missingSeconds = await missingFrom(sound.path)
  return { mel, seconds: samples / SAMPLE_RATE, reader, missingSeconds }
}

/** Gives samples, mono at 16 kHz, to `take`, until that wants no more of them. Throws as `decodeSound`. */
export async function readSamples(
  sound: SoundInput,
  signal: AbortSignal,
  take: (samples: Float32Array) => boolean,
): Promise<DecodedSound['reader']> {
  const { path, param } = sound
  await using file = await open(path)
  const format = await readWavFormat((offset, length) => readAt(file, offset, length), param)
  const pieces = format ? wavSamples(file, format) : samplesByFfmpeg(sound, signal)
  for await (const samples of pieces) {
    signal.throwIfAborted()
    if (!take(samples)) break
  }
  return format ? 'wav' : 'ffmpeg'
}

async function missingFrom(path: string): Promise<number> {
  await using file = await open(path)
  const { size } = await file.stat()
  return await missingFromWav((offset, length) => readAt(file, offset, length), size)
}

async function* samplesByFfmpeg(
  sound: SoundInput,
  signal: AbortSignal,
): AsyncGenerator<Float32Array> {
  // What starts ffmpeg takes longer to load than a WAV to be read.
  const { decodeWithFfmpeg } = await import('./ffmpeg.ts')
  // One second more than is allowed is enough to know.
  yield* decodeWithFfmpeg({ ...sound, maxSeconds: sound.maxSeconds + 1 }, signal)
}

async function* wavSamples(file: FileHandle, format: WavFormat): AsyncGenerator<Float32Array> {
  const { offset, byteLength = Number.POSITIVE_INFINITY, channels, bits } = format
  const width = (channels * bits) / 8
  const most = Math.floor(PIECE_BYTES / width) * width
  for (let done = 0; done < byteLength; ) {
    const bytes = await readAt(file, offset + done, Math.min(most, byteLength - done))
    const whole = bytes.subarray(0, Math.floor(bytes.length / width) * width)
    // The file may end before it says that it does.
    if (whole.length === 0) return
    yield toMono(whole, format)
    done += whole.length
  }
}

/** Fewer bytes at the end of the file. */
export async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}
