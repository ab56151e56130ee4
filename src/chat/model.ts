/** One served model: everything that a request to it needs, loaded. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type {
  Conversation,
  HearingModel,
  MessageContent,
  ModelLimits,
  TowerCard,
} from '../../models/family.ts'
import type { ModelConfig, PicturePrompt } from '../../models/load-config.ts'
import { type ImagePreprocessing, mostTilesOf } from '../../models/preprocessing.ts'
import { tokensOfFrame, type VideoRule } from '../../models/video/rule.ts'
import type { ServedAdapter } from '../adapters/contract.ts'
import type {
  AudioCapabilities,
  CapabilityDocument,
  ChatCapabilities,
  DecodingFacts,
  VideoCapabilities,
} from '../capabilities/document.ts'
import type { Encoder, Engine } from '../engine/types.ts'
import { AerieError } from '../errors.ts'
import { groupShards, shardOf } from '../gguf-name.ts'
import type { ClipLimits } from '../media/video/contract.ts'
import { isModelFile } from '../model-file.ts'
import { FILE_LIMITS, isJsonObject, listFolder, readJson, resolveInside } from '../model-folder.ts'
import { EncoderThread, type TextsToIds } from '../tokenizer/encoder-thread.ts'
import type { TokenTable } from '../tokenizer/token-table.ts'
import { signatureOf, Unchanged } from '../unchanged.ts'
import { type ModelTools, modelTools } from './model-tools.ts'
import { defaultSampling, type SamplingDefaults } from './sampling.ts'
import { ChatTemplate } from './template.ts'

/** Of log-mel. */
const FRAMES_PER_SECOND = 100

/** A vocabulary, and who encodes texts by it. */
export interface LoadedTokenizer extends TextsToIds {
  readonly tokenizer: TokenTable
  dispose(): Promise<void>
}

/** What stands in the files of a model folder beside the weights. */
export interface ModelText {
  readonly tokenizer: TokenTable
  readonly encoder: LoadedTokenizer
  readonly template: ChatTemplate
  readonly tools: ModelTools
  readonly samplingDefaults: SamplingDefaults
  /** Longest answer where a request sets no limit: `max_new_tokens` of generation_config.json. */
  readonly defaultMaxTokens: number
  /** What comes before every prompt. */
  readonly firstIds: Int32Array
  /** Ids that end an answer: `eos_token_id` of generation_config.json, or what a GGUF file marks. */
  readonly stopTokenIds: ReadonlySet<number>
}

export interface ServedModel extends ModelText {
  /** The name that requests use. */
  readonly id: string
  readonly family: string
  /** Unix seconds. */
  readonly created: number
  /** Hex SHA-256 over every file of the folder that decides an answer. */
  readonly digest: string
  readonly systemFingerprint: string
  readonly limits: ModelLimits
  readonly preprocessing: ImagePreprocessing | undefined
  readonly towers: readonly TowerCard[]
  /** Undefined for text models. */
  readonly picturePrompt: PicturePrompt | undefined
  /** How clips are seen; undefined for text models. */
  readonly videoRule: VideoRule | undefined
  /** Frames of all clips of a request, and clips; 0 where there are none. */
  readonly maxFrames: number
  readonly maxVideos: number
  /** Undefined for models that hear nothing. */
  readonly hearing: HearingModel | undefined
  /** Sounds of a request; 0 where there are none. */
  readonly maxSounds: number
  readonly messageContent: MessageContent
  readonly imageTokenId: number
  readonly audioTokenId: number
  readonly engine: Engine
  readonly decoding: DecodingFacts
  /** By the names that requests use. */
  readonly adapters: ReadonlyMap<string, ServedAdapter>
  /** Of pictures, and of sounds; undefined for text models. */
  readonly visionEncoder: Encoder | undefined
}

/** What the model's document says of answering. */
export function chatCapabilities(model: ServedModel): ChatCapabilities {
  const { limits, preprocessing, samplingDefaults, template, decoding } = model
  const { maxContext, maxPrompt = maxContext, tokensPerTile } = limits
  const levels = preprocessing && limits.maxImages > 0 ? (['auto', 'low', 'high'] as const) : []
  return {
    maxContext,
    maxPrompt: Math.min(maxPrompt, maxContext),
    prompt: template.source,
    tools: { format: model.tools.format, source: model.tools.source },
    samplingDefaults,
    decoding,
    video: videoCapabilities(model),
    audio: audioCapabilities(model),
    detail: levels.map((level) => {
      const { tiles, featureTiles } = mostTilesOf(preprocessing!, level)
      return { level, maxTiles: tiles, maxTokens: featureTiles * tokensPerTile }
    }),
  }
}

/** How a model sees clips, and how much of them a request may show it. */
export function videoBounds(
  { videoRule, preprocessing, limits }: Pick<ModelConfig, 'videoRule' | 'preprocessing' | 'limits'>,
  { maxVideoFrames }: Pick<ClipLimits, 'maxVideoFrames'>,
  { maxVideosPerRequest }: { readonly maxVideosPerRequest: number },
): Pick<ServedModel, 'videoRule' | 'maxFrames' | 'maxVideos'> {
  if (!videoRule || !preprocessing || maxVideosPerRequest === 0)
    return { videoRule: undefined, maxFrames: 0, maxVideos: 0 }
  const { tokensPerTile, maxImages } = limits
  const { multiple, maxVideos = maxVideosPerRequest } = videoRule
  // A family says how many pictures fit; pooled frames are smaller.
  const fit = Math.floor((maxImages * tokensPerTile) / tokensOfFrame(videoRule, tokensPerTile))
  const frames = Math.floor(Math.min(fit, maxVideoFrames) / multiple) * multiple
  return {
    videoRule,
    maxFrames: Math.max(multiple, frames),
    maxVideos: Math.min(maxVideos, maxVideosPerRequest),
  }
}

/** How a model hears, and how many sounds a request may bring. */
export function soundBounds(
  { hearing }: Pick<ModelConfig, 'hearing'>,
  tokenizer: Pick<TokenTable, 'idOf'>,
  { maxSoundsPerRequest }: { readonly maxSoundsPerRequest: number },
): Pick<ServedModel, 'hearing' | 'maxSounds' | 'audioTokenId'> {
  return {
    hearing,
    maxSounds: hearing ? maxSoundsPerRequest : 0,
    audioTokenId: tokenizer.idOf(hearing?.audioToken ?? '') ?? -1,
  }
}

/** What may stand in a message. */
export function inputModalities(
  model: Pick<ServedModel, 'preprocessing' | 'limits' | 'maxFrames' | 'maxSounds'>,
): CapabilityDocument['inputModalities'] {
  const { preprocessing, limits, maxFrames, maxSounds } = model
  const seesPictures = preprocessing !== undefined && limits.maxImages > 0
  return [
    'text',
    ...(seesPictures ? (['image'] as const) : []),
    ...(maxFrames > 0 ? (['video'] as const) : []),
    ...(maxSounds > 0 ? (['audio'] as const) : []),
  ]
}

function videoCapabilities({
  videoRule,
  maxFrames,
  maxVideos,
  limits,
}: ServedModel): VideoCapabilities | undefined {
  if (!videoRule || maxFrames === 0) return undefined
  const { multiple, how } = videoRule
  const tokensPerFrame = tokensOfFrame(videoRule, limits.tokensPerTile)
  return { maxFrames, maxVideos, multiple, tokensPerFrame, how }
}

function audioCapabilities({ hearing, maxSounds }: ServedModel): AudioCapabilities | undefined {
  if (!hearing || maxSounds === 0) return undefined
  const { maxWindows, windowFrames, tokensPerWindow } = hearing
  const windowSeconds = windowFrames / FRAMES_PER_SECOND
  return { maxSounds, maxSeconds: maxWindows * windowSeconds, windowSeconds, tokensPerWindow }
}

export interface TextOptions {
  /** What the family's published code writes conversations with, where it does: in place of a template. */
  readonly conversationOf?: (has: (token: string) => boolean) => Conversation | undefined
  /** It is asked about pictures or sounds, which stand in conversations alone: one without a template is of no use. */
  readonly needsTemplate?: boolean
  /** Who builds the tokenizer: a thread where nothing else is said. */
  readonly load?: (folder: string) => Promise<LoadedTokenizer>
}

/**
 * Reads tokenizer, template and generation defaults of a folder, or of a GGUF file; the caller disposes of its encoder.
 * Rejects with `invalid_package`.
 */
export async function loadModelText(folder: string, options: TextOptions = {}): Promise<ModelText> {
  const { load = (path) => EncoderThread.load(path) } = options
  const encoder = await load(folder)
  try {
    return await textAround(encoder, folder, options)
  } catch (error) {
    await encoder.dispose()
    throw error
  }
}

async function textAround(
  encoder: LoadedTokenizer,
  folder: string,
  { conversationOf, needsTemplate = false }: TextOptions,
): Promise<ModelText> {
  const { tokenizer } = encoder
  const isFile = await isModelFile(folder)
  const generation = isFile ? {} : await readGenerationConfig(folder)
  const conversation = conversationOf?.((token) => tokenizer.idOf(token) !== undefined)
  const template = conversation
    ? await ChatTemplate.ofFamily(conversation.template, tokenizer)
    : isFile
      ? ChatTemplate.ofTokenizer(tokenizer)
      : await ChatTemplate.load(folder, tokenizer)
  if (template.isMissing && needsTemplate)
    throw new AerieError(
      'invalid_package',
      `${folder}: no chat template (${isFile ? 'tokenizer.chat_template' : 'chat_template.jinja, chat_template.json, or chat_template in tokenizer_config.json'})`,
    )
  const [firstIds] = conversation?.addsBos ? await encoder.encode([''], { whole: true }) : []
  return {
    tokenizer,
    encoder,
    template,
    tools: modelTools(template, tokenizer),
    samplingDefaults: defaultSampling(generation),
    defaultMaxTokens: maxNewTokens(generation),
    firstIds: firstIds ?? new Int32Array(),
    stopTokenIds: stopIds(generation, tokenizer, conversation?.stopTokens ?? []),
  }
}

/**
 * Hex SHA-256 over the names and contents of the files of the folder and of `parts` below it, of those `configFiles` that
 * lie elsewhere below it, or over the one file and its shards, and the newest change.
 */
export async function digestModel(
  modelDir: string,
  parts: readonly string[] = [],
  configFiles: readonly string[] = [],
): Promise<{ digest: string; created: number }> {
  if (await isModelFile(modelDir))
    return await digestFiles(dirname(modelDir), await shardsOf(modelDir))
  const folders = await Promise.all(
    ['', ...parts].map(async (part) =>
      (await listFolder(join(modelDir, part))).map((name) => join(part, name)),
    ),
  )
  const names = folders
    .flat()
    .filter((name) => /(?:\.(?:json|safetensors|jinja|model)|\bmerges\.txt)$/.test(name))
  return await digestFiles(modelDir, [...new Set([...names, ...configFiles])])
}

/** Names of the files that a model of one file, or the first of several, consists of. */
async function shardsOf(path: string): Promise<readonly string[]> {
  const name = basename(path)
  if (!shardOf(name)) return [name]
  const groups = groupShards(await readdir(dirname(path)))
  return groups.find((group) => group.path === name)?.files ?? [name]
}

/** Of files: a model that comes again is not read whole for it. */
const digests = new Unchanged<string>(4096)

async function digestFiles(
  modelDir: string,
  names: readonly string[],
): Promise<{ digest: string; created: number }> {
  const all = createHash('sha256')
  let created = 0
  for (const name of names.toSorted()) {
    const path = await resolveInside(modelDir, name)
    // Whoever reads a dangling link or a folder by a file's name says so.
    if (path === undefined) continue
    const found = await stat(path)
    if (!found.isFile()) continue
    const digest = await digests.get(path, await signatureOf(path), async () => {
      const file = createHash('sha256')
      await pipeline(createReadStream(path), file)
      return file.digest('hex')
    })
    all.update(`${name}\n${digest}\n`)
    created = Math.max(created, Math.floor(found.mtimeMs / 1000))
  }
  return { digest: all.digest('hex'), created }
}

async function readGenerationConfig(modelDir: string): Promise<Record<string, unknown>> {
  const value = await readJson(modelDir, 'generation_config.json', FILE_LIMITS.config)
  if (value === undefined || isJsonObject(value)) return { ...value }
  throw new AerieError('invalid_package', `${modelDir}: generation_config.json: expected an object`)
}

function maxNewTokens(generation: Record<string, unknown>): number {
  const value = generation['max_new_tokens']
  return typeof value === 'number' && value >= 1 ? Math.floor(value) : Number.POSITIVE_INFINITY
}

function stopIds(
  generation: Record<string, unknown>,
  tokenizer: TokenTable,
  more: readonly string[],
): Set<number> {
  const eos = generation['eos_token_id']
  const ids = (Array.isArray(eos) ? eos : [eos]).filter((id) => typeof id === 'number')
  ids.push(...tokenizer.endIds)
  for (const named of [tokenizer.config['eos_token'], ...more]) {
    const id = typeof named === 'string' ? tokenizer.idOf(named) : undefined
    if (id !== undefined) ids.push(id)
  }
  if (ids.length === 0) {
    throw new AerieError(
      'invalid_package',
      'no end-of-answer token: expected eos_token_id in generation_config.json or eos_token in tokenizer_config.json',
    )
  }
  return new Set(ids)
}
