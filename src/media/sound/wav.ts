/** Uncompressed WAV at 16 kHz, read without ffmpeg: RIFF chunks, PCM of 8 to 32 bits or floats, any number of channels. */
import { AerieError } from '../../errors.ts'
import { SAMPLE_RATE } from './log-mel.ts'

const HEAD_BYTES = 12
const CHUNK_BYTES = 8
/** Of what may stand before the samples: text about the recording. */
const MOST_HEAD_BYTES = 1024 * 1024
const MOST_CHANNELS = 64

/** `WAVE_FORMAT_EXTENSIBLE` has the real one in its sub-format. */
const EXTENSIBLE = 0xfffe

export interface WavFormat {
  readonly kind: 'integer' | 'float'
  readonly channels: number
  readonly bits: number
  /** Where the samples begin. */
  readonly offset: number
  /** Undefined where the file says none, or more than it can have: samples go on to its end. */
  readonly byteLength: number | undefined
}

/** Reads bytes of a file; fewer than asked for at its end. */
export type ReadAt = (offset: number, length: number) => Promise<Buffer>

/**
 * Where and what the samples are. Undefined for what is no WAV, or one that needs ffmpeg: compressed, or of another rate.
 * Throws `invalid_media` for a WAV that is damaged.
 */
export async function readWavFormat(read: ReadAt, param: string): Promise<WavFormat | undefined> {
  const head = await read(0, HEAD_BYTES)
  if (!isWav(head)) return undefined
  let format: Omit<WavFormat, 'offset' | 'byteLength'> | 'other' | undefined
  for await (const { name, start, size } of chunksOf(read)) {
    if (name === 'fmt ') format = parseFormat(await read(start, 40), size)
    if (name === 'data') {
      if (format === 'other') return undefined
      if (!format) throw damaged(param, 'the samples come before their format')
      return { ...format, offset: start, byteLength: isKnown(size) ? size : undefined }
    }
  }
  throw damaged(param, 'there are no samples')
}

/**
 * Seconds that a WAV of any format says to have and a file of `byteLength` does not: of one that was cut short. 0 for all that
 * is no WAV, or does not say how long it is.
 */
export async function missingFromWav(read: ReadAt, byteLength: number): Promise<number> {
  if (!isWav(await read(0, HEAD_BYTES))) return 0
  let bytesPerSecond = 0
  for await (const { name, start, size } of chunksOf(read)) {
    if (name === 'fmt ') {
      const format = await read(start, 16)
      if (format.length === 16) bytesPerSecond = format.readUInt32LE(8)
    }
    if (name !== 'data') continue
    if (!isKnown(size) || bytesPerSecond === 0) return 0
    return Math.max(0, start + size - byteLength) / bytesPerSecond
  }
  return 0
}

function isWav(head: Buffer): boolean {
  return head.toString('latin1', 0, 4) === 'RIFF' && head.toString('latin1', 8, 12) === 'WAVE'
}

/** Recorders that were cut off, and programs that write into a pipe, leave 0, or a number close to the largest of 32 or 31 bits. */
function isKnown(size: number): boolean {
  return size > 0 && size < 0xffff_ff00 && (size < 0x7fff_0000 || size > 0x7fff_ffff)
}

/** Up to the samples, where these are where they should be. */
async function* chunksOf(
  read: ReadAt,
): AsyncGenerator<{ readonly name: string; readonly start: number; readonly size: number }> {
  for (let at = HEAD_BYTES; at < MOST_HEAD_BYTES; ) {
    const chunk = await read(at, CHUNK_BYTES)
    if (chunk.length < CHUNK_BYTES) return
    const size = chunk.readUInt32LE(4)
    const start = at + CHUNK_BYTES
    yield { name: chunk.toString('latin1', 0, 4), start, size }
    at = start + size + (size % 2)
  }
}

function parseFormat(
  chunk: Buffer,
  size: number,
): Omit<WavFormat, 'offset' | 'byteLength'> | 'other' | undefined {
  if (chunk.length < 16 || size < 16) return undefined
  const tag = chunk.readUInt16LE(0)
  const channels = chunk.readUInt16LE(2)
  const rate = chunk.readUInt32LE(4)
  const blockBytes = chunk.readUInt16LE(12)
  const bits = chunk.readUInt16LE(14)
  const format = tag === EXTENSIBLE && chunk.length >= 26 ? chunk.readUInt16LE(24) : tag
  const kind = format === 1 ? 'integer' : format === 3 ? 'float' : undefined
  const sizes = kind === 'float' ? [32, 64] : [8, 16, 24, 32]
  if (!kind || !sizes.includes(bits) || rate !== SAMPLE_RATE) return 'other'
  if (channels < 1 || channels > MOST_CHANNELS || blockBytes !== (channels * bits) / 8)
    return 'other'
  return { kind, channels, bits }
}

/** Whole frames of interleaved samples → one mono sample each, the mean of the channels, −1…1. Others are left over. */
export function toMono(bytes: Buffer, { kind, channels, bits }: WavFormat): Float32Array {
  const width = bits / 8
  const frames = Math.floor(bytes.length / (width * channels))
  const read = READERS[`${kind}${bits}`]!
  return Float32Array.from({ length: frames }, (_, frame) => {
    let sum = 0
    for (let channel = 0; channel < channels; channel++)
      sum += read(bytes, (frame * channels + channel) * width)
    const mean = sum / channels
    return Number.isFinite(mean) ? mean : 0
  })
}

const READERS: Readonly<Record<string, (bytes: Buffer, at: number) => number>> = {
  integer8: (bytes, at) => (bytes[at]! - 128) / 128,
  integer16: (bytes, at) => bytes.readInt16LE(at) / 2 ** 15,
  integer24: (bytes, at) => bytes.readIntLE(at, 3) / 2 ** 23,
  integer32: (bytes, at) => bytes.readInt32LE(at) / 2 ** 31,
  float32: (bytes, at) => bytes.readFloatLE(at),
  float64: (bytes, at) => bytes.readDoubleLE(at),
}

function damaged(param: string, what: string): AerieError {
  return new AerieError('invalid_media', `${param}: the WAV file is damaged: ${what}`, { param })
}
