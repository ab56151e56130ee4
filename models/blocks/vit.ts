/** A pre-norm vision transformer (Dosovitskiy et al., 2020) without a class token. */
import type { ConfigReader } from '../config-reader.ts'
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import type { OpAttributes } from '../graph/ops.ts'
import { dense, layerNorm, patchConv } from './dense.ts'

export interface VitConfig extends VitLayersConfig {
  readonly imageSize: number
  readonly patchSize: number
}

/** Of the layers, which texts go through as well. */
export interface VitLayersConfig {
  readonly hiddenSize: number
  readonly layers: number
  readonly heads: number
  readonly intermediateSize: number
  readonly layerNormEps: number
  readonly gelu: OpAttributes['gelu']['form']
}

type VitSizeKey =
  | 'image_size'
  | 'patch_size'
  | 'hidden_size'
  | 'num_hidden_layers'
  | 'num_attention_heads'
  | 'intermediate_size'

/** The sizes in the hub's spelling; throws on a combination that cannot be built. */
export function readVitSizes(
  raw: ConfigReader,
  published: Partial<Readonly<Record<VitSizeKey, number>>> = {},
): Omit<VitConfig, 'layerNormEps' | 'gelu'> {
  const size = (key: VitSizeKey) => raw.size(key, published[key])
  const hiddenSize = size('hidden_size')
  const heads = size('num_attention_heads')
  if (hiddenSize % heads !== 0)
    throw raw.mismatch('num_attention_heads', `a divisor of ${hiddenSize}`)
  return {
    imageSize: size('image_size'),
    patchSize: size('patch_size'),
    hiddenSize,
    layers: raw.repeats('num_hidden_layers', published.num_hidden_layers),
    heads,
    intermediateSize: size('intermediate_size'),
  }
}

/** Patches on a side of the picture; what is left over at its end is not seen. */
export function vitGrid({ imageSize, patchSize }: VitConfig): number {
  return Math.floor(imageSize / patchSize)
}

/** Pixels [tiles, 3, imageSize, imageSize] → tokens [tiles, grid², hiddenSize], row-major. */
export function vit(g: GraphBuilder, pixels: Value, prefix: string, c: VitConfig): Value {
  const names = { patches: `${prefix}.patch_embedding`, positions: `${prefix}.position_embedding` }
  const x = vitLayers(g, patchTokens(g, pixels, names, c), prefix, c)
  return layerNorm(g, x, `${prefix}.post_layernorm`, c.layerNormEps)
}

/** Patches with their positions: pixels [tiles, 3, imageSize, imageSize] → [tiles, grid², hiddenSize]. */
export function patchTokens(
  g: GraphBuilder,
  pixels: Value,
  names: { readonly patches: string; readonly positions: string },
  c: VitConfig,
): Value {
  const tokens = vitGrid(c) ** 2
  const patches = patchConv(g, pixels, names.patches, c.hiddenSize, c.patchSize)
  const flat = g.reshape(patches, [pixels.shape[0]!, c.hiddenSize, tokens])
  return g.add(g.transpose(flat, [0, 2, 1]), g.weight(names.positions, [tokens, c.hiddenSize]))
}

/** The first `count` layers, `prefix.layers.0` and on; `stage` and its number name what leaves each. */
export function vitLayers(
  g: GraphBuilder,
  x: Value,
  prefix: string,
  c: VitLayersConfig,
  {
    count = c.layers,
    stage,
    causal = false,
  }: { readonly count?: number; readonly stage?: string; readonly causal?: boolean } = {},
): Value {
  for (let i = 0; i < count; i++) {
    x = vitLayer(g, x, `${prefix}.layers.${i}`, c, causal)
    if (stage !== undefined) g.stage(`${stage}${i}`, x)
  }
  return x
}

/** x [tiles, tokens, hiddenSize] → same shape; where it is `causal`, no token sees those behind it. */
export function vitLayer(
  g: GraphBuilder,
  x: Value,
  prefix: string,
  c: VitLayersConfig,
  causal = false,
): Value {
  const normed = layerNorm(g, x, `${prefix}.layer_norm1`, c.layerNormEps)
  const [q, k, v] = (['q', 'k', 'v'] as const).map((name) =>
    dense(g, normed, `${prefix}.self_attn.${name}_proj`, c.hiddenSize),
  ) as [Value, Value, Value]
  const attended = g.attention(q, k, v, c.heads, { causal })
  x = g.add(x, dense(g, attended, `${prefix}.self_attn.out_proj`, c.hiddenSize))

  const ready = layerNorm(g, x, `${prefix}.layer_norm2`, c.layerNormEps)
  const hidden = g.gelu(dense(g, ready, `${prefix}.mlp.fc1`, c.intermediateSize), c.gelu)
  return g.add(x, dense(g, hidden, `${prefix}.mlp.fc2`, c.hiddenSize))
}
