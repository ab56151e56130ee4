/** Frequencies of rotary position embedding, plain and as later models stretch them. */
import type { ConfigReader } from '../config-reader.ts'

/**
 * One inverse frequency a rotated pair of a head, θ^(−2i/headDim), changed as the hub's
 * `rope_scaling` says. Throws on a kind of scaling that is not known here.
 */
export function readRopeFrequencies(raw: ConfigReader, headDim: number): number[] {
  const theta = raw.number('rope_theta', 10000)
  const plain = Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim))
  if (!raw.has('rope_scaling')) return plain
  const scaling = raw.object('rope_scaling')
  // Older files call the kind `type`.
  const kind = scaling.has('rope_type') ? 'rope_type' : 'type'
  switch (scaling.oneOf(kind, ['default', 'linear', 'llama3'])) {
    case 'default':
      return plain
    case 'linear': {
      const factor = scaling.number('factor')
      return plain.map((frequency) => frequency / factor)
    }
    case 'llama3':
      return plain.map(llama3Stretch(scaling))
  }
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
