/** Slaney's mel scale and filters, as `mel_filter_bank(norm="slaney", mel_scale="slaney")` of transformers and librosa. */

/** One filter: its weights for the frequencies from `first` on; all others weigh nothing. */
export interface MelFilter {
  readonly first: number
  readonly weights: Float64Array
}

/** Linear below 1 kHz, logarithmic above. */
const LINEAR_HZ = 200 / 3
const BREAK_HZ = 1000
const BREAK_MEL = BREAK_HZ / LINEAR_HZ
const LOG_STEP = Math.log(6.4) / 27

function toMel(hz: number): number {
  return hz < BREAK_HZ ? hz / LINEAR_HZ : BREAK_MEL + Math.log(hz / BREAK_HZ) / LOG_STEP
}

function toHz(mel: number): number {
  return mel < BREAK_MEL ? mel * LINEAR_HZ : BREAK_HZ * Math.exp((mel - BREAK_MEL) * LOG_STEP)
}

/** `bins` triangles of equal area from 0 to half the sample rate, over `frequencies` values of a power spectrum. */
export function melFilters(bins: number, frequencies: number, sampleRate: number): MelFilter[] {
  const highest = toMel(sampleRate / 2)
  const corners = Array.from({ length: bins + 2 }, (_, i) => toHz((highest * i) / (bins + 1)))
  const step = sampleRate / 2 / (frequencies - 1)
  return Array.from({ length: bins }, (_, bin) => {
    const [low, middle, high] = corners.slice(bin, bin + 3) as [number, number, number]
    const weights = Float64Array.from({ length: frequencies }, (_, i) => {
      const slope = Math.min((i * step - low) / (middle - low), (high - i * step) / (high - middle))
      return (Math.max(0, slope) * 2) / (high - low)
    })
    const first = Math.max(
      0,
      weights.findIndex((weight) => weight > 0),
    )
    const last = weights.findLastIndex((weight) => weight > 0)
    return { first, weights: weights.slice(first, last + 1) }
  })
}
