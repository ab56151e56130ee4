/** Whisper's encoder (arXiv 2212.04356; `WhisperEncoder` of transformers): two convolutions along time, then a pre-norm transformer. */
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { dense, layerNorm, widthOf } from './dense.ts'

export interface WhisperEncoderConfig {
  readonly hiddenSize: number
  /** Half as many as frames of log-mel in a window. */
  readonly positions: number
  readonly layers: number
  readonly heads: number
  readonly intermediateSize: number
  readonly layerNormEps: number
}

/**
 * Log-mel [windows, bins, 2 · positions] → [windows, positions, hiddenSize]. Stages: `conv1`, `conv2` and `layerN`, each behind
 * what `stages` gives for them, and not the norm at the end.
 */
export function whisperEncoderStack(
  g: GraphBuilder,
  mel: Value,
  prefix: string,
  c: WhisperEncoderConfig,
  stages: { readonly convolutions: string; readonly layers: string },
): Value {
  const { hiddenSize: width, positions } = c
  const frames = g.transpose(mel, [0, 2, 1])
  const first = g.gelu(convolve(g, frames, `${prefix}.conv1`, width, 1), 'erf')
  g.stage(`${stages.convolutions}conv1`, first)
  const second = g.gelu(convolve(g, first, `${prefix}.conv2`, width, 2), 'erf')
  g.stage(`${stages.convolutions}conv2`, second)
  let x = g.add(second, g.weight(`${prefix}.embed_positions.weight`, [positions, width]))
  for (let layer = 0; layer < c.layers; layer++)
    x = g.stage(`${stages.layers}layer${layer}`, encoderLayer(g, x, `${prefix}.layers.${layer}`, c))
  return layerNorm(g, x, `${prefix}.layer_norm`, c.layerNormEps)
}

/**
 * A convolution along time with a kernel of 3 and a zero at either end, as one linear over three neighbours: x [windows,
 * frames, channels] → [windows, frames / stride, out].
 */
function convolve(g: GraphBuilder, x: Value, prefix: string, out: number, stride: 1 | 2): Value {
  const [windows, frames, channels] = x.shape as [string, number, number]
  const zero = g.expand(g.constant(new Array(channels).fill(0), [1, 1, channels]), x)
  const padded = g.concat([zero, x, zero], 1)
  const steps = frames / stride
  const neighbours = [0, 1, 2].map((offset) => {
    if (stride === 1) return g.slice(padded, 1, offset, offset + frames)
    // Pairs of frames; of each the one that this place of the kernel sees.
    const shift = offset === 2 ? 2 : 0
    const pairs = g.slice(padded, 1, shift, shift + frames)
    const apart = g.reshape(pairs, [windows, steps, 2 * channels])
    const from = offset === 1 ? channels : 0
    return g.slice(apart, 2, from, from + channels)
  })
  const kernel = g.transpose(g.weight(`${prefix}.weight`, [out, channels, 3]), [0, 2, 1])
  const weight = g.reshape(kernel, [out, 3 * channels])
  return g.linear(g.concat(neighbours, 2), weight, g.weight(`${prefix}.bias`, [out]))
}

function encoderLayer(g: GraphBuilder, x: Value, prefix: string, c: WhisperEncoderConfig): Value {
  const { hiddenSize: width, layerNormEps } = c
  const attention = `${prefix}.self_attn`
  const normed = layerNorm(g, x, `${attention}_layer_norm`, layerNormEps)
  const attended = g.attention(
    dense(g, normed, `${attention}.q_proj`, width),
    dense(g, normed, `${attention}.k_proj`, width, { bias: false }),
    dense(g, normed, `${attention}.v_proj`, width),
    c.heads,
  )
  return whisperFeedForward(
    g,
    g.add(x, dense(g, attended, `${attention}.out_proj`, width)),
    prefix,
    c,
  )
}

/** The second half of a layer, which the decoder's layers have, too: x [..., hiddenSize] → same shape. */
export function whisperFeedForward(
  g: GraphBuilder,
  x: Value,
  prefix: string,
  {
    intermediateSize,
    layerNormEps,
  }: Pick<WhisperEncoderConfig, 'intermediateSize' | 'layerNormEps'>,
): Value {
  const ready = layerNorm(g, x, `${prefix}.final_layer_norm`, layerNormEps)
  const hidden = g.gelu(dense(g, ready, `${prefix}.fc1`, intermediateSize), 'erf')
  return g.add(x, dense(g, hidden, `${prefix}.fc2`, widthOf(x)))
}
