/** What an engine is asked to measure, and what it says: one JSON object a line, ours and peers alike. */

/** Reads so many positions of a new sequence. */
export interface Prefill {
  readonly kind: 'prefill'
  readonly tokens: number
}

/** Makes `steps` tokens of each of `batch` sequences, each behind `context` positions of its own. */
export interface Decode {
  readonly kind: 'decode'
  readonly context: number
  readonly batch: number
  readonly steps: number
}

export type Measure = Prefill | Decode

export interface Loaded {
  readonly type: 'loaded'
  /** With its version. */
  readonly engine: string
  readonly settings: string
  /** What is read for every step, as it is stored. */
  readonly weightBytes: number
  /** Of ours: the cache of keys and values, in bytes and in positions of all sequences together. */
  readonly kv?: { readonly bytes: number; readonly positions: number }
}

/** Positions that were read or made, and in what time. */
export interface Ran {
  readonly type: 'ran'
  readonly tokens: number
  readonly seconds: number
}

export type Said = Loaded | Ran

/** Steps of a decode that do not count: caches of the processor and of the engine are warm after them. */
export const WARM_STEPS = 2

export function measureName(measure: Measure): string {
  if (measure.kind === 'prefill') return `prefill ${measure.tokens}`
  const { batch, context } = measure
  return `decode ${batch === 1 ? '' : `${batch} × `}at ${context}`
}
