/**
 * VILA-1.5 (arXiv 2312.07533): SigLIP, squares of four neighbouring tokens joined, a Llama. One model_type for three
 * generations; what the later ones changed is refused by name.
 */
import { dense, layerNorm } from './blocks/dense.ts'
import { joinSquares } from './blocks/downsample.ts'
import { type S2Config, s2 } from './blocks/s2.ts'
import { readSiglipConfig, siglip } from './blocks/siglip.ts'
import type { TextDecoderConfig } from './blocks/text-config.ts'
import { textDecoder } from './blocks/text-decoder.ts'
import { type VitConfig, vitGrid } from './blocks/vit.ts'
import { ConfigReader } from './config-reader.ts'
import { defineFamily } from './family.ts'
import { GraphBuilder } from './graph/builder.ts'
import type { Graph } from './graph/graph.ts'
import { readLlamaConfig } from './llama.ts'

/** Tokens a side of the squares that the projector joins. */
const JOINED = 2
const LLAMA_3_VOCABULARY = 128_000
/** PyTorch's default, not the tower's. */
const PROJECTOR_EPS = 1e-5

interface VilaConfig {
  readonly tower: VitConfig
  /** Layers of the tower that are run. */
  readonly towerLayers: number
  /** Undefined: the picture is seen at one scale. */
  readonly s2: S2Config | undefined
  readonly text: TextDecoderConfig
}

function parseConfig(raw: unknown): VilaConfig {
  const config = new ConfigReader(raw)
  config.oneOf('image_aspect_ratio', ['resize'])
  if (config.boolean('dynamic_s2', false)) throw config.mismatch('dynamic_s2', 'false')
  if (config.boolean('mm_use_im_start_end', false))
    throw config.mismatch('mm_use_im_start_end', 'false')
  // SigLIP has no class token: dropping the first one would lose a patch.
  config.oneOf('mm_vision_select_feature', ['cls_patch'])
  const projector = config.object('mm_projector_cfg')
  projector.oneOf('mm_projector_type', ['mlp_downsample'])
  const rawTower = config.object('vision_tower_cfg')
  rawTower.oneOf('model_type', ['siglip_vision_model'])
  const rawText = config.object('llm_cfg')
  rawText.oneOf('model_type', ['llama'])
  const tower = readSiglipConfig(rawTower)
  const text = readLlamaConfig(rawText)
  const s2 = config.boolean('s2', false) ? readS2(config, tower) : undefined
  const width = tower.hiddenSize * (s2?.scales.length ?? 1)
  if (config.size('mm_hidden_size') !== width)
    throw config.mismatch('mm_hidden_size', `${width}, from vision_tower_cfg and the scales`)
  if (config.size('hidden_size') !== text.hiddenSize)
    throw config.mismatch('hidden_size', `${text.hiddenSize}, as in llm_cfg`)
  // An index into the states between layers, of which the first is that before them all.
  const selected = config.number('mm_vision_select_layer')
  const towerLayers = selected < 0 ? tower.layers + 1 + selected : selected
  if (!Number.isInteger(towerLayers) || towerLayers < 1 || towerLayers > tower.layers)
    throw config.mismatch('mm_vision_select_layer', `a layer of ${tower.layers}`)
  return { tower, towerLayers, s2, text }
}

/** Scales that the tower's squares tile; what the published code also takes, and no checkpoint has, is refused. */
function readS2(config: ConfigReader, tower: VitConfig): S2Config {
  const scales = config
    .string('s2_scales')
    .split(',')
    .map(Number)
    .sort((a, b) => a - b)
  const isTiled = scales.every((scale) => scale > 0 && scale % tower.imageSize === 0)
  if (!isTiled || scales[0] !== tower.imageSize)
    throw config.mismatch('s2_scales', `${tower.imageSize} and multiples of it`)
  if (config.size('s2_max_split_size') !== tower.imageSize)
    throw config.mismatch('s2_max_split_size', `${tower.imageSize}, what the tower reads`)
  if (config.number('s2_resize_output_to_scale_idx', 0) !== 0)
    throw config.mismatch('s2_resize_output_to_scale_idx', '0')
  return { scales }
}

/** Side of the picture that the encoder reads. */
function imageSize({ tower, s2 }: VilaConfig): number {
  return s2?.scales.at(-1) ?? tower.imageSize
}

/** Pixels [tiles, 3, S, S] → features [tiles, tokens, hidden]. */
function encoder(c: VilaConfig): Graph {
  const { tower, towerLayers: layers, text } = c
  const g = new GraphBuilder('encoder')
  const pixels = g.input('pixels', ['tiles', 3, imageSize(c), imageSize(c)])
  const prefix = 'vision_tower.vision_model'
  const features = c.s2
    ? s2(g, pixels, c.s2, (squares) => siglip(g, squares, prefix, tower, { layers }))
    : siglip(g, pixels, prefix, tower, { layers, stage: 'tower_embeddings' })
  const seen = g.stage('tower_features', features)
  // Down the columns, as the code did that VILA-1.5 was trained with; later code of the same name goes by rows.
  const joined = g.stage('downsampled', joinSquares(g, seen, JOINED, 'columns'))
  const normed = layerNorm(g, joined, 'mm_projector.layers.1', PROJECTOR_EPS)
  const hidden = g.gelu(dense(g, normed, 'mm_projector.layers.2', text.hiddenSize), 'erf')
  g.output('features', dense(g, hidden, 'mm_projector.layers.4', text.hiddenSize))
  return g.build()
}

function tokensPerTile({ tower }: VilaConfig): number {
  return Math.ceil(vitGrid(tower) / JOINED) ** 2
}

export const family = defineFamily<VilaConfig>({
  modelType: 'llava_llama',
  parseConfig,
  graphs: (c) => ({ encoder: encoder(c), decoder: textDecoder(c.text) }),
  imagePreprocessing: (c) => ({
    mode: 'stretch',
    size: imageSize(c),
    padColor: [0, 0, 0],
    resample: 'bicubic',
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
  }),
  towers: ({ tower }) => [{ name: 'siglip', inputSize: tower.imageSize }],
  limits: (c) => ({
    vocabSize: c.text.vocabSize,
    hiddenSize: c.text.hiddenSize,
    maxContext: c.text.maxPositions,
    tokensPerTile: tokensPerTile(c),
    maxImages: Math.max(1, Math.floor((c.text.maxPositions * 0.75) / tokensPerTile(c))),
  }),
  weightFolders: ['llm', 'vision_tower', 'mm_projector'],
  textFolder: 'llm',
  weightNames: [
    ['llm.', ''],
    ['', ''],
  ],
  // The layers behind the selected one, and the pooling head.
  ignoredWeights: ({ tower, towerLayers }) => [
    'vision_tower.vision_model.head.',
    'vision_tower.vision_model.post_layernorm.',
    ...Array.from(
      { length: tower.layers - towerLayers },
      (_, i) => `vision_tower.vision_model.encoder.layers.${towerLayers + i}.`,
    ),
  ],
  embeddingName: 'llm.model.embed_tokens.weight',
  imageToken: () => '<image>',
  // The checkpoints do not say; the published code goes by their names, of which those with Llama 3 have its vocabulary.
  conversation: ({ text }) =>
    text.vocabSize < LLAMA_3_VOCABULARY
      ? { template: 'vicuna_v1', addsBos: true, stopTokens: [] }
      : { template: 'llama_3', addsBos: false, stopTokens: ['<|eot_id|>'] },
})
