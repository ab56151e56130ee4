/**
 * SigLIP (arXiv 2303.15343) and SigLIP 2 of one size (arXiv 2502.14786): a tower of pictures and one of texts, trained to agree
 * by a sigmoid loss. Reference code: google-research/big_vision, and `modeling_siglip.py` of transformers, whose layout the
 * checkpoints have. SigLIP 2 of many sizes (NaFlex, `siglip2`) is another architecture.
 */
import { dense, layerNorm } from './blocks/dense.ts'
import { type DualConfig, dualLimits, dualTower } from './blocks/dual-tower.ts'
import { readSiglipConfig, siglip } from './blocks/siglip.ts'
import {
  ofUnitLength,
  PREPROCESSOR,
  readDualPreprocessor,
  readTextTower,
  textTower,
} from './blocks/text-tower.ts'
import type { VitConfig } from './blocks/vit.ts'
import { ConfigReader } from './config-reader.ts'
import { defineFamily, type FolderFacts, NO_FACTS, type TextTower } from './family.ts'
import { GraphBuilder } from './graph/builder.ts'
import type { Graph, Value } from './graph/graph.ts'
import type { Rgb } from './preprocessing.ts'

export interface SiglipConfig extends DualConfig {
  readonly preparation: TextTower['preparation']
}

const TOKENIZER = 'tokenizer_config.json'

/** `SiglipTokenizer` takes punctuation away in code; SigLIP 2 was trained on lower case, and its tokenizer is Gemma's. */
const PREPARATIONS: Readonly<Record<string, TextTower['preparation']>> = {
  SiglipTokenizer: 'canonical',
  SiglipTokenizerFast: 'canonical',
  GemmaTokenizer: 'lower-case',
  GemmaTokenizerFast: 'lower-case',
  Siglip2Tokenizer: 'lower-case',
}

/** Those of base-patch16-224, which the config's classes fill in. */
const PUBLISHED_TEXT = {
  ...{ vocabSize: 32000, positions: 64, hiddenSize: 768, layers: 12, heads: 12 },
  ...{ intermediateSize: 3072, layerNormEps: 1e-6 },
  gelu: 'tanh',
} as const
const PUBLISHED_VISION = {
  ...{ image_size: 224, patch_size: 16, hidden_size: 768, num_hidden_layers: 12 },
  ...{ num_attention_heads: 12, intermediate_size: 3072 },
} as const

const HALF: Rgb = [0.5, 0.5, 0.5]

function parseConfig(raw: unknown, { files }: FolderFacts = NO_FACTS): SiglipConfig {
  const config = new ConfigReader(raw)
  const vision = readSiglipConfig(config.object('vision_config'), PUBLISHED_VISION)
  const rawText = config.object('text_config')
  rawText.oneOf('hidden_act', ['gelu_pytorch_tanh'], 'gelu_pytorch_tanh')
  const text = readTextTower(rawText, PUBLISHED_TEXT)
  if (rawText.size('projection_size', text.hiddenSize) !== vision.hiddenSize)
    throw rawText.mismatch('projection_size', `${vision.hiddenSize}, as the pictures' hidden_size`)
  const tokenizer = new ConfigReader(files.get(TOKENIZER) ?? {}, TOKENIZER)
  const kind = tokenizer.string('tokenizer_class', 'SiglipTokenizer')
  const preparation = PREPARATIONS[kind]
  if (!preparation)
    throw tokenizer.mismatch('tokenizer_class', Object.keys(PREPARATIONS).join(' or '))
  return {
    ...{ vision, text, preparation },
    channels: vision.hiddenSize,
    preprocessing: readDualPreprocessor(
      new ConfigReader(files.get(PREPROCESSOR) ?? {}, PREPROCESSOR),
      vision,
      { mode: 'stretch', mean: HALF, std: HALF },
    ),
  }
}

/**
 * `pixels` [tiles, 3, size, size] → `embedding` [tiles, channels], of length 1, and `features` [tiles, grid², hiddenSize] behind
 * the last norm. Stage: `layerN`.
 */
export function siglipPictures(c: SiglipConfig, wanted?: string): Graph {
  const g = new GraphBuilder('encoder')
  const { vision, channels } = c
  const { imageSize, layers, layerNormEps } = vision
  const pixels = g.input('pixels', ['tiles', 3, imageSize, imageSize])
  const seen = siglip(g, pixels, 'vision_model', vision, { layers, layerStage: 'layer' })
  const patches = layerNorm(g, seen, 'vision_model.post_layernorm', layerNormEps)
  const output = (name: string, make: () => Value) => {
    if (wanted === undefined || wanted === name) g.output(name, make())
  }
  output('embedding', () => ofUnitLength(g, attentionPooled(g, patches, vision), channels))
  output('features', () => patches)
  return g.build()
}

/** What a learnt question finds among the patches: [tiles, grid², c] → [tiles, c]. */
function attentionPooled(g: GraphBuilder, patches: Value, c: VitConfig): Value {
  const { hiddenSize: width, heads, intermediateSize, layerNormEps } = c
  const head = 'vision_model.head'
  const probe = g.expand(g.weight(`${head}.probe`, [1, 1, width]), patches)
  // `torch.nn.MultiheadAttention` keeps the three in one.
  const inward = (x: Value, place: number) => {
    const part = (value: Value) => g.slice(value, 0, place * width, (place + 1) * width)
    const weight = g.weight(`${head}.attention.in_proj_weight`, [3 * width, width])
    const bias = g.weight(`${head}.attention.in_proj_bias`, [3 * width])
    return g.linear(x, part(weight), part(bias))
  }
  const found = g.attention(inward(probe, 0), inward(patches, 1), inward(patches, 2), heads)
  const x = dense(g, found, `${head}.attention.out_proj`, width)
  const ready = layerNorm(g, x, `${head}.layernorm`, layerNormEps)
  const hidden = g.gelu(dense(g, ready, `${head}.mlp.fc1`, intermediateSize), c.gelu)
  return g.reshape(g.add(x, dense(g, hidden, `${head}.mlp.fc2`, width)), ['tiles', width])
}

/** `tokens` [texts, positions] → `text` [texts, channels], of length 1. */
export function siglipTexts({ text, channels }: SiglipConfig): Graph {
  const g = new GraphBuilder('textEncoder')
  const { positions, hiddenSize } = text
  const tokens = g.input('tokens', ['texts', positions], 'int32')
  const read = g.stage('text.hidden', textTower(g, tokens, 'text_model', text, { causal: false }))
  // The last place, whatever stands there: padding, mostly.
  const last = g.reshape(g.slice(read, 1, positions - 1, positions), ['texts', hiddenSize])
  g.output('text', ofUnitLength(g, dense(g, last, 'text_model.head', channels), channels))
  return g.build()
}

export const family = defineFamily<SiglipConfig>({
  modelType: 'siglip',
  parseConfig,
  configFiles: () => [PREPROCESSOR, TOKENIZER],
  graphs: (c) => ({ encoder: siglipPictures(c), textEncoder: siglipTexts(c) }),
  towers: ({ vision }) => [{ name: 'siglip', inputSize: vision.imageSize, stage: 'features' }],
  limits: dualLimits,
  embeddingTower: (c) => dualTower(c, c.preparation, (output) => siglipPictures(c, output)),
  weightNames: [['', '']],
  // Temperature and bias of training; and old checkpoints store places that are 0, 1, 2, ….
  ignoredWeights: () => [
    'logit_scale',
    'logit_bias',
    'text_model.embeddings.position_ids',
    'vision_model.embeddings.position_ids',
  ],
})
