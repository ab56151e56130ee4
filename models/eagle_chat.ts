/**
 * Eagle 2 (arXiv 2501.14818) as first published: SigLIP alone, or with ConvNeXt-XXL beside it (Eagle2-9B), a decoder of text.
 * Model card: nvidia/Eagle2-9B; reference code: `modeling_eagle_chat.py` and `demo.py` there, and
 * `Eagle2/inference/inference.py` of NVlabs/Eagle. The towers' fusion is that of the model file, SigLIP first whatever the
 * order in the config.
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
import { convNextGrid, convNextTokens, readTwoTowers, type TwoTowers } from './eagle2/towers.ts'
import { eagle2Video } from './eagle2/video.ts'
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

/** What stands before and behind a picture's features. */
const MARKS = { start: '<img>', end: '</img>' } as const
const TOKENIZER = 'tokenizer_config.json'
/** What the demo takes a tile for when it shares the context out; every published checkpoint's has as many. */
const SHARED_PER_TILE = 256

interface Eagle2Config {
  readonly siglip: TwoTowers['siglip']
  /** Undefined: SigLIP alone. */
  readonly convNext: TwoTowers['convNext'] | undefined
  readonly state: SelectedState
  readonly connector: ConnectorConfig
  readonly text: TextDecoderConfig
  readonly preprocessing: ImagePreprocessing
  readonly maxContext: number
}

function parseConfig(raw: unknown, facts: FolderFacts = NO_FACTS): Eagle2Config {
  const config = new ConfigReader(raw)
  config.oneOf('template', ['qwen2-chat'], 'qwen2-chat')
  if (config.boolean('keep_aspect_ratio', false))
    throw config.mismatch('keep_aspect_ratio', 'false')
  const rawVision = config.object('vision_config')
  const kind = rawVision.oneOf('model_type', ['siglip_vision_model', 'MOB'])
  const towers = kind === 'MOB' ? readTwoTowers(rawVision, facts.tensorShapes) : undefined
  const siglip = towers?.siglip ?? {
    config: readSiglipConfig(rawVision),
    prefix: 'vision_model.vision_model',
  }
  const state = readSelectedState(config, siglip.config)
  if (towers && !state.isNormed) throw config.mismatch('select_layer', '-1 with two towers')
  const connector = readConnector(config, siglip.config)
  if (towers) {
    const cells = Math.sqrt(tokensPerTile(siglip.config, connector))
    if (convNextGrid(towers.convNext.config) !== cells)
      throw rawVision.mismatch('convnext_img_size', `a side that gives ${cells} cells`)
  }
  const { imageSize } = siglip.config
  if (config.size('force_image_size', imageSize) !== imageSize)
    throw config.mismatch('force_image_size', `${imageSize}, as in vision_config`)
  const text = readEagle2Text(config, 'llm_config')
  // The published demo goes by the tokenizer's length, not by the decoder's.
  const tokenizer = new ConfigReader(facts.files.get(TOKENIZER) ?? {}, TOKENIZER)
  const maxContext = Math.min(text.maxPositions, tokenizer.number('model_max_length', Infinity))
  return {
    siglip,
    convNext: towers?.convNext,
    state,
    connector,
    text,
    maxContext,
    preprocessing: preprocessing(config, siglip.config, {
      perTile: SHARED_PER_TILE,
      context: maxContext,
    }),
  }
}

/** The demo starts from a number of tiles that its user gives; here it is the one that the model was trained with. */
function preprocessing(
  config: ConfigReader,
  { imageSize }: VitConfig,
  shared: { readonly perTile: number; readonly context: number },
): ImagePreprocessing {
  const isTiled = config.boolean('dynamic_image_size', false)
  return {
    mode: 'stretch',
    size: imageSize,
    padColor: [255, 255, 255],
    resample: 'bicubic',
    // Without tiles the demo resizes what it has made RGB before.
    alpha: isTiled ? 'resized-then-dropped' : 'dropped',
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
    ...(isTiled && {
      tiling: {
        rule: 'saturated-area',
        minTiles: 1,
        maxTiles: readTiles(config, 'max_dynamic_patch', 6),
        thumbnail: config.boolean('use_thumbnail', false),
        onlyAlone: false,
        shared,
      },
    }),
  }
}

/** Pixels [tiles, 3, S, S] → features [tiles, tokens, hidden]. Stages beside the towers': `concat`. */
export function encoder({ siglip, convNext, state, connector, text }: Eagle2Config): Graph {
  const g = new GraphBuilder('encoder')
  const side = siglip.config.imageSize
  const pixels = g.input('pixels', ['tiles', 3, side, side])
  const tokens = siglipState(g, pixels, siglip.prefix, siglip.config, state)
  const joined = joinTokens(g, tokens, connector)
  const all = convNext ? g.concat([joined, convNextTokens(g, pixels, convNext)], 2) : joined
  g.output('features', mlp1(g, g.stage('concat', all), connector, text.hiddenSize))
  return g.build()
}

export const family = defineFamily<Eagle2Config>({
  modelType: 'eagle_chat',
  parseConfig,
  configFiles: () => [TOKENIZER],
  readsTensorShapes: true,
  graphs: (c) => ({ encoder: encoder(c), decoder: textDecoder(c.text) }),
  imagePreprocessing: (c) => c.preprocessing,
  towers: ({ siglip, convNext }) => [
    { name: 'siglip', inputSize: siglip.config.imageSize, stage: 'siglip.selected' },
    ...(convNext
      ? [{ name: 'convnext', inputSize: convNext.config.imageSize, stage: 'convnext.features' }]
      : []),
  ],
  limits: ({ siglip, connector, text, maxContext }) => ({
    vocabSize: text.vocabSize,
    hiddenSize: text.hiddenSize,
    maxContext,
    tokensPerTile: tokensPerTile(siglip.config, connector),
    // As many pictures of one tile as leave a quarter of the context to the conversation.
    maxImages: Math.max(
      1,
      Math.floor((maxContext * 0.75) / tokensPerTile(siglip.config, connector)),
    ),
  }),
  weightNames: [
    [TEXT_PREFIX, ''],
    ['', ''],
  ],
  ignoredWeights: ({ siglip, convNext, state, text }) => [
    ...unusedOfSiglip(siglip.prefix, siglip.config, state),
    ...(convNext ? [`${convNext.prefix}.head.`] : []),
    ...unusedHead(text),
  ],
  embeddingName: `${TEXT_PREFIX}model.embed_tokens.weight`,
  conversation: () => ({ template: 'eagle_chat', addsBos: false, stopTokens: ['<|im_end|>'] }),
  imageToken: () => '<image>',
  pictureText: () => [MARKS.start, MARKS.end],
  video: () => eagle2Video(MARKS),
})
