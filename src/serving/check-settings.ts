/** What a model is configured with, held to what it is, before anything of it is loaded: a mistake is one of the start and not of a request. */
import { adapterSources, checkAdapters } from '../adapters/open-adapters.ts'
import type { MODEL_KEYS, ModelSpec } from '../config-models.ts'
import { chooseBackend } from '../engine/backends/choose.ts'
import { AerieError } from '../errors.ts'
import type { FoundModel } from '../model-facts.ts'
import type { ModelKind } from './contract.ts'

/** Keys of an entry that mean something to some kinds of model and nothing to the others. */
const KINDS_OF: Readonly<Partial<Record<(typeof MODEL_KEYS)[number], readonly ModelKind[]>>> = {
  maxRunning: ['chat'],
  maxWaiting: ['chat', 'speech'],
  stepTokenBudget: ['chat'],
  kvCacheBytes: ['chat'],
  kvBlockSize: ['chat'],
  kvCacheType: ['chat'],
  speculation: ['chat'],
  maxDraftTokens: ['chat'],
  encoderCacheBytes: ['chat', 'tower'],
  encoderMaxBatch: ['chat', 'tower'],
  encoderSessions: ['tower'],
  maxImagesPerRequest: ['chat', 'tower'],
  maxPatches: ['tower'],
  maxEmbeddingValues: ['tower'],
  speechBatch: ['speech'],
  adapters: ['chat'],
  maxAdapters: ['chat'],
  adapterMemoryBytes: ['chat'],
  maxAdapterRank: ['chat'],
  grammarTimeoutMs: ['chat'],
  grammarCacheBytes: ['chat'],
}

/** What a model of each kind does, for messages. */
export const KINDS: Readonly<Record<ModelKind, string>> = {
  chat: 'answers',
  tower: 'is a tower without a decoder',
  speech: 'writes down speech',
}

/**
 * Rejects with `invalid_config` for keys of its entry that a model of this kind has no use for, and for adapters where there can
 * be none; with `invalid_package` for adapters that do not fit it. No values of adapters are read.
 */
export async function checkSettings(
  { ownKeys, config }: Pick<ModelSpec, 'ownKeys' | 'config'>,
  { model }: FoundModel,
  kind: ModelKind,
): Promise<void> {
  for (const key of ownKeys) {
    if (KINDS_OF[key]?.includes(kind) === false)
      throw new AerieError('invalid_config', `${key}: means nothing to a model that ${KINDS[kind]}`)
  }
  const sources = adapterSources(config.adapters)
  if (sources.length === 0) return
  if (kind !== 'chat') {
    const what = `adapters: a ${model.family.modelType} checkpoint ${KINDS[kind]}, and only models that answer take adapters`
    throw new AerieError('invalid_config', what)
  }
  const backend = chooseBackend(config.backend, model.graphs)
  if (backend.name === 'onnx') {
    const what = `adapters need the native runtime; the model runs on ${backend.text}`
    throw new AerieError('invalid_config', what)
  }
  await checkAdapters(sources, model, config)
}
