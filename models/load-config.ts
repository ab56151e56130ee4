/** Tells whether a model folder can be loaded, and what the server must know about it. */
import { join } from 'node:path'
import { AerieError } from '../src/errors.ts'
import { FILE_LIMITS, readJson } from '../src/model-folder.ts'
import type { Family, FamilyGraphs, ModelLimits } from './family.ts'
import type { ImagePreprocessing } from './preprocessing.ts'
import { findFamily } from './registry.ts'
import type { PictureLayout } from './tiling/layout.ts'

/** How a family writes pictures into a prompt. */
export interface PicturePrompt {
  /** Placeholder of the `number`th picture, from 1, in the rendered prompt. */
  placeholder(number: number): string
  /** Texts around and between equal stretches of the `number`th picture's features. */
  texts(layout: PictureLayout, number: number): readonly string[]
  /** Follows every stretch, tokenized by itself; may be empty. */
  readonly stretchEnd: string
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
  /** What looked-up embeddings are multiplied by. */
  readonly embeddingScale: number
  readonly graphs: FamilyGraphs
}

/**
 * Reads `directory/config.json` and finds its family. Throws `invalid_package` when the file is
 * missing or damaged, the `model_type` is unknown (the message names the supported ones) or a field
 * cannot be used (the message names it).
 */
export async function loadModelConfig(directory: string): Promise<ModelConfig> {
  const path = join(directory, 'config.json')
  const raw = await readJson(directory, 'config.json', FILE_LIMITS.config)
  if (raw === undefined) throw invalid(path, 'there is no such file')
  const modelType =
    typeof raw === 'object' && raw !== null
      ? (raw as { model_type?: unknown }).model_type
      : undefined
  try {
    const family = await findFamily(modelType)
    const config = family.parseConfig(raw, await readNamed(directory, family.namedConfig?.(raw)))
    return {
      family,
      config,
      limits: family.limits(config),
      preprocessing: family.imagePreprocessing?.(config),
      picturePrompt: picturePrompt(family, config),
      embeddingScale: family.embeddingScale?.(config) ?? 1,
      graphs: family.graphs(config),
    }
  } catch (cause) {
    throw cause instanceof AerieError ? cause : invalid(path, cause)
  }
}

/** A second config; undefined when there is no such file. */
async function readNamed(directory: string, name: string | undefined): Promise<unknown> {
  return name === undefined ? undefined : await readJson(directory, name, FILE_LIMITS.config)
}

function picturePrompt(family: Family<unknown>, config: unknown): PicturePrompt | undefined {
  if (!family.imageToken) return undefined
  return {
    placeholder: (number) => family.imageToken!(config, number),
    texts: (layout, number) => family.pictureText?.(config, layout, number) ?? ['', ''],
    stretchEnd: family.stretchEnd ?? '',
  }
}

function invalid(path: string, cause: unknown): AerieError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new AerieError('invalid_package', `${path}: ${reason}`, { cause })
}
