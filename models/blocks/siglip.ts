/** The SigLIP tower (arXiv 2303.15343) in the hub's spelling, without its pooling head. */
import type { ConfigReader } from '../config-reader.ts'
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { patchTokens, readVitSizes, type VitConfig, vitLayer } from './vit.ts'

/** Reads the hub's `SiglipVisionConfig`. */
export function readSiglipConfig(raw: ConfigReader): VitConfig {
  raw.oneOf('hidden_act', ['gelu_pytorch_tanh'], 'gelu_pytorch_tanh')
  return { ...readVitSizes(raw), layerNormEps: raw.number('layer_norm_eps', 1e-6), gelu: 'tanh' }
}

/**
 * Pixels [tiles, 3, imageSize, imageSize] → tokens [tiles, grid², hiddenSize] behind the first `layers`
 * layers, without the norm that follows the last one. `prefix` is that of `vision_model`; `stage` names the embedded patches,
 * and `layerStage.N` what layer N gives.
 */
export function siglip(
  g: GraphBuilder,
  pixels: Value,
  prefix: string,
  c: VitConfig,
  names: { readonly layers: number; readonly stage?: string; readonly layerStage?: string },
): Value {
  const { layers, stage, layerStage } = names
  let x = patchTokens(
    g,
    pixels,
    {
      patches: `${prefix}.embeddings.patch_embedding`,
      positions: `${prefix}.embeddings.position_embedding.weight`,
    },
    c,
  )
  if (stage !== undefined) g.stage(stage, x)
  for (let i = 0; i < layers; i++) {
    x = vitLayer(g, x, `${prefix}.encoder.layers.${i}`, c)
    if (layerStage !== undefined) g.stage(`${layerStage}.${i}`, x)
  }
  return x
}
