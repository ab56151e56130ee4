/** A pre-norm vision transformer (Dosovitskiy et al., 2020) without a class token. */
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { dense, layerNorm, patchConv } from './dense.ts'

export interface VitConfig {
  readonly imageSize: number
  readonly patchSize: number
  readonly hiddenSize: number
  readonly layers: number
  readonly heads: number
  readonly intermediateSize: number
  readonly layerNormEps: number
}

/** Pixels [tiles, 3, imageSize, imageSize] → tokens [tiles, grid², hiddenSize], row-major. */
export function vit(g: GraphBuilder, pixels: Value, prefix: string, c: VitConfig): Value {
  const tokens = (c.imageSize / c.patchSize) ** 2
  const patches = patchConv(g, pixels, `${prefix}.patch_embedding`, c.hiddenSize, c.patchSize)
  const flat = g.reshape(patches, [pixels.shape[0]!, c.hiddenSize, tokens])
  const positions = g.weight(`${prefix}.position_embedding`, [tokens, c.hiddenSize])
  let x = g.add(g.transpose(flat, [0, 2, 1]), positions)
  for (let i = 0; i < c.layers; i++) x = vitLayer(g, x, `${prefix}.layers.${i}`, c)
  return layerNorm(g, x, `${prefix}.post_layernorm`, c.layerNormEps)
}

function vitLayer(g: GraphBuilder, x: Value, prefix: string, c: VitConfig): Value {
  const normed = layerNorm(g, x, `${prefix}.layer_norm1`, c.layerNormEps)
  const [q, k, v] = (['q', 'k', 'v'] as const).map((name) =>
    dense(g, normed, `${prefix}.self_attn.${name}_proj`, c.hiddenSize),
  ) as [Value, Value, Value]
  const attended = g.attention(q, k, v, c.heads)
  x = g.add(x, dense(g, attended, `${prefix}.self_attn.out_proj`, c.hiddenSize))

  const hidden = dense(
    g,
    layerNorm(g, x, `${prefix}.layer_norm2`, c.layerNormEps),
    `${prefix}.mlp.fc1`,
    c.intermediateSize,
  )
  return g.add(x, dense(g, g.gelu(hidden, 'erf'), `${prefix}.mlp.fc2`, c.hiddenSize))
}
