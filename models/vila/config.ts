/** config.json of VILA-1.5, LongVILA and NVILA: three generations under one `model_type`. */
import type { S2Config } from '../blocks/s2.ts'
import { readSiglipConfig } from '../blocks/siglip.ts'
import type { TextDecoderConfig } from '../blocks/text-config.ts'
import { type VitConfig, vitGrid } from '../blocks/vit.ts'
import { ConfigReader } from '../config-reader.ts'
import { readLlamaConfig } from '../llama.ts'
import { readQwen2Config } from '../qwen2.ts'
import type { ScaleMerge } from '../tiling/merge-scales.ts'
import type { Tiling } from '../tiling/tiling.ts'
import {
  readImageEncoder,
  readVideoEncoder,
  type Surroundings,
  type VideoEncoder,
} from './media-encoders.ts'
import { readProjector, type VilaProjector } from './projector.ts'

export interface VilaConfig {
  /** `vila15`: with LongVILA on Llama 3 and VILA-M3. `nvila`: with LongVILA on Qwen 2. */
  readonly generation: 'vila15' | 'nvila'
  readonly tower: VitConfig
  /** Layers of the tower that are run. */
  readonly towerLayers: number
  /** Undefined: a tile is seen at one scale. */
  readonly s2: S2Config | undefined
  /** Undefined: tiles are projected one by one. */
  readonly merge: ScaleMerge | undefined
  /** Undefined: a picture is one tile. */
  readonly tiling: Tiling | undefined
  /** Whether a picture that becomes one tile is padded to a square first, or stretched. */
  readonly isPadded: boolean
  readonly projector: VilaProjector
  readonly text: TextDecoderConfig
  readonly images: Surroundings
  readonly video: VilaVideo
  /** NVILA: a conversation of the published code that goes before the tokenizer's own. */
  readonly chatTemplate: 'qwen2' | undefined
}

export interface VilaVideo {
  readonly encoder: VideoEncoder
  /** Frames that are looked at where a request does not say. */
  readonly frames: number
  /** Frames a second of the video, up to `frames`; 0: evenly over the whole. */
  readonly fps: number
}

/** Keys that the published code writes from NVILA on and did not know before; older ones lack them all. */
const NVILA_KEYS = ['image_encoder', 'video_encoder', 'dynamic_s2', 'num_time_tokens']

/** PyTorch and the published code default to these where a key is missing. */
const DEFAULT_FRAMES = 8
const DEFAULT_MAX_TILES = 12

export function parseVilaConfig(raw: unknown): VilaConfig {
  const config = new ConfigReader(raw)
  const generation = NVILA_KEYS.some((key) => config.has(key)) ? 'nvila' : 'vila15'
  refuseUnknown(config)
  const rawTower = config.object('vision_tower_cfg')
  rawTower.oneOf('model_type', ['siglip_vision_model'])
  const tower = readSiglipConfig(rawTower)
  const text = readText(config.object('llm_cfg'), generation)
  const s2 = config.boolean('s2', false) ? readS2(config, tower) : undefined
  const isDynamic = generation === 'nvila' && config.boolean('dynamic_s2', false)
  if (s2 && isDynamic) throw config.mismatch('dynamic_s2', 'false, for s2 is true')
  const scales = isDynamic ? readDynamicScales(config, tower) : undefined
  const width = tower.hiddenSize * (s2?.scales.length ?? scales?.sides.length ?? 1)
  if (config.size('mm_hidden_size') !== width)
    throw config.mismatch('mm_hidden_size', `${width}, from vision_tower_cfg and the scales`)
  if (config.size('hidden_size') !== text.hiddenSize)
    throw config.mismatch('hidden_size', `${text.hiddenSize}, as in llm_cfg`)
  return {
    generation,
    tower,
    towerLayers: selectedLayer(config, tower),
    s2,
    merge: scales && {
      grid: vitGrid(tower),
      channels: tower.hiddenSize,
      scales: scales.sides.length,
      outputScale: scales.output,
    },
    tiling: readTiling(config, generation, scales),
    isPadded: config.string('image_aspect_ratio', '') === 'pad',
    projector: readProjector(config.object('mm_projector_cfg'), generation),
    text,
    images: generation === 'nvila' ? readImageEncoder(config) : { before: '', after: '' },
    video: {
      encoder: readVideoEncoder(config),
      frames: config.size('num_video_frames', DEFAULT_FRAMES),
      fps: config.number('fps', 0),
    },
    chatTemplate:
      generation === 'nvila' && config.has('chat_template')
        ? config.oneOf('chat_template', ['qwen2'])
        : undefined,
  }
}

/** Options of the published code that would change the numbers and are not built here. */
function refuseUnknown(config: ConfigReader): void {
  if (config.boolean('mm_use_im_start_end', false))
    throw config.mismatch('mm_use_im_start_end', 'false')
  if (config.boolean('ps3', false)) throw config.mismatch('ps3', 'false')
  if (config.number('num_time_tokens', 0) !== 0) throw config.mismatch('num_time_tokens', '0')
  // SigLIP has no class token: dropping the first one would lose a patch.
  config.oneOf('mm_vision_select_feature', ['cls_patch'])
}

/** An index into the states between layers, of which the first is that before them all. */
function selectedLayer(config: ConfigReader, tower: VitConfig): number {
  const selected = config.number('mm_vision_select_layer')
  const layers = selected < 0 ? tower.layers + 1 + selected : selected
  if (!Number.isInteger(layers) || layers < 1 || layers > tower.layers)
    throw config.mismatch('mm_vision_select_layer', `a layer of ${tower.layers}`)
  return layers
}

/** The decoders that were published with each generation; one of another kind would get another's prompt. */
function readText(raw: ConfigReader, generation: VilaConfig['generation']): TextDecoderConfig {
  if (generation === 'nvila') {
    raw.oneOf('model_type', ['qwen2'])
    return readQwen2Config(raw)
  }
  raw.oneOf('model_type', ['llama'])
  return readLlamaConfig(raw)
}

/** Sides in pixels, ascending: the tower's own and multiples of it. */
function readScales(config: ConfigReader, tower: VitConfig): number[] {
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
  return scales
}

/** Static S²; what the published code also takes, and no checkpoint has, is refused. */
function readS2(config: ConfigReader, tower: VitConfig): S2Config {
  const scales = readScales(config, tower)
  if (config.number('s2_resize_output_to_scale_idx', 0) !== 0)
    throw config.mismatch('s2_resize_output_to_scale_idx', '0')
  return { scales }
}

interface DynamicScales {
  readonly sides: readonly number[]
  readonly output: number
}

function readDynamicScales(config: ConfigReader, tower: VitConfig): DynamicScales {
  const sides = readScales(config, tower)
  const key = 's2_resize_output_to_scale_idx'
  const index = config.number(key, 0)
  const output = index < 0 ? sides.length + index : index
  if (!Number.isInteger(output) || output < 0 || output >= sides.length)
    throw config.mismatch(key, `one of ${sides.length} scales`)
  return { sides, output }
}

function readTiling(
  config: ConfigReader,
  generation: VilaConfig['generation'],
  scales: DynamicScales | undefined,
): Tiling | undefined {
  const key = 'image_aspect_ratio'
  const whole = ['resize', 'pad'] as const
  // Missing, SigLIP's own processor stretches as well.
  const mode = config.oneOf(
    key,
    generation === 'nvila' ? [...whole, 'dynamic', 'dynamic_s2'] : whole,
    'resize',
  )
  if (mode === 'resize' || mode === 'pad') return undefined
  if ((mode === 'dynamic_s2') !== (scales !== undefined))
    throw config.mismatch(key, scales ? '"dynamic_s2", for dynamic_s2 is true' : '"dynamic"')
  const maxTiles = config.size('max_tiles', DEFAULT_MAX_TILES)
  if (scales) {
    return {
      rule: 'scales',
      scales: scales.sides,
      maxTiles,
      outputScale: scales.output,
      onlyAlone: true,
    }
  }
  return {
    rule: 'closest-ratio',
    minTiles: config.size('min_tiles', 1),
    maxTiles,
    thumbnail: true,
    onlyAlone: true,
  }
}
