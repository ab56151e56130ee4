/**
 * Eagle 2.5 (arXiv 2504.15271) and Eagle 2 (arXiv 2501.14818) as republished with it: SigLIP, squares of four tokens joined,
 * a decoder of text. Model cards: nvidia/Eagle2-1B, nvidia/Eagle2.5-8B; reference code: `modeling_eagle2_5_vl.py`,
 * `processing_eagle2_5_vl.py` and `image_processing_eagle2_5_vl_fast.py` there.
 */
import { readSiglipConfig } from './blocks/siglip.ts'
import type { TextDecoderConfig } from './blocks/text-config.ts'
import { textDecoder } from './blocks/text-decoder.ts'
import type { VitConfig } from './blocks/vit.ts'
import { ConfigReader } from './config-reader.ts'
import {
  type ConnectorConfig,
  joinTokens,
  mlp1,
  readConnector,
  tokensPerTile,
} from './eagle2/connector.ts'
import { readEagle2Text, TEXT_PREFIX, unusedHead } from './eagle2/text.ts'
import { readTiles } from './eagle2/tile-limits.ts'
import { eagle25Video } from './eagle2/video.ts'
import {
  readSelectedState,
  type SelectedState,
  siglipState,
  unusedOfSiglip,
} from './eagle2/vision.ts'
import { defineFamily, type FolderFacts, NO_FACTS } from './family.ts'
import { GraphBuilder } from './graph/builder.ts'
import type { Graph } from './graph/graph.ts'
import type { ImagePreprocessing } from './preprocessing.ts'

const SIGLIP = 'vision_model.vision_model'
const PREPROCESSOR = 'preprocessor_config.json'
const PROCESSOR = 'processor_config.json'
/** `PILImageResampling`. */
const RESAMPLING = { 2: 'bilinear', 3: 'bicubic' } as const

export interface Eagle25Config {
  readonly tower: VitConfig
  readonly state: SelectedState
  readonly connector: ConnectorConfig
  readonly text: TextDecoderConfig
  readonly preprocessing: ImagePreprocessing
  /** What stands before and behind a picture's features. */
  readonly imageStart: string
  readonly imageEnd: string
}

function parseConfig(raw: unknown, { files }: FolderFacts = NO_FACTS): Eagle25Config {
  const config = new ConfigReader(raw)
  const rawTower = config.object('vision_config')
  rawTower.oneOf('model_type', ['siglip_vision_model'])
  const tower = readSiglipConfig(rawTower)
  if (config.size('force_image_size', tower.imageSize) !== tower.imageSize)
    throw config.mismatch('force_image_size', `${tower.imageSize}, as in vision_config`)
  const connector = readConnector(config, tower)
  const processor = new ConfigReader(files.get(PROCESSOR) ?? {}, PROCESSOR)
  const perTile = tokensPerTile(tower, connector)
  if (processor.size('tokens_per_tile', perTile) !== perTile)
    throw processor.mismatch('tokens_per_tile', `${perTile}, what a tile becomes`)
  processor.oneOf('image_placeholder', ['image'], 'image')
  return {
    tower,
    state: readSelectedState(config, tower),
    connector,
    text: readEagle2Text(config, 'text_config'),
    preprocessing: files.has(PREPROCESSOR)
      ? readPreprocessor(new ConfigReader(files.get(PREPROCESSOR), PREPROCESSOR), tower)
      : preprocessing(tower, {
          minTiles: readTiles(config, 'min_dynamic_tiles', 1),
          maxTiles: readTiles(config, 'max_dynamic_tiles', 6),
          thumbnail: config.boolean('use_thumbnail', false),
        }),
    imageStart: processor.string('image_start_token', '<img>'),
    imageEnd: processor.string('image_end_token', '</img>'),
  }
}

/** The published processor never looks at config.json: this file rules, with the defaults of the processor's class. */
function readPreprocessor(raw: ConfigReader, tower: VitConfig): ImagePreprocessing {
  if (raw.has('size')) {
    const size = raw.object('size')
    for (const side of ['height', 'width']) size.oneOf(side, [tower.imageSize])
  }
  for (const step of ['do_rescale', 'do_normalize', 'do_convert_rgb'])
    if (!raw.boolean(step, true)) throw raw.mismatch(step, 'true')
  for (const step of ['do_center_crop', 'pad_during_tiling'])
    if (raw.boolean(step, false)) throw raw.mismatch(step, 'false')
  if (Math.abs(raw.number('rescale_factor', 1 / 255) * 255 - 1) > 1e-6)
    throw raw.mismatch('rescale_factor', '1 / 255')
  const base = preprocessing(tower, {
    minTiles: readTiles(raw, 'min_dynamic_tiles', 1),
    maxTiles: readTiles(raw, 'max_dynamic_tiles', 12),
    thumbnail: raw.boolean('use_thumbnail', true),
  })
  const mean = raw.has('image_mean') ? raw.rgb('image_mean') : base.mean
  const std = raw.has('image_std') ? raw.rgb('image_std') : base.std
  if (std.some((value) => value <= 0)) throw raw.mismatch('image_std', 'three positive numbers')
  return { ...base, resample: RESAMPLING[raw.oneOf('resample', [2, 3], 3)], mean, std }
}

function preprocessing(
  { imageSize }: VitConfig,
  tiles: { readonly minTiles: number; readonly maxTiles: number; readonly thumbnail: boolean },
): ImagePreprocessing {
  return {
    mode: 'stretch',
    size: imageSize,
    padColor: [255, 255, 255],
    resample: 'bicubic',
    arithmetic: 'torchvision',
    alpha: 'colour-on-white',
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
    tiling: { rule: 'saturated-area', onlyAlone: false, ...tiles },
  }
}

/** Pixels [tiles, 3, S, S] → features [tiles, tokens, hidden]. Stages beside the tower's: `joined`. */
export function encoder({ tower, state, connector, text }: Eagle25Config): Graph {
  const g = new GraphBuilder('encoder')
  const pixels = g.input('pixels', ['tiles', 3, tower.imageSize, tower.imageSize])
  const tokens = siglipState(g, pixels, SIGLIP, tower, state)
  const joined = g.stage('joined', joinTokens(g, tokens, connector))
  g.output('features', mlp1(g, joined, connector, text.hiddenSize))
  return g.build()
}

export const family = defineFamily<Eagle25Config>({
  modelType: 'eagle_2_5_vl',
  parseConfig,
  configFiles: () => [PREPROCESSOR, PROCESSOR],
  graphs: (c) => ({ encoder: encoder(c), decoder: textDecoder(c.text) }),
  imagePreprocessing: (c) => c.preprocessing,
  towers: ({ tower }) => [{ name: 'siglip', inputSize: tower.imageSize, stage: 'siglip.selected' }],
  limits: ({ tower, connector, text }) => ({
    vocabSize: text.vocabSize,
    hiddenSize: text.hiddenSize,
    maxContext: text.maxPositions,
    tokensPerTile: tokensPerTile(tower, connector),
    // As many pictures of one tile as leave a quarter of the context to the conversation.
    maxImages: Math.max(
      1,
      Math.floor((text.maxPositions * 0.75) / tokensPerTile(tower, connector)),
    ),
  }),
  weightNames: [
    [TEXT_PREFIX, ''],
    ['', ''],
  ],
  ignoredWeights: ({ tower, state, text }) => [
    ...unusedOfSiglip(SIGLIP, tower, state),
    ...unusedHead(text),
  ],
  embeddingName: `${TEXT_PREFIX}model.embed_tokens.weight`,
  imageToken: (_, number) => `<image-${number}>`,
  // The number is said in words of the text even where there is one picture.
  pictureText: ({ imageStart, imageEnd }, _, number) => [
    `<image ${number}>${imageStart}`,
    imageEnd,
  ],
  video: ({ imageStart, imageEnd }) => eagle25Video({ start: imageStart, end: imageEnd }),
})
