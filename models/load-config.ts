/** Tells whether a model folder can be loaded, and what the server must know about it. */
import { join } from 'node:path'
import { AerieError } from '../src/errors.ts'
import { FILE_LIMITS, readJson } from '../src/model-folder.ts'
import { Checkpoint } from '../src/weights/checkpoint.ts'
import {
  type EmbeddingTower,
  type Family,
  type FamilyGraphs,
  type FolderFacts,
  type HearingModel,
  type MessageContent,
  type ModelLimits,
  NO_FACTS,
  type SpeechModel,
  type StretchTexts,
} from './family.ts'
import type { ImagePreprocessing } from './preprocessing.ts'
import { findFamily, modelTypeOf } from './registry.ts'
import type { PictureLayout } from './tiling/layout.ts'
import type { VideoRule } from './video/rule.ts'

/** How a family writes pictures into a prompt. */
export interface PicturePrompt {
  /** Placeholder of the `number`th picture, from 1, in the rendered prompt. */
  placeholder(number: number): string
  /** Texts around and between equal stretches of the features of the `number`th of `pictures` pictures. */
  texts(layout: PictureLayout, number: number, pictures: number): readonly string[]
  /** Around every stretch. */
  readonly stretchTexts: StretchTexts
}

export interface ModelConfig {
  readonly family: Family<unknown>
  /** The family's own config, as its `parseConfig` gave it. */
  readonly config: unknown
  readonly limits: ModelLimits
  /** Undefined for text models. */
  readonly preprocessing: ImagePreprocessing | undefined
  /** How pictures stand in a prompt; undefined for text models. */
  readonly picturePrompt: PicturePrompt | undefined
  /** How clips are seen; undefined for text models. */
  readonly videoRule: VideoRule | undefined
  readonly messageContent: MessageContent
  /** What looked-up embeddings are multiplied by. */
  readonly embeddingScale: number
  readonly graphs: FamilyGraphs
  /** Paths below the folder of the JSON files that decided about the config beside config.json. */
  readonly configFiles: readonly string[]
  /** Undefined for models that answer. */
  readonly embeddingTower: EmbeddingTower | undefined
  /** Undefined for models that do not write down speech. */
  readonly speech: SpeechModel | undefined
  /** Undefined for models that hear nothing in a conversation. */
  readonly hearing: HearingModel | undefined
}

/**
 * Reads `directory/config.json` and finds its family. Throws `invalid_package` when the file is
 * missing or damaged, the `model_type` is unknown (the message names the supported ones) or a field
 * cannot be used (the message names it), and for a damaged checkpoint whose shapes the family reads.
 */
export async function loadModelConfig(directory: string): Promise<ModelConfig> {
  const { raw, path } = await readConfig(directory)
  return await modelConfig(raw, path, directory)
}

/**
 * Paths below the folder of the JSON files that its family looks for beside config.json, there or not. Throws
 * `invalid_package` as `loadModelConfig` does for config.json itself.
 */
export async function wantedConfigFiles(directory: string): Promise<readonly string[]> {
  const { raw, path } = await readConfig(directory)
  try {
    const family = await findFamily(modelTypeOf(raw))
    return family.configFiles?.(raw) ?? []
  } catch (cause) {
    throw cause instanceof AerieError ? cause : invalid(path, cause)
  }
}

async function readConfig(directory: string): Promise<{ raw: unknown; path: string }> {
  const path = join(directory, 'config.json')
  const raw = await readJson(directory, 'config.json', FILE_LIMITS.config)
  if (raw === undefined) throw invalid(path, 'there is no such file')
  return { raw, path }
}

/**
 * The same for a config that was read from `source`; files that its family wants beside it lie in `directory`, if there is
 * one. Throws `invalid_package` for it.
 */
export async function modelConfig(
  raw: unknown,
  source: string,
  directory?: string,
): Promise<ModelConfig> {
  try {
    const family = await findFamily(modelTypeOf(raw))
    const facts = await readFacts(directory, family, raw)
    const config = family.parseConfig(raw, facts)
    return {
      family,
      config,
      limits: family.limits(config),
      preprocessing: family.imagePreprocessing?.(config),
      picturePrompt: picturePrompt(family, config),
      videoRule: family.video?.(config),
      messageContent: family.messageContent?.(config) ?? 'parts',
      embeddingScale: family.embeddingScale?.(config) ?? 1,
      graphs: family.graphs(config),
      configFiles: [...facts.files.keys()],
      embeddingTower: family.embeddingTower?.(config),
      speech: family.speech?.(config),
      hearing: family.hearing?.(config),
    }
  } catch (cause) {
    throw cause instanceof AerieError ? cause : invalid(source, cause)
  }
}

/** What the family wants to know of the folder beside its config.json. */
async function readFacts(
  directory: string | undefined,
  family: Family<unknown>,
  raw: unknown,
): Promise<FolderFacts> {
  if (directory === undefined) return NO_FACTS
  const files = new Map<string, unknown>()
  for (const name of family.configFiles?.(raw) ?? []) {
    const parsed = await readJson(directory, name, FILE_LIMITS.tokenizerConfig)
    if (parsed !== undefined) files.set(name, parsed)
  }
  if (!family.readsTensorShapes) return { ...NO_FACTS, files }
  await using checkpoint = family.weightFolders
    ? await Checkpoint.openParts(directory, family.weightFolders)
    : await Checkpoint.open(directory)
  const shapes = [...checkpoint.tensors].map(([name, { shape }]) => [name, shape] as const)
  return { files, tensorShapes: new Map(shapes) }
}

function picturePrompt(family: Family<unknown>, config: unknown): PicturePrompt | undefined {
  if (!family.imageToken) return undefined
  return {
    placeholder: (number) => family.imageToken!(config, number),
    texts: (...picture) => family.pictureText?.(config, ...picture) ?? ['', ''],
    stretchTexts: family.stretchTexts?.(config) ?? { before: '', after: '' },
  }
}

function invalid(path: string, cause: unknown): AerieError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new AerieError('invalid_package', `${path}: ${reason}`, { cause })
}
