/**
 * VILA-U (arXiv 2409.04429): a SigLIP tower whose features become a few codes each, a Llama that sees their vectors, and, for
 * drawing, a transformer from the Llama's states to codes and a decoder from codes to pixels. Reference code:
 * mit-han-lab/vila-u. Understanding is whole; nothing drives the drawing graphs yet.
 */
import { type DepthTransformerConfig, depthTransformer } from './blocks/depth-transformer.ts'
import { type PixelDecoderConfig, pixelDecoder } from './blocks/pixel-decoder.ts'
import { mlp2xGelu } from './blocks/projector.ts'
import { embedCodes, type QuantiserConfig, quantise } from './blocks/residual-quantiser.ts'
import { readSiglipConfig, siglip } from './blocks/siglip.ts'
import type { TextDecoderConfig } from './blocks/text-config.ts'
import { textDecoder } from './blocks/text-decoder.ts'
import { type VitConfig, vitGrid } from './blocks/vit.ts'
import { ConfigReader } from './config-reader.ts'
import { defineFamily, type FolderFacts, NO_FACTS } from './family.ts'
import { GraphBuilder } from './graph/builder.ts'
import type { Graph } from './graph/graph.ts'
import { readLlamaConfig } from './llama.ts'
import { vilaUVideo } from './vila/video.ts'

const TOWER = 'vision_tower.rqvaesiglip'
/** The tower's last layer, the norm behind it and its head are not run: the published loop returns before them. */
const UNUSED_LAYERS = 1

/** Sizes of the SigLIPs that checkpoints name, which are not in them: the hub's own configs. */
const SIGLIPS: Readonly<Record<string, object>> = {
  'google/siglip-large-patch16-256': {
    hidden_size: 1024,
    intermediate_size: 4096,
    num_hidden_layers: 24,
    num_attention_heads: 16,
    image_size: 256,
    patch_size: 16,
  },
  'google/siglip-so400m-patch14-384': {
    hidden_size: 1152,
    intermediate_size: 4304,
    num_hidden_layers: 27,
    num_attention_heads: 16,
    image_size: 384,
    patch_size: 14,
  },
}
/** What such a config means where it says nothing: `SiglipVisionConfig` of transformers. */
const SIGLIP_DEFAULTS = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  image_size: 224,
  patch_size: 16,
}

interface VilaUConfig {
  readonly tower: VitConfig
  readonly quantiser: QuantiserConfig
  readonly depthTransformer: DepthTransformerConfig
  readonly pixelDecoder: PixelDecoderConfig
  readonly text: TextDecoderConfig
  readonly maxContext: number
  /** Frames that a video is seen by. */
  readonly videoFrames: number
}

function parseConfig(raw: unknown, { files }: FolderFacts = NO_FACTS): VilaUConfig {
  const config = new ConfigReader(raw)
  config.oneOf('image_aspect_ratio', ['resize'])
  config.object('mm_projector_cfg').oneOf('mm_projector_type', ['mlp2x_gelu'])
  const rawText = config.object('llm_cfg')
  rawText.oneOf('model_type', ['llama'])
  const text = readLlamaConfig(rawText)
  const rawTower = config.object('vision_tower_cfg')
  const codec = rawTower.object('rqvaesiglip')
  const beside = siglipConfigPath(raw)
  const tower = readTower(codec, beside === undefined ? undefined : files.get(beside))
  const grid = vitGrid(tower)
  const quantiser = readQuantiser(codec, tower)
  if (config.size('mm_hidden_size') !== quantiser.width)
    throw config.mismatch('mm_hidden_size', `${quantiser.width}, the codes' width`)
  if (config.size('hidden_size') !== text.hiddenSize)
    throw config.mismatch('hidden_size', `${text.hiddenSize}, as in llm_cfg`)
  return {
    tower,
    quantiser,
    depthTransformer: readDepthTransformer(rawTower.object('rqtransformer'), quantiser, text),
    pixelDecoder: readPixelDecoder(codec, quantiser, grid),
    text,
    // Positions are stretched to a context longer than that of the Llama it began as.
    maxContext: rawText.size('tokenizer_model_max_length', text.maxPositions),
    videoFrames: config.size('num_video_frames', 8),
  }
}

function readTower(codec: ConfigReader, named: unknown): VitConfig {
  const name = codec.string('pretrained_model', 'google/siglip-large-patch16-256')
  const known = Object.hasOwn(SIGLIPS, name) ? SIGLIPS[name] : undefined
  const beside = (named as { readonly vision_config?: unknown } | undefined)?.vision_config
  const sizes = beside ?? known
  if (typeof sizes !== 'object' || sizes === null) {
    const names = Object.keys(SIGLIPS).join(' or ')
    throw codec.mismatch(
      'pretrained_model',
      `${names}, or a folder of its own with its config.json`,
    )
  }
  return readSiglipConfig(new ConfigReader({ ...SIGLIP_DEFAULTS, ...sizes }, name))
}

function readQuantiser(codec: ConfigReader, tower: VitConfig): QuantiserConfig {
  const grid = vitGrid(tower)
  const latent = codec.sizes('latent_shape')
  if (latent.join() !== [grid, grid, tower.hiddenSize].join())
    throw codec.mismatch('latent_shape', `[${grid}, ${grid}, ${tower.hiddenSize}], the tower's`)
  const [rows, columns, depth] = codec.sizes('code_shape')
  if (rows !== grid || columns !== grid || depth === undefined)
    throw codec.mismatch(
      'code_shape',
      `[${grid}, ${grid}, depth], a place of its own for every patch`,
    )
  return {
    codes: codec.size('n_embed'),
    depth,
    width: tower.hiddenSize,
    isShared: codec.boolean('shared_codebook'),
  }
}

function readDepthTransformer(
  raw: ConfigReader,
  quantiser: QuantiserConfig,
  text: TextDecoderConfig,
): DepthTransformerConfig {
  for (const [key, expected] of [
    ['input_embed_dim_1', quantiser.width],
    ['input_embed_dim_2', text.hiddenSize],
    ['vocab_size', quantiser.codes],
  ] as const) {
    if (raw.size(key) !== expected) throw raw.mismatch(key, String(expected))
  }
  if (raw.sizes('block_size')[2] !== quantiser.depth)
    throw raw.mismatch('block_size', `a third number of ${quantiser.depth}`)
  const width = raw.size('embed_dim')
  const head = raw.object('head')
  const heads = head.object('block').size('n_head')
  if (width % heads !== 0) throw head.object('block').mismatch('n_head', `a divisor of ${width}`)
  return {
    width,
    layers: head.repeats('n_layer'),
    heads,
    bodyWidth: text.hiddenSize,
    quantiser,
    names: { transformer: 'vision_tower.rqtransformer', quantiser: `${TOWER}.quantizer` },
  }
}

function readPixelDecoder(
  codec: ConfigReader,
  quantiser: QuantiserConfig,
  grid: number,
): PixelDecoderConfig {
  const raw = codec.object('ddconfig')
  raw.oneOf('out_ch', [3])
  const width = raw.size('ch')
  if (width % 32 !== 0) throw raw.mismatch('ch', 'a multiple of 32, the groups of its norms')
  const latentGrid = codec.has('decoder_latent_shape')
    ? codec.sizes('decoder_latent_shape')
    : undefined
  if (latentGrid && latentGrid.length !== 2)
    throw codec.mismatch('decoder_latent_shape', 'two numbers')
  return {
    grid: [grid, grid],
    latentGrid: latentGrid && [latentGrid[0]!, latentGrid[1]!],
    latentWidth: raw.size('z_channels'),
    width,
    multiples: raw.listOfRepeats('ch_mult'),
    blocks: raw.repeats('num_res_blocks'),
    attentionSides: raw.has('attn_resolutions') ? raw.sizes('attn_resolutions') : [],
    resolution: raw.size('resolution'),
    quantiser,
    prefix: TOWER,
  }
}

/** The config of the SigLIP beside the checkpoint's own, where somebody who shrinks it would put it. */
function siglipConfigPath(raw: unknown): string | undefined {
  const codec = new ConfigReader(raw).object('vision_tower_cfg').object('rqvaesiglip')
  const name = codec.string('pretrained_model', '')
  return /^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/.test(name)
    ? `vision_tower/${name}/config.json`
    : undefined
}

/**
 * Pixels [tiles, 3, S, S] → `features` [tiles, grid², hidden] of what the codes say, not of what the tower saw, and `codes`
 * [tiles, grid², depth].
 */
function encoder({ tower, quantiser, text }: VilaUConfig): Graph {
  const g = new GraphBuilder('encoder')
  const pixels = g.input('pixels', ['tiles', 3, tower.imageSize, tower.imageSize])
  const seen = siglip(g, pixels, `${TOWER}.siglip_model.vision_model`, tower, {
    layers: tower.layers - UNUSED_LAYERS,
    stage: 'tower.embeddings',
    layerStage: 'tower.layer',
  })
  const { codes, sum } = quantise(g, seen, `${TOWER}.quantizer`, quantiser)
  // The published code comes back to the codes by way of what was seen, which rounds otherwise.
  const z = g.stage('quant.z', g.add(seen, g.sub(sum, seen)))
  g.output('features', mlp2xGelu(g, z, 'mm_projector.layers', text.hiddenSize, text.hiddenSize))
  g.output('codes', codes)
  return g.build()
}

/** Codes [rows, depth] → `embeddings` [rows, hidden]. Stages: `code_sumN`, what the codes up to that depth stand for. */
function codeEmbedder({ quantiser, text }: VilaUConfig): Graph {
  const g = new GraphBuilder('codeEmbedder')
  const codes = g.input('codes', ['rows', quantiser.depth], 'int32')
  const sums = embedCodes(g, codes, `${TOWER}.quantizer`, quantiser)
  for (const [depth, sum] of sums.entries()) g.stage(`code_sum${depth}`, sum)
  const { hiddenSize } = text
  g.output('embeddings', mlp2xGelu(g, sums.at(-1)!, 'mm_projector.layers', hiddenSize, hiddenSize))
  return g.build()
}

export const family = defineFamily<VilaUConfig>({
  modelType: 'vila_u_llama',
  parseConfig,
  configFiles: (raw) => [siglipConfigPath(raw)].filter((path) => path !== undefined),
  graphs: (c) => ({
    encoder: encoder(c),
    decoder: textDecoder(c.text),
    depthTransformer: depthTransformer(c.depthTransformer),
    codeEmbedder: codeEmbedder(c),
    pixelDecoder: pixelDecoder(c.pixelDecoder),
  }),
  imagePreprocessing: ({ tower }) => ({
    mode: 'stretch',
    size: tower.imageSize,
    padColor: [0, 0, 0],
    resample: 'bicubic',
    alpha: 'resized-then-dropped',
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
  }),
  towers: ({ tower }) => [
    { name: 'rq-siglip', inputSize: tower.imageSize, stage: 'quant.residual0' },
  ],
  limits: ({ tower, text, maxContext }) => ({
    vocabSize: text.vocabSize,
    hiddenSize: text.hiddenSize,
    maxContext,
    tokensPerTile: vitGrid(tower) ** 2,
    maxImages: Math.max(1, Math.floor((maxContext * 0.75) / vitGrid(tower) ** 2)),
  }),
  weightFolders: ['llm', 'vision_tower', 'mm_projector'],
  textFolder: 'llm',
  weightNames: [
    ['llm.', ''],
    ['', ''],
  ],
  ignoredWeights: ({ tower, quantiser: { depth, isShared } }) => [
    `${TOWER}.logit_`,
    `${TOWER}.siglip_model.logit_`,
    `${TOWER}.siglip_model.text_model.`,
    `${TOWER}.siglip_model.vision_model.head.`,
    `${TOWER}.siglip_model.vision_model.post_layernorm.`,
    `${TOWER}.siglip_model.vision_model.encoder.layers.${tower.layers - 1}.`,
    // Of the training, and copies where all depths share the first codebook.
    ...Array.from({ length: depth }, (_, i) => `${TOWER}.quantizer.codebooks.${i}.`).flatMap(
      (book, i) => [
        `${book}cluster_size_ema`,
        `${book}embed_ema`,
        ...(isShared && i > 0 ? [`${book}weight`] : []),
      ],
    ),
  ],
  embeddingName: 'llm.model.embed_tokens.weight',
  imageToken: () => '<image>',
  video: ({ videoFrames }) => vilaUVideo(videoFrames),
  conversation: () => ({ template: 'vila_u', addsBos: true, stopTokens: [] }),
})

export type { VilaUConfig }
