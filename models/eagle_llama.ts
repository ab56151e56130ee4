/**
 * Eagle (arXiv 2408.15998; NVlabs/Eagle): several towers see the same picture, their maps are brought to one grid, joined
 * channel by channel and projected into a Llama. The published code fixes the towers' sizes; `config.json` says which there are.
 */
import { clip, readClipConfig } from './blocks/clip.ts'
import { type ConvNextConfig, convNext } from './blocks/convnext.ts'
import { type EvaConfig, eva, readEvaConfig, unusedRopeTables } from './blocks/eva.ts'
import { gridToTokens, toGrid } from './blocks/fuse.ts'
import { type Pix2StructConfig, pix2struct, readPix2StructConfig } from './blocks/pix2struct.ts'
import { mlp2xGelu } from './blocks/projector.ts'
import { readSamConfig, type SamConfig, sam, samWidth } from './blocks/sam.ts'
import type { TextDecoderConfig } from './blocks/text-config.ts'
import { TEXT_EMBEDDING, textDecoder } from './blocks/text-decoder.ts'
import type { VitConfig } from './blocks/vit.ts'
import { ConfigReader } from './config-reader.ts'
import { type Conversation, defineFamily, type FolderFacts, NO_FACTS } from './family.ts'
import { GraphBuilder } from './graph/builder.ts'
import type { Graph, Value } from './graph/graph.ts'
import { readLlamaConfig } from './llama.ts'
import type { ImagePreprocessing, Rgb } from './preprocessing.ts'
import { timedPictures } from './video/plain.ts'

/** Of CLIP; the colour around a picture is its mean, cut to whole levels. */
const MEAN: Rgb = [0.48145466, 0.4578275, 0.40821073]
const STD: Rgb = [0.26862954, 0.26130258, 0.27577711]
const PAD_COLOR: Rgb = [122, 116, 104]

/** By the names of `mm_vision_tower`; the numbers in them are not what decides. */
const TOWER_NAMES = {
  'clip-448': 'clip',
  'convnext-1024': 'convnext',
  'sam-1024': 'sam',
  'det-1024': 'eva',
  'pix2struct-1024': 'pix2struct',
} as const
type TowerName = (typeof TOWER_NAMES)[keyof typeof TOWER_NAMES]

export type EagleTower =
  | { readonly name: 'clip'; readonly config: VitConfig }
  | { readonly name: 'convnext'; readonly config: ConvNextConfig }
  | { readonly name: 'sam'; readonly config: SamConfig }
  | { readonly name: 'eva'; readonly config: EvaConfig }
  | { readonly name: 'pix2struct'; readonly config: Pix2StructConfig }

export interface EagleConfig {
  /** In the order of the channel concat. */
  readonly towers: readonly EagleTower[]
  readonly preprocessing: ImagePreprocessing
  /** Cells a side of the grid that all maps are brought to. */
  readonly grid: number
  readonly text: TextDecoderConfig
  /** Longest prompt, pictures included: the published code cuts off what comes after it. */
  readonly maxPrompt: number
}

/** Names of the tower at this place of the list begin with it. */
export function towerPrefix(index: number): string {
  return `model.vision_tower.vision_towers.${index}.vision_tower`
}

function parseConfig(raw: unknown, { files }: FolderFacts = NO_FACTS): EagleConfig {
  const config = new ConfigReader(raw)
  config.oneOf('mm_projector_type', ['mlp2x_gelu'])
  config.oneOf('mm_patch_merge_type', ['flat'], 'flat')
  for (const key of ['mm_use_im_start_end', 'mm_use_im_patch_token'])
    if (config.boolean(key, false)) throw config.mismatch(key, 'false')
  const changes = new ConfigReader(files.get(TOWER_OVERRIDES) ?? {}, TOWER_OVERRIDES)
  const size = changes.size('input_image_size', 1024)
  const towers = readTowerNames(config).map((name) =>
    readTower(name, changes.has(name) ? changes.object(name) : new ConfigReader({}, name), size),
  )
  const width = towers.reduce((sum, tower) => sum + towerWidth(tower), 0)
  if (config.size('mm_hidden_size') !== width)
    throw config.mismatch('mm_hidden_size', `${width}, the sum over the towers`)
  const text = readLlamaConfig(config)
  return {
    towers,
    preprocessing: {
      mode: readAspect(config),
      size,
      padColor: PAD_COLOR,
      resample: 'bicubic',
      alpha: 'dropped',
      mean: MEAN,
      std: STD,
    },
    grid: changes.size('grid_size', 32),
    text,
    maxPrompt: Math.min(
      text.maxPositions,
      config.size('tokenizer_model_max_length', text.maxPositions),
    ),
  }
}

/** The published code pads when it is told to, cuts from the middle when it is told anything else, and fails at `anyres`. */
function readAspect(config: ConfigReader): 'pad' | 'crop' {
  const word = config.string('image_aspect_ratio', 'crop')
  if (word.startsWith('anyres')) throw config.mismatch('image_aspect_ratio', 'anything but anyres')
  return word === 'pad' ? 'pad' : 'crop'
}

function readTowerNames(config: ConfigReader): TowerName[] {
  const words = config.string('mm_vision_tower').split(';')
  const isKnown = (word: string): word is keyof typeof TOWER_NAMES =>
    Object.hasOwn(TOWER_NAMES, word)
  if (words.length < 2 || new Set(words).size !== words.length || !words.every(isKnown)) {
    const known = Object.keys(TOWER_NAMES).join(', ')
    throw config.mismatch('mm_vision_tower', `two or more of ${known}, joined by semicolons`)
  }
  return words.map((word) => TOWER_NAMES[word])
}

function readTower(name: TowerName, raw: ConfigReader, size: number): EagleTower {
  switch (name) {
    case 'clip':
      return { name, config: readClipConfig(raw) }
    case 'convnext':
      return { name, config: readConvNextConfig(raw, size) }
    case 'sam':
      return { name, config: readSamConfig(raw, size) }
    case 'eva':
      return { name, config: readEvaConfig(raw, size) }
    case 'pix2struct':
      return { name, config: readPix2StructConfig(raw, { imageSize: size, mean: MEAN, std: STD }) }
  }
}

/** timm's `convnext_xxlarge`. */
function readConvNextConfig(raw: ConfigReader, imageSize: number): ConvNextConfig {
  const hiddenSizes = raw.sizes('dims', [384, 768, 1536, 3072])
  const depths = raw.listOfRepeats('depths', [3, 4, 30, 3])
  if (depths.length !== hiddenSizes.length)
    throw raw.mismatch('depths', `${hiddenSizes.length} numbers, as in dims`)
  return {
    imageSize,
    patchSize: 4,
    kernelSize: 7,
    hiddenSizes,
    depths,
    layerNormEps: raw.number('norm_eps', 1e-5),
    scaleName: 'weight',
  }
}

function towerWidth(tower: EagleTower): number {
  switch (tower.name) {
    case 'convnext':
      return tower.config.hiddenSizes.at(-1)!
    case 'sam':
      return samWidth(tower.config)
    default:
      return tower.config.hiddenSize
  }
}

/** Pixels [tiles, 3, S, S] → features [tiles, grid², hidden]. */
function encoder(c: EagleConfig): Graph {
  const g = new GraphBuilder('encoder')
  const { size } = c.preprocessing
  const pixels = g.input('pixels', ['tiles', 3, size, size])
  const grids = c.towers.map((tower, i) => {
    const { name, config } = tower
    const seen =
      config.imageSize === size
        ? pixels
        : g.resizeBilinear(pixels, config.imageSize, config.imageSize)
    const map = g.stage(
      `${name}.out`,
      towerMap(g, g.stage(`${name}.input`, seen), towerPrefix(i), tower),
    )
    return g.stage(`${name}.grid`, gridToTokens(g, toGrid(g, map, c.grid)))
  })
  const fused = g.stage('fused', g.concat(grids, 2))
  const { hiddenSize } = c.text
  const projected = mlp2xGelu(g, fused, 'model.mm_projector', hiddenSize, hiddenSize)
  g.output('features', g.stage('projected', projected))
  return g.build()
}

/** What a tower sees in its own resolution: [tiles, n, n, width]. */
function towerMap(g: GraphBuilder, pixels: Value, prefix: string, tower: EagleTower): Value {
  const { name } = tower
  switch (name) {
    case 'clip':
      return clip(g, pixels, prefix, tower.config, name)
    case 'convnext':
      return convNext(g, pixels, prefix, tower.config, name)
    case 'sam':
      return sam(g, pixels, prefix, tower.config, name)
    case 'eva':
      return eva(g, pixels, prefix, tower.config, name)
    case 'pix2struct':
      return pix2struct(g, pixels, prefix, tower.config, { name })
  }
}

/** What a tower carries and Eagle does not use. */
function unusedWeights({ name, config }: EagleTower): readonly string[] {
  switch (name) {
    case 'clip':
      return [
        'vision_model.embeddings.class_embedding',
        'vision_model.embeddings.position_ids',
        'vision_model.post_layernorm.',
      ]
    case 'convnext':
      return ['head.']
    case 'eva':
      return unusedRopeTables(config)
    default:
      return []
  }
}

/** By the vocabulary: neither config nor checkpoint says, and the published code is told on its command line. */
function conversation(has: (token: string) => boolean): Conversation {
  if (has('<|eot_id|>')) {
    // The tokenizer begins each text with the very token that the conversation begins with, and was trained so.
    const stopTokens = ['<|eot_id|>', '<|end_of_text|>']
    return { template: 'llama3', addsBos: true, stopTokens }
  }
  return has('<|im_end|>')
    ? { template: 'yi_34b_chatml_direct', addsBos: true, stopTokens: ['<|im_end|>'] }
    : { template: 'vicuna_v1', addsBos: true, stopTokens: ['</s>'] }
}

/** Not published: it makes towers small whose sizes the published code fixes. */
const TOWER_OVERRIDES = 'aerie_tower_overrides.json'

export const family = defineFamily<EagleConfig>({
  modelType: 'eagle_llama',
  configFiles: () => [TOWER_OVERRIDES],
  parseConfig,
  graphs: (c) => ({ encoder: encoder(c), decoder: textDecoder(c.text) }),
  imagePreprocessing: (c) => c.preprocessing,
  towers: (c) =>
    c.towers.map(({ name, config }) => ({
      name,
      inputSize: config.imageSize,
      stage: `${name}.out`,
    })),
  limits: (c) => ({
    vocabSize: c.text.vocabSize,
    hiddenSize: c.text.hiddenSize,
    maxContext: c.text.maxPositions,
    maxPrompt: c.maxPrompt,
    tokensPerTile: c.grid ** 2,
    maxImages: Math.max(1, Math.floor((c.maxPrompt * 0.75) / c.grid ** 2)),
  }),
  weightNames: [['', '']],
  ignoredWeights: ({ towers }) =>
    towers.flatMap((tower, i) =>
      unusedWeights(tower).map((unused) => `${towerPrefix(i)}.${unused}`),
    ),
  embeddingName: TEXT_EMBEDDING,
  imageToken: () => '<image>',
  video: () => timedPictures,
  conversation: (_, has) => conversation(has),
})
