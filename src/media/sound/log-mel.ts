/**
 * Sound → log-mel spectrogram, as `WhisperFeatureExtractor` of transformers: windows of 400 samples (Hann) every 160, a
 * power spectrum, Slaney's mel filters, log10. Samples come piece by piece and are not kept.
 */
import { Fft } from './fft.ts'
import { melFilters } from './mel-filters.ts'

export const SAMPLE_RATE = 16_000
/** Samples from one frame to the next: 10 ms. */
export const HOP = 160
const WINDOW = 400
const HALF = WINDOW / 2
/** Of a power spectrum: 0 … 8 kHz. */
const FREQUENCIES = WINDOW / 2 + 1
const SILENCE = new Float64Array(FREQUENCIES)
/** Below the loudest value of the whole sound, in powers of ten. */
const RANGE = 8
const FLOOR = 1e-10
/** Frames that the result is enlarged by at a time: a minute. */
const GROWTH = 6000

/** `[bins, frames]`, row-major, one frame in 10 ms. */
export interface LogMel {
  readonly data: Float32Array<ArrayBuffer>
  readonly bins: number
  readonly frames: number
}

export class LogMelStream {
  readonly #bins: number
  readonly #filters: ReturnType<typeof melFilters>
  readonly #fft = new Fft(WINDOW)
  readonly #hann = Float64Array.from(
    { length: WINDOW },
    (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW),
  )
  /** The samples that frames to come still need. */
  #pending: Float32Array = new Float32Array(0)
  #isMirrored = false
  #samples = 0
  /** `[frames, bins]` of log10. */
  #values = new Float32Array(0)
  #frames = 0
  #loudest = Number.NEGATIVE_INFINITY

  constructor(bins: number) {
    this.#bins = bins
    this.#filters = melFilters(bins, FREQUENCIES, SAMPLE_RATE)
  }

  /** Samples so far. */
  get samples(): number {
    return this.#samples
  }

  /** Mono samples at 16 kHz, −1…1. */
  push(samples: Float32Array): void {
    if (samples.length === 0) return
    this.#samples += samples.length
    this.#append(samples)
    // The beginning is mirrored in front of itself, for which so much of it must be there.
    if (!this.#isMirrored) {
      if (this.#pending.length <= HALF) return
      this.#mirrorStart()
    }
    this.#drain()
  }

  /**
   * The spectrogram of all samples, and of silence behind them up to `leastSamples`. The stream ends with it. Frames are
   * scaled by the loudest value of the whole sound.
   */
  finish(leastSamples = 0): LogMel {
    const silence = Math.max(leastSamples, HALF + 1) - this.#samples
    // In pieces: a window of silence is half a million samples.
    for (let left = silence; left > 0; left -= SAMPLE_RATE)
      this.push(new Float32Array(Math.min(left, SAMPLE_RATE)))
    this.#mirrorEnd()
    // The published code drops the last frame, which is half mirror.
    const frames = Math.floor(this.#samples / HOP)
    this.#drain(frames)
    const data = new Float32Array(this.#bins * frames)
    const least = this.#loudest - RANGE
    for (let frame = 0; frame < frames; frame++) {
      for (let bin = 0; bin < this.#bins; bin++) {
        const value = this.#values[frame * this.#bins + bin]!
        data[bin * frames + frame] = (Math.max(value, least) + 4) / 4
      }
    }
    this.#values = new Float32Array(0)
    return { data, frames, bins: this.#bins }
  }

  #append(samples: Float32Array): void {
    const all = new Float32Array(this.#pending.length + samples.length)
    all.set(this.#pending)
    all.set(samples, this.#pending.length)
    this.#pending = all
  }

  #mirrorStart(): void {
    const samples = this.#pending
    const all = new Float32Array(HALF + samples.length)
    for (let i = 0; i < HALF; i++) all[i] = samples[HALF - i]!
    all.set(samples, HALF)
    this.#pending = all
    this.#isMirrored = true
  }

  #mirrorEnd(): void {
    const { length } = this.#pending
    const mirror = Float32Array.from({ length: HALF }, (_, i) => this.#pending[length - 2 - i]!)
    this.#append(mirror)
  }

  /** Every frame that is whole, up to `most` in all. What stays is enough for the mirror at the end. */
  #drain(most = Number.POSITIVE_INFINITY): void {
    let at = 0
    for (; at + WINDOW <= this.#pending.length && this.#frames < most; at += HOP) this.#frame(at)
    this.#pending = this.#pending.slice(at)
  }

  #frame(at: number): void {
    const window = this.#pending.subarray(at, at + WINDOW)
    // Most of what is short is silence.
    const power = window.some((sample) => sample !== 0)
      ? this.#fft.power(window, this.#hann)
      : SILENCE
    if ((this.#frames + 1) * this.#bins > this.#values.length) {
      const larger = new Float32Array(this.#values.length + GROWTH * this.#bins)
      larger.set(this.#values)
      this.#values = larger
    }
    for (const [bin, { first, weights }] of this.#filters.entries()) {
      let sum = 0
      for (let i = 0; i < weights.length; i++) sum += weights[i]! * power[first + i]!
      const value = Math.log10(Math.max(sum, FLOOR))
      this.#values[this.#frames * this.#bins + bin] = value
      if (value > this.#loudest) this.#loudest = value
    }
    this.#frames += 1
  }
}
