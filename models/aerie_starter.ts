/**
 * Aerie's own starter model: two towers of different kind and resolution → channel concat →
 * mlp2x_gelu → Llama. The composition is Eagle's (arXiv 2408.15998), small; where its config has an `audio_tower`, it hears, too.
 * Reference code: `models/starter/train/starter/`.
 */
import { type ConvNextConfig, convNext } from './blocks/convnext.ts'
import { layerNorm } from './blocks/dense.ts'
import { concatChannels, gridToTokens, tokensToGrid } from './blocks/fuse.ts'
import { mlp2xGelu } from './blocks/projector.ts'
import { type SoundTowerConfig, soundTower } from './blocks/sound-tower.ts'
import type { TextDecoderConfig } from './blocks/text-config.ts'
import { TEXT_EMBEDDING, textDecoder } from './blocks/text-decoder.ts'
import { readVitSizes, type VitConfig, vit } from './blocks/vit.ts'
import { ConfigReader } from './config-reader.ts'
import { defineFamily, type HearingModel } from './family.ts'
import { GraphBuilder } from './graph/builder.ts'
import type { Graph, Value } from './graph/graph.ts'
import { readLlamaConfig } from './llama.ts'
import type { ImagePreprocessing } from './preprocessing.ts'
import { onePicture } from './video/plain.ts'

interface StarterConfig {
  readonly preprocessing: ImagePreprocessing
  readonly imageToken: string
  readonly tokensPerImage: number
  readonly vit: VitConfig
  readonly convNext: ConvNextConfig
  readonly projectorHiddenSize: number
  readonly text: TextDecoderConfig
  /** Undefined for a checkpoint without ears. */
  readonly sound: (SoundTowerConfig & Pick<HearingModel, 'audioToken' | 'maxWindows'>) | undefined
}

function parseConfig(raw: unknown): StarterConfig {
  const config = new ConfigReader(raw)
  const towers = config.objects('vision_towers')
  const [first, second] = towers
  if (!first || !second || towers.length !== 2) throw config.mismatch('vision_towers', 'two towers')
  config.oneOf('image_aspect_ratio', ['pad'])
  config.oneOf('mm_projector_type', ['mlp2x_gelu'])
  const imageSize = config.size('image_size')
  const tokensPerImage = config.size('tokens_per_image')
  const std = config.rgb('image_std')
  if (std.some((value) => value <= 0)) throw config.mismatch('image_std', 'three positive numbers')
  const parsed = {
    preprocessing: {
      mode: 'pad',
      size: imageSize,
      padColor: config.rgb('image_pad_color'),
      resample: config.oneOf('resample', ['bicubic']),
      mean: config.rgb('image_mean'),
      std,
    },
    imageToken: config.string('image_token'),
    tokensPerImage,
    vit: parseVit(first),
    convNext: parseConvNext(second),
    projectorHiddenSize: config.size('projector_hidden_size'),
    text: readLlamaConfig(config.object('text_config')),
    sound: config.has('audio_tower') ? parseSound(config) : undefined,
  } as const
  if (imageSize % parsed.vit.imageSize !== 0)
    throw first.mismatch('image_size', `a divisor of ${imageSize}`)
  if (parsed.convNext.imageSize !== imageSize)
    throw second.mismatch('image_size', String(imageSize))
  const grid = Math.sqrt(tokensPerImage)
  if (parsed.vit.imageSize / parsed.vit.patchSize !== grid)
    throw config.mismatch('tokens_per_image', "the square of the ViT's grid")
  const stride = parsed.convNext.patchSize * 2 ** (parsed.convNext.hiddenSizes.length - 1)
  if (imageSize / stride !== grid)
    throw config.mismatch('tokens_per_image', "the square of the ConvNeXt's grid")
  return parsed
}

function parseVit(raw: ConfigReader): VitConfig {
  raw.oneOf('type', ['vit'])
  return { ...readVitSizes(raw), layerNormEps: raw.number('layer_norm_eps'), gelu: 'erf' }
}

function parseConvNext(raw: ConfigReader): ConvNextConfig {
  raw.oneOf('type', ['convnext'])
  const hiddenSizes = raw.sizes('hidden_sizes')
  const depths = raw.listOfRepeats('depths')
  if (depths.length !== hiddenSizes.length)
    throw raw.mismatch('depths', `${hiddenSizes.length} numbers, as in hidden_sizes`)
  const kernelSize = raw.size('kernel_size')
  if (kernelSize % 2 === 0) throw raw.mismatch('kernel_size', 'an odd number')
  return {
    imageSize: raw.size('image_size'),
    patchSize: raw.size('patch_size'),
    kernelSize,
    hiddenSizes,
    depths,
    layerNormEps: raw.number('layer_norm_eps'),
    scaleName: 'gamma',
  }
}

function parseSound(config: ConfigReader): StarterConfig['sound'] {
  const raw = config.object('audio_tower')
  raw.oneOf('type', ['whisper_encoder'])
  const windowFrames = raw.size('window_frames')
  const pooling = raw.size('pooling')
  if (windowFrames % (2 * pooling) !== 0)
    throw raw.mismatch('window_frames', `a multiple of ${2 * pooling}, twice the pooling`)
  const hiddenSize = raw.size('hidden_size')
  const heads = raw.size('num_attention_heads')
  if (hiddenSize % heads !== 0)
    throw raw.mismatch('num_attention_heads', `a divisor of ${hiddenSize}`)
  return {
    melBins: raw.size('num_mel_bins'),
    stack: {
      hiddenSize,
      heads,
      positions: windowFrames / 2,
      layers: raw.repeats('num_hidden_layers'),
      intermediateSize: raw.size('intermediate_size'),
      layerNormEps: raw.number('layer_norm_eps'),
    },
    pooling,
    projectorHiddenSize: config.size('audio_projector_hidden_size'),
    audioToken: config.string('audio_token'),
    maxWindows: raw.size('max_windows'),
  }
}

/** Pixels [tiles, 3, S, S] → features [tiles, tokensPerImage, hidden]. */
function encoder(c: StarterConfig): Graph {
  const g = new GraphBuilder('encoder')
  const size = c.preprocessing.size
  const pixels = g.input('pixels', ['tiles', 3, size, size])

  const small = g.avgPool2d(pixels, size / c.vit.imageSize)
  const tokens = g.stage('vit_tokens', vit(g, small, 'vision_towers.0', c.vit))
  const map = convNext(g, pixels, 'vision_towers.1', c.convNext)
  const fine = layerNorm(g, map, 'vision_towers.1.norm', c.convNext.layerNormEps)
  g.stage('convnext_tokens', gridToTokens(g, fine))

  const grid = Math.sqrt(c.tokensPerImage)
  const fused = g.stage('fused', concatChannels(g, [tokensToGrid(g, tokens), fine], grid))
  const width = c.text.hiddenSize
  const projected = g.stage(
    'projected',
    mlp2xGelu(g, fused, 'projector', c.projectorHiddenSize, width),
  )
  g.output('features', g.stage('placed', g.add(projected, cellPositions(g, grid, width))))
  return g.build()
}

/** Learned place of each cell: row embedding + column embedding → [grid², width]. */
function cellPositions(g: GraphBuilder, grid: number, width: number): Value {
  const rows = g.reshape(g.weight('image_row_embedding', [grid, width]), [grid, 1, width])
  return g.reshape(g.add(rows, g.weight('image_column_embedding', [grid, width])), [
    grid * grid,
    width,
  ])
}

export const family = defineFamily<StarterConfig>({
  modelType: 'aerie_starter',
  parseConfig,
  graphs: (c) => ({
    encoder: encoder(c),
    ...(c.sound && { soundEncoder: soundTower(c.sound, c.text.hiddenSize) }),
    decoder: textDecoder(c.text),
  }),
  imagePreprocessing: (c) => c.preprocessing,
  towers: (c) => [
    { name: 'vit', inputSize: c.vit.imageSize, stage: 'vit_tokens' },
    { name: 'convnext', inputSize: c.convNext.imageSize, stage: 'convnext_tokens' },
  ],
  limits: (c) => ({
    vocabSize: c.text.vocabSize,
    hiddenSize: c.text.hiddenSize,
    maxContext: c.text.maxPositions,
    tokensPerTile: c.tokensPerImage,
    // As many pictures as leave a quarter of the context to the conversation.
    maxImages: Math.max(1, Math.floor((c.text.maxPositions * 0.75) / c.tokensPerImage)),
  }),
  weightNames: [['', '']],
  embeddingName: TEXT_EMBEDDING,
  imageToken: (c) => c.imageToken,
  hearing: ({ sound }) =>
    sound && {
      melBins: sound.melBins,
      windowFrames: 2 * sound.stack.positions,
      maxWindows: sound.maxWindows,
      tokensPerWindow: sound.stack.positions / sound.pooling,
      framesPerToken: 2 * sound.pooling,
      audioToken: sound.audioToken,
    },
  video: () => onePicture,
})
