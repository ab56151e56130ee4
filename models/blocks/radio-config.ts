/** What RADIO's hub config says: the training's arguments under `args`, from which the published code builds the model. */
import type { ConfigReader } from '../config-reader.ts'
import type { AdaptorConfig, HeadConfig } from './radio-adaptor.ts'
import { roundHalfToEven } from './round.ts'
import type { TimmBlockConfig } from './timm-vit.ts'

export interface RadioConfig extends TimmBlockConfig {
  readonly patchSize: number
  readonly layers: number
  /** Class tokens, one a teacher or one for all. */
  readonly classTokens: number
  readonly registers: number
  /** Leading tokens that summaries and adaptors choose from: the class tokens, or more where an adaptor reads a register. */
  readonly seenTokens: number
  /** Class tokens that the summary joins. */
  readonly summaryTokens: number
  /** Patches on a side of the table of positions. */
  readonly tableSide: number
  readonly hasCroppedPositions: boolean
  readonly hasFinalNorm: boolean
  /** Patch features are centred and rotated at the end. */
  readonly hasFeatureNormaliser: boolean
  readonly adaptors: readonly AdaptorConfig[]
  /** Pixels that a side of a picture is a multiple of. */
  readonly step: number
  /** Height and width that the model is best at. */
  readonly preferred: readonly [height: number, width: number]
  /** Longest side in pixels that the model was trained with. */
  readonly maxSide: number
}

interface Sizes {
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly patch: number
  readonly mlpRatio?: number
  /** Side of the pictures that the untrained table is for. */
  readonly imageSize?: number
  readonly scalesLayers?: boolean
  readonly hasMlpNorm?: boolean
}

const tiny = { width: 192, layers: 12, heads: 3 }
const small = { width: 384, layers: 12, heads: 6 }
const base = { width: 768, layers: 12, heads: 12, patch: 16 }
const large = { width: 1024, layers: 24, heads: 16, patch: 16 }
const so400m = { width: 1152, layers: 27, heads: 16, patch: 16 }
const huge = { width: 1280, layers: 32, heads: 16 }
/** The v2 forms come from DINOv2's of 518 pixels and patches of 14. */
const v2 = { scalesLayers: true, imageSize: Math.floor((518 * 16) / 14) }

/** Sizes by the name in timm or `radio/extra_timm_models.py`. */
const MODELS: Readonly<Record<string, Sizes>> = {
  vit_tiny_patch14_224: { ...tiny, patch: 14 },
  vit_tiny_patch16_224: { ...tiny, patch: 16 },
  vit_small_patch14_224: { ...small, patch: 14 },
  vit_small_patch16_224: { ...small, patch: 16 },
  vit_base_patch14_224: { ...base, patch: 14 },
  vit_base_patch16_224: base,
  vit_base_patch16_v2_224: { ...base, ...v2 },
  vit_large_patch14_224: { ...large, patch: 14 },
  vit_large_patch16_224: large,
  vit_large_patch16_v2_224: { ...large, ...v2 },
  vit_so400m_patch16_224: { ...so400m, mlpRatio: 4304 / 1152 },
  vit_so400m_v2_patch16_224: { ...so400m, mlpRatio: 4320 / 1152 },
  vit_huge_patch14_224: { ...huge, patch: 14 },
  vit_huge_patch16_224: { ...huge, patch: 16 },
  vit_huge_patch16_224_mlpnorm: { ...huge, patch: 16, hasMlpNorm: true },
  vit_giant_patch16_224: { width: 1536, layers: 40, heads: 24, patch: 16 },
}

/** What the loader hands on to timm and is understood here. */
const MODEL_KWARGS = [
  'depth',
  'embed_dim',
  'img_size',
  'init_values',
  'mlp_ratio',
  'num_heads',
  'patch_size',
  'qkv_bias',
  'weight_init',
]

export function readRadioConfig(config: ConfigReader): RadioConfig {
  const args = config.object('args')
  const sizes = MODELS[args.oneOf('model', Object.keys(MODELS))] as Sizes
  const kwargs = args.object('model_kwargs')
  kwargs.knowsOnly(MODEL_KWARGS)
  const hiddenSize = kwargs.size('embed_dim', sizes.width)
  const heads = kwargs.size('num_heads', sizes.heads)
  if (hiddenSize % heads !== 0) throw kwargs.mismatch('num_heads', `a divisor of ${hiddenSize}`)
  const patchSize = kwargs.size('patch_size', sizes.patch)
  if (config.size('patch_size', patchSize) !== patchSize)
    throw config.mismatch('patch_size', `${patchSize}, which the model reads`)
  if (config.has('inter_feature_normalizer_config'))
    throw config.mismatch('inter_feature_normalizer_config', 'null')
  args.oneOf('in_chans', [3], 3)
  args.oneOf('gp', ['token'], 'token')
  const tableSide = roundHalfToEven(args.size('cpe_max_size') / patchSize)
  const scalesLayers = kwargs.has('init_values') || sizes.scalesLayers === true
  const adaptors = readAdaptors(config, args, hiddenSize)
  const tokens = readTokens(args, adaptors)
  return {
    patchSize,
    hiddenSize,
    heads,
    layers: kwargs.has('depth') ? kwargs.repeats('depth') : sizes.layers,
    intermediateSize: Math.floor(hiddenSize * kwargs.number('mlp_ratio', sizes.mlpRatio ?? 4)),
    layerNormEps: 1e-6,
    qkvBias: kwargs.boolean('qkv_bias', true),
    // Not "gamma", because an older loader of the hub renamed everything that was called so.
    layerScale: scalesLayers ? 'grandma' : undefined,
    hasMlpNorm: sizes.hasMlpNorm ?? false,
    ...tokens,
    tableSide,
    hasCroppedPositions: tableSide * patchSize !== kwargs.size('img_size', sizes.imageSize ?? 224),
    hasFinalNorm: args.boolean('model_norm', false),
    hasFeatureNormaliser: config.has('feature_normalizer_config'),
    adaptors,
    step: patchSize * config.size('vitdet_window_size', 1),
    preferred: readPreferred(config, patchSize),
    maxSide: config.size('max_resolution', args.size('cpe_max_size')),
  }
}

function readTokens(
  args: ConfigReader,
  adaptors: readonly AdaptorConfig[],
): Pick<RadioConfig, 'classTokens' | 'registers' | 'seenTokens' | 'summaryTokens'> {
  const teachers = args.objects('teachers')
  const names = new Set(teachers.map((teacher) => teacher.string('name')))
  const classTokens = args.boolean('cls_token_per_teacher') ? names.size : 1
  const multiple = count(args, 'register_multiple')
  // A multiple that is met already adds as many again: the published code does.
  const upToMultiple = multiple > 0 ? multiple - (classTokens % multiple) : 0
  const registers = count(args, 'cpe_num_registers') || upToMultiple
  const seenTokens = Math.max(classTokens, ...adaptors.map(({ token }) => token + 1))
  if (seenTokens > classTokens + registers)
    throw args.mismatch('teachers', `${seenTokens} tokens for the adaptors' head_idx`)
  const summaries = teachers.map((teacher) => teacher.boolean('use_summary', true))
  if (!summaries.includes(true)) throw args.mismatch('teachers', 'one with a summary at least')
  if (summaries.lastIndexOf(true) >= seenTokens)
    throw args.mismatch('teachers', `teachers with a summary among the first ${seenTokens}`)
  const summaryTokens = summaries.filter((hasSummary) => hasSummary).length
  return { classTokens, registers, seenTokens, summaryTokens }
}

function readAdaptors(
  config: ConfigReader,
  args: ConfigReader,
  hiddenSize: number,
): AdaptorConfig[] {
  const names = config.has('adaptor_names') ? config.strings('adaptor_names') : []
  if (names.length === 0) return []
  const configs = config.object('adaptor_configs')
  const kind = args.oneOf('mlp_version', ['v1', 'v2'])
  // The published code's v1 does not take the picture's size, which every head of features is given.
  const featureKind = args.has('spatial_mlp_version')
    ? args.oneOf('spatial_mlp_version', ['v2', 'attn'])
    : args.oneOf('mlp_version', ['v2'])
  return names.map((name) => {
    const raw = configs.object(name)
    return {
      name,
      token: count(raw, 'head_idx'),
      summary: readHead(raw.object('summary'), kind, hiddenSize),
      features: readHead(raw.object('feature'), featureKind, hiddenSize),
    }
  })
}

function readHead(raw: ConfigReader, kind: HeadConfig['kind'], inputSize: number): HeadConfig {
  if (raw.size('input_dim') !== inputSize)
    throw raw.mismatch('input_dim', `${inputSize}, the width of the model`)
  const upsampling = raw.size('upsample_factor', 1)
  if (upsampling > 1 && kind !== 'v2') throw raw.mismatch('upsample_factor', `1 for ${kind}`)
  const outputSize = raw.size('output_dim')
  if (outputSize % upsampling ** 2 !== 0)
    throw raw.mismatch('output_dim', `a multiple of ${upsampling ** 2}`)
  return {
    kind,
    inputSize,
    hiddenSize: raw.size('hidden_dim'),
    outputSize,
    innerLayers: count(raw, 'num_inner'),
    upsampling,
  }
}

function readPreferred(config: ConfigReader, patchSize: number): [height: number, width: number] {
  const sides = config.sizes('preferred_resolution')
  const [height, width] = sides
  if (sides.length !== 2 || sides.some((side) => side % patchSize !== 0))
    throw config.mismatch('preferred_resolution', `two multiples of ${patchSize}`)
  return [height!, width!]
}

/** How many of something there are, none included; absent: none. */
function count(raw: ConfigReader, key: string): number {
  return raw.number(key, 0) === 0 ? 0 : raw.repeats(key)
}
