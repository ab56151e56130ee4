/**
 * CLIP (arXiv 2103.00020): a tower of pictures and one of texts that were trained to agree, so that a picture and what is said
 * of it have embeddings in one direction. Reference code: openai/CLIP, and `modeling_clip.py` of transformers, whose layout the
 * checkpoints have.
 */
import { readClipConfig } from './blocks/clip.ts'
import { dense, layerNorm, patchConv } from './blocks/dense.ts'
import { type DualConfig, dualLimits, dualTower } from './blocks/dual-tower.ts'
import {
  ofUnitLength,
  PREPROCESSOR,
  readDualPreprocessor,
  readTextTower,
  textTower,
} from './blocks/text-tower.ts'
import { vitGrid, vitLayers } from './blocks/vit.ts'
import { ConfigReader } from './config-reader.ts'
import { defineFamily, type FolderFacts, NO_FACTS } from './family.ts'
import { GraphBuilder } from './graph/builder.ts'
import type { Graph, Value } from './graph/graph.ts'

export type ClipConfig = DualConfig

/** Those of ViT-B/32, which the config's classes fill in. */
const PUBLISHED_TEXT = {
  ...{ vocabSize: 49408, positions: 77, hiddenSize: 512, layers: 12, heads: 8 },
  ...{ intermediateSize: 2048, layerNormEps: 1e-5 },
  gelu: 'quick',
} as const
const PUBLISHED_VISION = {
  ...{ image_size: 224, patch_size: 32, hidden_size: 768, num_hidden_layers: 12 },
  ...{ num_attention_heads: 12, intermediate_size: 3072 },
} as const

function parseConfig(raw: unknown, { files }: FolderFacts = NO_FACTS): ClipConfig {
  const config = new ConfigReader(raw)
  const vision = readClipConfig(config.object('vision_config'), PUBLISHED_VISION)
  const text = config.object('text_config')
  text.oneOf('hidden_act', ['quick_gelu'], 'quick_gelu')
  return {
    vision,
    text: readTextTower(text, PUBLISHED_TEXT),
    channels: config.size('projection_dim', 512),
    preprocessing: readDualPreprocessor(
      new ConfigReader(files.get(PREPROCESSOR) ?? {}, PREPROCESSOR),
      vision,
      {
        mode: 'crop',
        mean: [0.48145466, 0.4578275, 0.40821073],
        std: [0.26862954, 0.26130258, 0.27577711],
      },
    ),
  }
}

/**
 * `pixels` [tiles, 3, size, size] → `embedding` [tiles, channels], of length 1, and `features` [tiles, grid², hiddenSize], the
 * patches behind the last layer, without the norm that only the class token goes through. Stage: `layerN`.
 */
export function clipPictures(c: ClipConfig, wanted?: string): Graph {
  const g = new GraphBuilder('encoder')
  const { vision, channels } = c
  const { imageSize, patchSize, hiddenSize, layerNormEps } = vision
  const model = 'vision_model'
  const patches = vitGrid(vision) ** 2
  const pixels = g.input('pixels', ['tiles', 3, imageSize, imageSize])
  const convolved = patchConv(
    g,
    pixels,
    `${model}.embeddings.patch_embedding`,
    hiddenSize,
    patchSize,
    {
      bias: false,
    },
  )
  const flat = g.transpose(g.reshape(convolved, ['tiles', hiddenSize, patches]), [0, 2, 1])
  const own = g.weight(`${model}.embeddings.class_embedding`, [hiddenSize])
  const classToken = g.expand(g.reshape(own, [1, 1, hiddenSize]), flat)
  const places = g.weight(`${model}.embeddings.position_embedding.weight`, [
    patches + 1,
    hiddenSize,
  ])
  const tokens = g.add(g.concat([classToken, flat], 1), places)
  const x = vitLayers(
    g,
    layerNorm(g, tokens, `${model}.pre_layrnorm`, layerNormEps),
    `${model}.encoder`,
    vision,
    { stage: 'layer' },
  )
  const first = g.reshape(g.slice(x, 1, 0, 1), ['tiles', hiddenSize])
  const output = (name: string, make: () => Value) => {
    if (wanted === undefined || wanted === name) g.output(name, make())
  }
  output('embedding', () => {
    const pooled = layerNorm(g, first, `${model}.post_layernorm`, layerNormEps)
    return ofUnitLength(
      g,
      dense(g, pooled, 'visual_projection', channels, { bias: false }),
      channels,
    )
  })
  output('features', () => g.slice(x, 1, 1, patches + 1))
  return g.build()
}

/** `tokens` [texts, positions], `ends` [texts, 1], where each text's end token stands → `text` [texts, channels], of length 1. */
export function clipTexts({ text, channels }: ClipConfig): Graph {
  const g = new GraphBuilder('textEncoder')
  const tokens = g.input('tokens', ['texts', text.positions], 'int32')
  const ends = g.input('ends', ['texts', 1], 'int32')
  const read = g.stage('text.hidden', textTower(g, tokens, 'text_model', text, { causal: true }))
  const last = g.reshape(g.gather(read, ends, { batchDims: 1 }), ['texts', text.hiddenSize])
  const projected = dense(g, last, 'text_projection', channels, { bias: false })
  g.output('text', ofUnitLength(g, projected, channels))
  return g.build()
}

export const family = defineFamily<ClipConfig>({
  modelType: 'clip',
  parseConfig,
  configFiles: () => [PREPROCESSOR],
  graphs: (c) => ({ encoder: clipPictures(c), textEncoder: clipTexts(c) }),
  towers: ({ vision }) => [{ name: 'clip', inputSize: vision.imageSize, stage: 'features' }],
  limits: dualLimits,
  embeddingTower: (c) => dualTower(c, 'none', (output) => clipPictures(c, output)),
  weightNames: [['', '']],
  // The temperature of training; and old checkpoints store places that are 0, 1, 2, ….
  ignoredWeights: () => [
    'logit_scale',
    'text_model.embeddings.position_ids',
    'vision_model.embeddings.position_ids',
  ],
})
