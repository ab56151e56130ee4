/** The SigLIP tower (arXiv 2303.15343) in the hub's spelling, without its pooling head. */
import type { ConfigReader } from '../config-reader.ts'
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { patchTokens, readVitSizes, type VitConfig, vitLayers } from './vit.ts'

/** Reads the hub's `SiglipVisionConfig`; what is not said is `published`, where that is given. */
export function readSiglipConfig(
  raw: ConfigReader,
  published?: Parameters<typeof readVitSizes>[1],
): VitConfig {
  raw.oneOf('hidden_act', ['gelu_pytorch_tanh'], 'gelu_pytorch_tanh')
  return {
    ...readVitSizes(raw, published),
    layerNormEps: raw.number('layer_norm_eps', 1e-6),
    gelu: 'tanh',
  }
}

/**
 * Pixels [tiles, 3, imageSize, imageSize] → tokens [tiles, grid², hiddenSize] behind the first `layers`
 * layers, without the norm that follows the last one. `prefix` is that of `vision_model`; `stage` names the embedded patches,
 * `layerStage` and its number what leaves each layer.
 */
export function siglip(
  g: GraphBuilder,
  pixels: Value,
  prefix: string,
  c: VitConfig,
  {
    layers,
    stage,
    layerStage,
  }: { readonly layers: number; readonly stage?: string; readonly layerStage?: string },
): Value {
  const names = {
    patches: `${prefix}.embeddings.patch_embedding`,
    positions: `${prefix}.embeddings.position_embedding.weight`,
  }
  const x = patchTokens(g, pixels, names, c)
  const embedded = stage === undefined ? x : g.stage(stage, x)
  return vitLayers(g, embedded, `${prefix}.encoder`, c, {
    count: layers,
    ...(layerStage === undefined ? {} : { stage: layerStage }),
  })
}
