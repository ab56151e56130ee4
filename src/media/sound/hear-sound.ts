/** A file of sound → windows of log-mel, as the sound tower of a model that answers takes them, and what the file is. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { HearingModel } from '../../../models/family.ts'
import { AerieError } from '../../errors.ts'
import { pictureName, sniff } from '../sniff.ts'
import { type DecodedSound, readAt, readSamples, type SoundInput } from './decode-sound.ts'
import { HOP, type LogMel, LogMelStream, SAMPLE_RATE } from './log-mel.ts'
import {
  isFormat,
  SOUND_HEAD_BYTES,
  type SoundFormat,
  soundFormat,
  tagBytes,
} from './sound-format.ts'

export interface SoundToHear extends SoundInput {
  readonly hearing: Pick<HearingModel, 'melBins' | 'windowFrames' | 'maxWindows'>
  /** Seconds of the sound that are heard; absent: all. */
  readonly part?: SoundPart
  /** What the request says that it is; absent: nothing. */
  readonly claim?: FormatClaim
}

/** From `start` to `end`, or to the end of the sound. */
export interface SoundPart {
  readonly start: number
  readonly end: number | undefined
}

export interface FormatClaim {
  readonly format: string
  /** The request field, for the error. */
  readonly param: string
}

export interface HeardSound {
  /** Log-mel `[windows, bins, windowFrames]`, silence behind the sound included. */
  readonly mel: Float32Array<ArrayBuffer>
  readonly windows: number
  /** Frames of 10 ms in which there is sound; at least 1. */
  readonly frames: number
  /** Of the sound itself, or of its part. */
  readonly seconds: number
  /** Hex SHA-256 of the file. */
  readonly sha256: string
  /** Undefined where the first bytes do not tell. */
  readonly format: SoundFormat['name'] | undefined
  readonly codec: string | undefined
  readonly reader: DecodedSound['reader']
}

/**
 * Throws `invalid_media`, also for a format that is not what was claimed, `unsupported_media`, or `media_too_large` for more than
 * `maxWindows`. No more than these is ever decoded.
 */
export async function hearSound(sound: SoundToHear, signal: AbortSignal): Promise<HeardSound> {
  const { path, param, hearing, part, claim } = sound
  const found = await identify(path, param)
  if (claim && found && !isFormat(claim.format, found)) {
    const what = `${claim.param}: expected the format of the data, which is ${found.words}, got ${JSON.stringify(claim.format)}`
    throw new AerieError('invalid_media', what, { param: claim.param })
  }
  const { melBins, windowFrames, maxWindows } = hearing
  const windowSamples = windowFrames * HOP
  const most = Math.min(sound.maxSeconds * SAMPLE_RATE, maxWindows * windowSamples)
  const start = Math.round((part?.start ?? 0) * SAMPLE_RATE)
  const end = part?.end === undefined ? undefined : Math.round(part.end * SAMPLE_RATE)
  const stream = new LogMelStream(melBins)
  let passed = 0
  const maxSeconds = (end ?? start + most) / SAMPLE_RATE
  const reader = await readSamples({ ...sound, maxSeconds }, signal, (samples) => {
    const from = Math.max(0, start - passed)
    const to = Math.min(samples.length, (end ?? Number.POSITIVE_INFINITY) - passed)
    passed += samples.length
    if (from < to) stream.push(samples.subarray(from, to))
    if (stream.samples > most) throw tooLong(sound, most / SAMPLE_RATE)
    return end === undefined || passed < end
  })
  const { samples } = stream
  if (samples === 0) {
    const what = part ? `there is no sound from ${part.start} s on` : 'the sound is empty'
    throw new AerieError('invalid_media', `${param}: ${what}`, { param })
  }
  const windows = Math.ceil(samples / windowSamples)
  return {
    mel: inWindows(stream.finish(windows * windowSamples), windowFrames),
    windows,
    frames: Math.ceil(samples / HOP),
    seconds: samples / SAMPLE_RATE,
    sha256: await digest(path, signal),
    ...{ format: found?.name, codec: found?.codec, reader },
  }
}

function tooLong({ param, hearing, maxSeconds }: SoundToHear, most: number): AerieError {
  const why =
    most < maxSeconds
      ? `the model hears at most ${most} s of one, ${hearing.maxWindows} windows of ${(hearing.windowFrames * HOP) / SAMPLE_RATE} s`
      : `maxSoundSeconds is ${maxSeconds}`
  return new AerieError('media_too_large', `${param}: the sound is longer; ${why}`, { param })
}

/** Throws `invalid_media` for what is known to be no sound, `not_found` for a file that is gone; undefined where only ffmpeg can tell. */
async function identify(path: string, param: string): Promise<SoundFormat | undefined> {
  await using file = await open(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw cause
    throw new AerieError('not_found', `${param}: the file was deleted meanwhile`, { param, cause })
  })
  const head = await readAt(file, 0, SOUND_HEAD_BYTES)
  if (head.length === 0)
    throw new AerieError('invalid_media', `${param}: the sound is empty`, { param })
  const behind = tagBytes(head)
  const found =
    (behind > 0 ? soundFormat(await readAt(file, behind, SOUND_HEAD_BYTES)) : undefined) ??
    soundFormat(head)
  if (found) return found
  const other = sniff(head)
  const isNone =
    other.is === 'picture' ||
    other.is === 'unsupported' ||
    (other.is === 'other' && /document|page|archive|gzip/.test(other.name))
  if (!isNone) return undefined
  const what = 'name' in other ? other.name : pictureName(other.format)
  throw new AerieError('invalid_media', `${param}: data is ${what}, not a sound`, { param })
}

/** `[bins, windows · frames]` → `[windows, bins, frames]`. */
function inWindows({ data, bins, frames: all }: LogMel, frames: number): Float32Array<ArrayBuffer> {
  const windows = all / frames
  const arranged = new Float32Array(data.length)
  for (let window = 0; window < windows; window++) {
    for (let bin = 0; bin < bins; bin++) {
      const from = bin * all + window * frames
      arranged.set(data.subarray(from, from + frames), (window * bins + bin) * frames)
    }
  }
  return arranged
}

async function digest(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash, { signal })
  return hash.digest('hex')
}
