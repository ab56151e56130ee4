/** The tower of texts that CLIP and SigLIP have beside that of pictures, and how both read their files. */
import type { ConfigReader } from '../config-reader.ts'
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import type { ImagePreprocessing, Rgb } from '../preprocessing.ts'
import { layerNorm } from './dense.ts'
import { type VitConfig, type VitLayersConfig, vitLayers } from './vit.ts'

export interface TextTowerConfig extends VitLayersConfig {
  readonly vocabSize: number
  /** Longest text, in tokens. */
  readonly positions: number
}

export const PREPROCESSOR = 'preprocessor_config.json'

/** The fields of the hub's `CLIPTextConfig` and `SiglipTextConfig`; what is not said is as in the first published checkpoint. */
export function readTextTower(raw: ConfigReader, published: TextTowerConfig): TextTowerConfig {
  const hiddenSize = raw.size('hidden_size', published.hiddenSize)
  const heads = raw.size('num_attention_heads', published.heads)
  if (hiddenSize % heads !== 0)
    throw raw.mismatch('num_attention_heads', `a divisor of ${hiddenSize}`)
  return {
    ...{ hiddenSize, heads },
    vocabSize: raw.size('vocab_size', published.vocabSize),
    positions: raw.size('max_position_embeddings', published.positions),
    layers: raw.repeats('num_hidden_layers', published.layers),
    intermediateSize: raw.size('intermediate_size', published.intermediateSize),
    layerNormEps: raw.number('layer_norm_eps', published.layerNormEps),
    gelu: published.gelu,
  }
}

/**
 * `tokens` [texts, positions] → [texts, positions, hiddenSize] behind the last norm. Stage: `text.layerN`. `causal`: no token
 * sees those behind it (CLIP); otherwise each sees all, what a text is filled up with included (SigLIP).
 */
export function textTower(
  g: GraphBuilder,
  tokens: Value,
  prefix: string,
  c: TextTowerConfig,
  { causal }: { readonly causal: boolean },
): Value {
  const { vocabSize, positions, hiddenSize } = c
  const embeddings = `${prefix}.embeddings`
  const table = g.weight(`${embeddings}.token_embedding.weight`, [vocabSize, hiddenSize])
  const places = g.weight(`${embeddings}.position_embedding.weight`, [positions, hiddenSize])
  const x = g.add(g.gather(table, tokens), places)
  const read = vitLayers(g, x, `${prefix}.encoder`, c, { causal, stage: 'text.layer' })
  return layerNorm(g, read, `${prefix}.final_layer_norm`, c.layerNormEps)
}

/** x [n, channels] → the same directions, of length 1. */
export function ofUnitLength(g: GraphBuilder, x: Value, channels: number): Value {
  // The root of the mean of squares is the length over √channels.
  const weight = g.constant(Array(channels).fill(channels ** -0.5), [channels])
  return g.rmsNorm(x, weight, 1e-24)
}

/** `PILImageResampling`. */
const RESAMPLING = { 1: 'lanczos', 2: 'bilinear', 3: 'bicubic' } as const

/** Reads preprocessor_config.json as CLIPImageProcessor and SiglipImageProcessor wrote it, in the older spelling of sizes, too. */
export function readDualPreprocessor(
  raw: ConfigReader,
  { imageSize }: VitConfig,
  { mode, mean, std }: { readonly mode: 'crop' | 'stretch'; readonly mean: Rgb; readonly std: Rgb },
): ImagePreprocessing {
  for (const key of mode === 'crop' ? ['size', 'crop_size'] : ['size'])
    checkSize(raw, key, imageSize)
  for (const step of ['do_resize', 'do_rescale', 'do_normalize', 'do_convert_rgb'])
    if (!raw.boolean(step, true)) throw raw.mismatch(step, 'true')
  if (raw.boolean('do_center_crop', mode === 'crop') !== (mode === 'crop'))
    throw raw.mismatch('do_center_crop', String(mode === 'crop'))
  if (Math.abs(raw.number('rescale_factor', 1 / 255) * 255 - 1) > 1e-6)
    throw raw.mismatch('rescale_factor', '1 / 255')
  return {
    ...{ mode, size: imageSize, padColor: [0, 0, 0] },
    resample: RESAMPLING[raw.oneOf('resample', [1, 2, 3], 3)],
    alpha: 'dropped',
    mean: raw.has('image_mean') ? raw.rgb('image_mean') : mean,
    std: raw.has('image_std') ? raw.rgb('image_std') : std,
  }
}

/** A side, or an object of sides: `{"shortest_edge": 224}`, `{"height": 224, "width": 224}`. */
function checkSize(raw: ConfigReader, key: string, side: number): void {
  if (!raw.has(key)) return
  if (raw.isNumber(key)) {
    raw.oneOf(key, [side])
    return
  }
  const size = raw.object(key)
  for (const name of size.names()) size.oneOf(name, [side])
}
