/** Frequencies of rotary position embedding, plain and as later models stretch them. */
import type { ConfigReader } from '../config-reader.ts'

export interface Rope {
  /** One a rotated pair of a head's channels. */
  readonly inverseFrequencies: readonly number[]
  /** Of cosine and sine. */
  readonly magnitude: number
  /** Length of the longest sequence that these hold for; absent: any. */
  readonly longestSequence?: number
}

/** θ^(−2i/width), one a pair of `width` rotated channels. */
export function plainRope(theta: number, width: number): Rope {
  const inverseFrequencies = Array.from(
    { length: width / 2 },
    (_, i) => theta ** ((-2 * i) / width),
  )
  return { inverseFrequencies, magnitude: 1 }
}

/** How many leading channels of a head are rotated: the share that `key` says, an even number. */
export function rotatedChannels(
  raw: ConfigReader,
  key: string,
  headDim: number,
  fallback: number,
): number {
  const rotated = Math.floor(headDim * raw.number(key, fallback))
  if (rotated < 2 || rotated % 2 !== 0 || rotated > headDim)
    throw raw.mismatch(key, `a share of ${headDim} that is an even number`)
  return rotated
}

/**
 * Rotation of `width` channels of a head, changed as the hub's `rope_scaling` says. Throws on a
 * kind of scaling that is not known here.
 */
export function readRope(raw: ConfigReader, width: number): Rope {
  // Newer files keep θ in here; without it every position would be wrong, and nothing would fail.
  if (raw.has('rope_parameters'))
    throw raw.mismatch('rope_parameters', 'rope_theta and rope_scaling beside it instead')
  const theta = raw.number('rope_theta', 10000)
  const plain = plainRope(theta, width)
  if (!raw.has('rope_scaling')) return plain
  const scaling = raw.object('rope_scaling')
  // Older files call the kind `type`.
  const kind = scaling.has('rope_type') ? 'rope_type' : 'type'
  const map = (change: (frequency: number, pair: number) => number) => ({
    ...plain,
    inverseFrequencies: plain.inverseFrequencies.map(change),
  })
  switch (
    scaling.oneOf(kind, ['default', 'linear', 'llama3', 'yarn', 'longrope', 'su', 'factors'])
  ) {
    case 'default':
      return plain
    case 'linear': {
      const factor = scaling.number('factor')
      return map((frequency) => frequency / factor)
    }
    case 'factors':
      // What llama3's rule came to: GGUF files hold that instead of its parameters.
      return map(divisors(scaling, 'factors', width))
    case 'llama3':
      return map(llama3Stretch(scaling))
    case 'yarn':
      return {
        ...map(yarnStretch(scaling, raw, { theta, width })),
        magnitude: yarnMagnitude(scaling),
      }
    case 'longrope':
    case 'su':
      return { ...map(divisors(scaling, 'short_factor', width)), ...longRope(scaling, raw) }
  }
}

/** One divisor a pair. */
function divisors(
  scaling: ConfigReader,
  key: string,
  width: number,
): (frequency: number, pair: number) => number {
  const factors = scaling.numbers(key)
  if (factors.length !== width / 2 || factors.some((factor) => factor <= 0))
    throw scaling.mismatch(key, `${width / 2} numbers above 0`)
  return (frequency, pair) => frequency / factors[pair]!
}

/**
 * LongRoPE (arXiv 2402.13753): `short_factor` divides while the whole sequence is no longer than the original context, and
 * `long_factor` beyond, for every position of it, so that a cache would have to be computed again
 * (`_compute_longrope_parameters` in transformers, whose `generate` does). Here sequences end where the short ones do.
 */
function longRope(scaling: ConfigReader, raw: ConfigReader): Omit<Rope, 'inverseFrequencies'> {
  // Phi-3.5-MoE's, of which the published code makes something else.
  for (const key of ['short_mscale', 'long_mscale'])
    if (scaling.has(key)) throw scaling.mismatch(key, 'none')
  const longest = raw.size('max_position_embeddings')
  const key = 'original_max_position_embeddings'
  const original = [raw, scaling].find((config) => config.has(key))?.size(key) ?? longest
  const factor = scaling.number('factor', longest / original)
  const magnitude = scaling.number(
    'attention_factor',
    factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original)),
  )
  return { magnitude, longestSequence: original }
}

/**
 * Llama 3.1: long waves are slowed down by `factor`, short ones kept, those between blended
 * (`_compute_llama3_parameters` in transformers).
 */
function llama3Stretch(scaling: ConfigReader): (frequency: number) => number {
  const factor = scaling.number('factor')
  const low = scaling.number('low_freq_factor')
  const high = scaling.number('high_freq_factor')
  const context = scaling.size('original_max_position_embeddings')
  return (frequency) => {
    const turns = (context * frequency) / (2 * Math.PI)
    const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)))
    return frequency * (kept + (1 - kept) / factor)
  }
}

/**
 * YaRN (arXiv 2309.00071): as above, blended by the pair's number between those that turn `beta_slow`
 * and `beta_fast` times in the original context (`_compute_yarn_parameters` in transformers).
 */
function yarnStretch(
  scaling: ConfigReader,
  raw: ConfigReader,
  { theta, width }: { readonly theta: number; readonly width: number },
): (frequency: number, pair: number) => number {
  const factor = scaling.number('factor')
  const context = scaling.has('original_max_position_embeddings')
    ? scaling.size('original_max_position_embeddings')
    : raw.size('max_position_embeddings')
  const pairThatTurns = (turns: number) =>
    (width * Math.log(context / (turns * 2 * Math.PI))) / (2 * Math.log(theta))
  let low = pairThatTurns(scaling.number('beta_fast', 32))
  let high = pairThatTurns(scaling.number('beta_slow', 1))
  if (scaling.boolean('truncate', true)) [low, high] = [Math.floor(low), Math.ceil(high)]
  low = Math.max(low, 0)
  high = Math.min(high, width - 1)
  // The published code avoids a division by zero in the same way.
  if (low === high) high += 0.001
  return (frequency, pair) => {
    const slowed = Math.min(1, Math.max(0, (pair - low) / (high - low)))
    return frequency * (1 - slowed + slowed / factor)
  }
}

function yarnMagnitude(scaling: ConfigReader): number {
  if (scaling.has('attention_factor')) return scaling.number('attention_factor')
  const factor = scaling.number('factor')
  const of = (scale: number) => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1)
  if (scaling.has('mscale') && scaling.has('mscale_all_dim')) {
    const [own, all] = [scaling.number('mscale'), scaling.number('mscale_all_dim')]
    if (own !== 0 && all !== 0) return of(own) / of(all)
  }
  return of(1)
}
