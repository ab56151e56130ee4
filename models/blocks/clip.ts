/** The CLIP tower (arXiv 2103.00020) as Eagle runs it: `hr_clip_encoder.py` of NVlabs/Eagle. */
import type { ConfigReader } from '../config-reader.ts'
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { layerNorm, patchConv } from './dense.ts'
import { tokensToGrid } from './fuse.ts'
import { readVitSizes, type VitConfig, vitGrid, vitLayer } from './vit.ts'

/** CLIP ViT-L/14 at 336 pixels. */
const PUBLISHED = {
  image_size: 336,
  patch_size: 14,
  hidden_size: 1024,
  num_hidden_layers: 24,
  num_attention_heads: 16,
  intermediate_size: 4096,
}

/** Reads the fields of the hub's `CLIPVisionConfig`; what is not said is as `published`. */
export function readClipConfig(
  raw: ConfigReader,
  published: Parameters<typeof readVitSizes>[1] = PUBLISHED,
): VitConfig {
  raw.oneOf('hidden_act', ['quick_gelu'], 'quick_gelu')
  const sizes = readVitSizes(raw, published)
  return { ...sizes, layerNormEps: raw.number('layer_norm_eps', 1e-5), gelu: 'quick' }
}

/**
 * Pixels [tiles, 3, imageSize, imageSize] → map [tiles, grid, grid, hiddenSize] behind the last layer, without the norm that
 * follows it. The class token is dropped before the first layer, so it is never made; its row of the positions is not
 * used. Stages: `name.embeddings`, `name.pre_ln`, `name.layerN`.
 */
export function clip(
  g: GraphBuilder,
  pixels: Value,
  prefix: string,
  c: VitConfig,
  name: string,
): Value {
  const model = `${prefix}.vision_model`
  const embeddings = `${model}.embeddings`
  const tokens = vitGrid(c) ** 2
  const patches = patchConv(g, pixels, `${embeddings}.patch_embedding`, c.hiddenSize, c.patchSize, {
    bias: false,
  })
  const flat = g.reshape(patches, [pixels.shape[0]!, c.hiddenSize, tokens])
  const places = g.weight(`${embeddings}.position_embedding.weight`, [tokens + 1, c.hiddenSize])
  const embedded = g.add(g.transpose(flat, [0, 2, 1]), g.slice(places, 0, 1, tokens + 1))
  g.stage(`${name}.embeddings`, embedded)
  let x = layerNorm(g, embedded, `${model}.pre_layrnorm`, c.layerNormEps)
  g.stage(`${name}.pre_ln`, x)
  for (let i = 0; i < c.layers; i++)
    x = g.stage(`${name}.layer${i}`, vitLayer(g, x, `${model}.encoder.layers.${i}`, c))
  return tokensToGrid(g, x)
}
