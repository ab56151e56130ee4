/**
 * Eagle2-9B's two towers: SigLIP, and ConvNeXt-XXL on the same tile made larger
 * (`Eagle2_5/eaglevl/model/multimodal_encoder/` of NVlabs/Eagle, `moe_version_type` convnext_512_siglip_448).
 */
import { type ConvNextConfig, convNext } from '../blocks/convnext.ts'
import { gridToTokens } from '../blocks/fuse.ts'
import { readSiglipConfig } from '../blocks/siglip.ts'
import type { VitConfig } from '../blocks/vit.ts'
import type { ConfigReader } from '../config-reader.ts'
import type { FolderFacts } from '../family.ts'
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'

/** A tower of the two and where its tensors are. */
interface Placed<Config> {
  readonly config: Config
  readonly prefix: string
}

export interface TwoTowers {
  readonly siglip: Placed<VitConfig>
  readonly convNext: Placed<ConvNextConfig>
}

type Shapes = FolderFacts['tensorShapes']
type ConvNextSizes = Pick<ConvNextConfig, 'patchSize' | 'kernelSize' | 'hiddenSizes' | 'depths'>

const TOWERS = 'vision_model.vision_model.vision_towers'
const MOST_TOWERS = 8

/** `convnext_xxlarge` of timm, what the published class builds whatever the config says. */
const XXLARGE: ConvNextSizes = {
  patchSize: 4,
  kernelSize: 7,
  hiddenSizes: [384, 768, 1536, 3072],
  depths: [3, 4, 30, 3],
}

/** CLIP's, which ConvNeXt was trained with. */
const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073] as const
const CLIP_STD = [0.26862954, 0.26130258, 0.27577711] as const

/** Reads a `vision_config` of model_type MOB. ConvNeXt's sizes are those of its tensors, where there are any. */
export function readTwoTowers(raw: ConfigReader, shapes: Shapes): TwoTowers {
  raw.oneOf('moe_version_type', ['convnext_512_siglip_448'], 'convnext_512_siglip_448')
  raw.oneOf('normalize_type', ['siglip'], 'siglip')
  raw.oneOf('mm_vision_select_layer', [-1], -1)
  const names = raw.string('vision_path').replace(/^MOB:/, '').split(';')
  const place = (name: string, tensor: string) => {
    const index = Array.from({ length: MOST_TOWERS }, (_, i) => i).find((i) =>
      shapes.has(`${prefixOf(i)}${tensor}`),
    )
    const named = names.indexOf(name)
    if (names.length !== 2 || named < 0)
      throw raw.mismatch('vision_path', '"MOB:" and palisiglip;convnext-1024 in any order')
    return prefixOf(index ?? named)
  }
  const siglip = readSiglipConfig(raw.object('siglip_vision_config'))
  if (raw.size('siglip_img_size', 448) !== siglip.imageSize)
    throw raw.mismatch('siglip_img_size', `${siglip.imageSize}, as in siglip_vision_config`)
  const prefix = place('convnext-1024', 'stem.0.weight')
  return {
    siglip: {
      config: siglip,
      prefix: `${place('palisiglip', 'vision_model.embeddings.patch_embedding.weight')}vision_model`,
    },
    convNext: {
      config: {
        imageSize: raw.size('convnext_img_size', 512),
        ...(convNextSizes(prefix, shapes) ?? XXLARGE),
        layerNormEps: 1e-5,
        scaleName: 'weight',
      },
      prefix: prefix.slice(0, -1),
    },
  }
}

function prefixOf(index: number): string {
  return `${TOWERS}.${index}.vision_tower.`
}

function convNextSizes(prefix: string, shapes: Shapes): ConvNextSizes | undefined {
  const patchSize = shapes.get(`${prefix}stem.0.weight`)?.[2]
  const mixing = (stage: number, block: number) =>
    shapes.get(`${prefix}stages.${stage}.blocks.${block}.conv_dw.weight`)
  const kernelSize = mixing(0, 0)?.[2]
  if (patchSize === undefined || kernelSize === undefined) return undefined
  const hiddenSizes: number[] = []
  const depths: number[] = []
  for (let width = mixing(0, 0)?.[0]; width !== undefined; width = mixing(depths.length, 0)?.[0]) {
    hiddenSizes.push(width)
    let depth = 1
    while (mixing(depths.length, depth)) depth++
    depths.push(depth)
  }
  return { patchSize, kernelSize, hiddenSizes, depths }
}

/** Cells a side of ConvNeXt's map. */
export function convNextGrid({ imageSize, patchSize, hiddenSizes }: ConvNextConfig): number {
  return imageSize / (patchSize * 2 ** (hiddenSizes.length - 1))
}

/**
 * Pixels [tiles, 3, S, S] as SigLIP reads them → tokens [tiles, grid², width], without the norm of ConvNeXt's head.
 * Stages: `convnext.resized_input`, `convnext.renormalised_input`, those of `convNext`, `convnext.features`.
 */
export function convNextTokens(
  g: GraphBuilder,
  pixels: Value,
  { config, prefix }: Placed<ConvNextConfig>,
): Value {
  const { imageSize: side } = config
  const larger = pixels.shape[2] === side ? pixels : g.resizeBilinear(pixels, side, side)
  g.stage('convnext.resized_input', larger)
  // From mean and deviation 0.5 to CLIP's.
  const scale = CLIP_STD.map((std) => 0.5 / std)
  const shift = CLIP_STD.map((std, c) => (0.5 - CLIP_MEAN[c]!) / std)
  const scaled = g.mul(larger, g.constant(scale, [3, 1, 1]))
  const input = g.add(scaled, g.constant(shift, [3, 1, 1]))
  g.stage('convnext.renormalised_input', input)
  const map = convNext(g, input, prefix, config, 'convnext')
  return g.stage('convnext.features', gridToTokens(g, map))
}
