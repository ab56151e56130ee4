/** The small Whisper of test/fixtures/speech, what was said, and what transformers made of it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LogMelStream } from '../../src/media/sound/log-mel.ts'
import { FIXTURES } from './recorded-cases.ts'
import { readSafetensors } from './safetensors-file.ts'

const FOLDER = join(FIXTURES, 'speech')

export const TINY_WHISPER = join(FOLDER, 'tiny-whisper')
/** 16 kHz, mono, 16 bits, 2.5 s. */
export const SPEECH_WAV = join(FOLDER, 'speech.wav')

interface Segment {
  readonly start: number
  readonly end: number
  readonly tokens: readonly number[]
}

interface AlignedSegment {
  readonly tokens: readonly number[]
  readonly times: readonly number[]
}

export const EXPECTED: {
  readonly prompt: readonly number[]
  readonly language: string
  readonly plain: readonly number[]
  readonly prompted: readonly number[]
  /** As `plain`, into English. */
  readonly translated: readonly number[]
  /** Of words that are told to be German, into English. */
  readonly translated_timed: readonly Segment[]
  readonly timed: readonly Segment[]
  readonly long: readonly Segment[]
  /** Of `timed` and of `long`: when each token of a segment was said, in seconds. */
  readonly aligned: Readonly<Record<'short' | 'long', readonly AlignedSegment[]>>
  /** Texts in words, each of so many tokens; `language` is its English name. */
  readonly words: readonly {
    readonly language: string
    readonly tokens: readonly number[]
    readonly words: readonly string[]
    readonly counts: readonly number[]
  }[]
} = JSON.parse(readFileSync(join(FOLDER, 'transcripts.json'), 'utf8'))

const tensors = readSafetensors(join(FOLDER, 'expected.safetensors'))

export function expectedTensor(name: string): Float32Array {
  return tensors.get(name)!
}

/** −1…1. */
export function saidSamples(): Float32Array {
  const pcm = readFileSync(SPEECH_WAV).subarray(44)
  return Float32Array.from({ length: pcm.length / 2 }, (_, i) => pcm.readInt16LE(2 * i) / 32768)
}

/** 80 seconds, as `make.py` repeats the words. */
export function longSamples(): Float32Array {
  const said = saidSamples()
  const loudness = (i: number) => 2 ** -(Math.floor(i / said.length) % 4)
  return Float32Array.from({ length: 80 * 16_000 }, (_, i) => said[i % said.length]! * loudness(i))
}

/** [80, 3000] */
export function saidMel(): Float32Array {
  const stream = new LogMelStream(80)
  stream.push(saidSamples())
  return stream.finish(480_000).data
}

/** A WAV file of 16-bit samples. */
export function wavFile(samples: Float32Array, rate = 16_000): Buffer {
  const head = Buffer.alloc(44)
  head.write('RIFF', 0)
  head.writeUInt32LE(36 + samples.length * 2, 4)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(rate, 24)
  head.writeUInt32LE(rate * 2, 28)
  head.writeUInt16LE(2, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36)
  head.writeUInt32LE(samples.length * 2, 40)
  const pcm = Int16Array.from(samples, (sample) => Math.round(sample * 32768))
  return Buffer.concat([head, Buffer.from(pcm.buffer)])
}
