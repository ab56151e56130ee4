/** The stations of a request's life. */

/** In order. */
export const STATIONS = [
  'fetch',
  'decode',
  'preprocess',
  'disk',
  'encode',
  'queue',
  'prefill',
  'decode_tokens',
] as const
export type Station = (typeof STATIONS)[number]
/** Milliseconds at each station, summed over pictures; a station that was skipped (cache) is absent. */
export type StationTimes = { readonly [S in Station]?: number }
