/**
 * The encoder of Segment Anything (arXiv 2304.02643), a ViTDet, in the hub's spelling and with Eagle's neck:
 * `sam_encoder.py` of NVlabs/Eagle.
 */
import type { ConfigReader } from '../config-reader.ts'
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { channelsLast, dense, layerNorm, patchConv } from './dense.ts'
import { attendCells } from './windows.ts'

export interface SamConfig {
  readonly imageSize: number
  readonly patchSize: number
  readonly hiddenSize: number
  readonly layers: number
  readonly heads: number
  readonly intermediateSize: number
  /** Side of a window in cells. */
  readonly windowSize: number
  /** Layers in which every cell sees every other. */
  readonly globalLayers: ReadonlySet<number>
  /** Width behind the neck. */
  readonly neckSize: number
  /** Cells a side of the squares whose channels are joined at the end. */
  readonly joined: number
  readonly layerNormEps: number
}

/** Reads the fields of the hub's `SamVisionConfig`; what is not said is as in SAM-L. */
export function readSamConfig(raw: ConfigReader, imageSize: number): SamConfig {
  const hiddenSize = raw.size('hidden_size', 1024)
  const heads = raw.size('num_attention_heads', 16)
  if (hiddenSize % heads !== 0)
    throw raw.mismatch('num_attention_heads', `a divisor of ${hiddenSize}`)
  const layers = raw.repeats('num_hidden_layers', 24)
  const patchSize = raw.size('patch_size', 16)
  const joined = raw.size('pixel_unshuffle', 2)
  if (imageSize % (patchSize * joined) !== 0)
    throw raw.mismatch(
      'patch_size',
      `${imageSize} pixels in squares of ${joined}×${joined} patches`,
    )
  return {
    imageSize,
    patchSize,
    hiddenSize,
    layers,
    heads,
    intermediateSize: raw.size('mlp_dim', 4096),
    windowSize: raw.size('window_size', 14),
    globalLayers: new Set(raw.indexes('global_attn_indexes', layers, [5, 11, 17, 23])),
    neckSize: raw.size('output_channels', 256),
    joined,
    layerNormEps: raw.number('norm_eps', 1e-6),
  }
}

/** Channels of the map that the tower gives. */
export function samWidth({ neckSize, joined }: SamConfig): number {
  return neckSize * joined ** 2
}

/**
 * Pixels [tiles, 3, S, S] → map [tiles, S/(patchSize·joined), …, samWidth].
 * Stages: `name.patch_embed`, `name.with_pos`, `name.layerN`, `name.neck`.
 */
export function sam(
  g: GraphBuilder,
  pixels: Value,
  prefix: string,
  c: SamConfig,
  name: string,
): Value {
  const side = c.imageSize / c.patchSize
  const embedding = `${prefix}.patch_embed.projection`
  const patches = channelsLast(g, patchConv(g, pixels, embedding, c.hiddenSize, c.patchSize))
  g.stage(`${name}.patch_embed`, patches)
  let x = g.add(patches, g.weight(`${prefix}.pos_embed`, [1, side, side, c.hiddenSize]))
  g.stage(`${name}.with_pos`, x)
  for (let i = 0; i < c.layers; i++)
    x = g.stage(`${name}.layer${i}`, layer(g, x, `${prefix}.layers.${i}`, c.globalLayers.has(i), c))
  const narrow = g.linear(x, neckWeight(g, prefix, c))
  const neck = layerNorm(g, narrow, `${prefix}.neck.layer_norm1`, c.layerNormEps)
  return unshuffle(g, g.stage(`${name}.neck`, neck), c.joined)
}

/** A convolution of single cells, as the linear layer that it is. */
function neckWeight(g: GraphBuilder, prefix: string, { neckSize, hiddenSize }: SamConfig): Value {
  const kernel = g.weight(`${prefix}.neck.conv1.weight`, [neckSize, hiddenSize, 1, 1])
  return g.reshape(kernel, [neckSize, hiddenSize])
}

/** x [tiles, n, n, c] → same shape. */
function layer(g: GraphBuilder, x: Value, prefix: string, isGlobal: boolean, c: SamConfig): Value {
  const normed = layerNorm(g, x, `${prefix}.layer_norm1`, c.layerNormEps)
  const window = isGlobal ? undefined : c.windowSize
  x = g.add(
    x,
    attendCells(g, normed, window, (cells, side) => attention(g, cells, `${prefix}.attn`, side, c)),
  )
  const ready = layerNorm(g, x, `${prefix}.layer_norm2`, c.layerNormEps)
  const hidden = g.gelu(dense(g, ready, `${prefix}.mlp.lin1`, c.intermediateSize), 'erf')
  return g.add(x, dense(g, hidden, `${prefix}.mlp.lin2`, c.hiddenSize))
}

/** cells [n, side², c] → same shape. */
function attention(
  g: GraphBuilder,
  cells: Value,
  prefix: string,
  side: number,
  { hiddenSize, heads }: SamConfig,
): Value {
  const weight = g.weight(`${prefix}.qkv.weight`, [3 * hiddenSize, hiddenSize])
  const bias = g.weight(`${prefix}.qkv.bias`, [3 * hiddenSize])
  const part = (i: number) => {
    const [start, end] = [i * hiddenSize, (i + 1) * hiddenSize]
    return g.linear(cells, g.slice(weight, 0, start, end), g.slice(bias, 0, start, end))
  }
  const headDim = hiddenSize / heads
  const table = (axis: 'h' | 'w') => g.weight(`${prefix}.rel_pos_${axis}`, [2 * side - 1, headDim])
  const attended = g.relativeAttention(
    { q: part(0), k: part(1), v: part(2), rows: table('h'), columns: table('w') },
    { heads, height: side, width: side, scale: headDim ** -0.5 },
  )
  return dense(g, attended, `${prefix}.proj`, hiddenSize)
}

/** Channels of size×size squares joined, each channel's cells side by side, by rows: [tiles, n, n, c] → [tiles, n/size, n/size, c·size²]. */
function unshuffle(g: GraphBuilder, x: Value, size: number): Value {
  const [tiles, side, , channels] = x.shape as [Value['shape'][0], number, number, number]
  const joined = side / size
  const apart = g.reshape(x, [tiles!, joined, size, joined, size, channels])
  return g.reshape(g.transpose(apart, [0, 1, 3, 5, 2, 4]), [
    tiles!,
    joined,
    joined,
    channels * size * size,
  ])
}
