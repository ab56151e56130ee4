/**
 * Sound of any length → segments, window after window: the sequential algorithm of openai/whisper (`transcribe.py`) and
 * transformers, each window beginning where the model said that speech ended in the one before.
 */
import type { SpeechModel } from '../../models/family.ts'
import type { LogMel } from '../media/sound/log-mel.ts'
import type { Recogniser } from './recogniser.ts'
import { segmentsOf, type TokenSegment } from './segments.ts'
import type { WindowRequest, WindowResult } from './window.ts'

export interface TranscriptWindow {
  /** First frame. */
  readonly seek: number
  readonly result: WindowResult
  /** Frame at which the next one begins. */
  readonly end: number
  /** None where nobody speaks. */
  readonly segments: readonly TokenSegment[]
  /** Milliseconds. */
  readonly stations: Readonly<Record<string, number>>
}

/** A remainder shorter than this holds no word. */
const LEAST_FRAMES = 10

export interface TranscribeOptions {
  /** Frames that are sound, where others are silence behind it. Absent: all. */
  readonly contentFrames?: number
  /** Of the first window; those after it have the language of the first, and no words before them. */
  readonly request: WindowRequest
  readonly signal: AbortSignal
  /** Whether it is asked when each token was said. */
  readonly tokenTimes?: boolean
}

export async function* transcribe(
  mel: LogMel,
  { windowFrames, rules }: SpeechModel,
  recogniser: Pick<Recogniser, 'recognise'>,
  { request, signal, contentFrames = mel.frames, tokenTimes = false }: TranscribeOptions,
): AsyncGenerator<TranscriptWindow> {
  let { language, previous } = request
  for (let seek = 0; seek === 0 || seek + LEAST_FRAMES <= contentFrames; ) {
    const frames = Math.min(windowFrames, Math.max(contentFrames - seek, 1))
    const heard = await recogniser.recognise(
      windowOf(mel, seek, windowFrames),
      { ...request, language, previous, ...(tokenTimes && { alignedFrames: frames }) },
      signal,
    )
    const { queueMs, encodeMs, decodeMs, enteredAt: _, ...result } = heard
    language = result.language
    previous = []
    const stations = { queue: queueMs, encode: encodeMs, decode_tokens: decodeMs }
    if (result.isSilent) {
      const end = seek + frames
      yield { seek, end, result, segments: [], stations }
      seek = end
      continue
    }
    const { segments, advance } = segmentsOf(result.tokens, rules.firstTimestamp, { seek, frames })
    // A model that is stuck at one moment must not hold up its request for ever.
    const end = seek + (advance > 0 ? advance : frames)
    yield { seek, end, result, segments, stations }
    seek = end
  }
}

/** [bins, windowFrames]; what is behind the end of the sound is 0. */
function windowOf(
  { data, bins, frames }: LogMel,
  seek: number,
  windowFrames: number,
): Float32Array<ArrayBuffer> {
  const window = new Float32Array(bins * windowFrames)
  for (let bin = 0; bin < bins; bin++) {
    const row = bin * frames
    const end = Math.min(seek + windowFrames, frames)
    window.set(data.subarray(row + seek, row + end), bin * windowFrames)
  }
  return window
}
