/** Opens a model that answers: text, engine, and where it sees or hears the encoder, put together. */
import { join } from 'node:path'
import { adapterSources, openAdapters } from '../adapters/open-adapters.ts'
import { adapterDocument } from '../capabilities/adapter-document.ts'
import type { CapabilityDocument } from '../capabilities/document.ts'
import { tiledImageTokens } from '../capabilities/image-tokens.ts'
import type { ChatService } from '../chat/contract.ts'
import {
  chatCapabilities,
  inputModalities,
  loadModelText,
  type ServedModel,
  soundBounds,
  videoBounds,
} from '../chat/model.ts'
import { createChatService } from '../chat/service.ts'
import type { Config } from '../config.ts'
import { chooseKvCacheType, chooseMaxDraft } from '../engine/backends/choose.ts'
import { startEncoder } from '../engine/encoder.ts'
import { startEngine } from '../engine/engine.ts'
import type { Encoder, Engine } from '../engine/types.ts'
import { computedForm, type FoundModel, factsOf, readingOf } from '../model-facts.ts'
import { encoderBounds, engineAdapters, limitsInForce, smallCacheRemark } from '../part-options.ts'
import { startAll } from '../start-all.ts'
import type { Logger } from '../telemetry/logger.ts'
import { vocabularyOf } from '../tokenizer/vocabulary.ts'
import type { LoadedModel } from './contract.ts'
import type { Rooms } from './rooms.ts'
import { runtimeFor } from './runtime.ts'

export interface OpenChat extends LoadedModel {
  readonly chat: ChatService
  readonly engine: Engine
  readonly encoder: Encoder | undefined
}

/** Rejects with `invalid_package`, `invalid_config` or `backend_failure`; then nothing of it runs. */
export async function openChat(
  found: FoundModel,
  config: Config,
  { media, files }: Rooms,
  logger: Logger,
): Promise<OpenChat> {
  const { directory: modelDir, name, model: described, storage } = found
  const { family, config: familyConfig, limits, preprocessing, picturePrompt } = described
  const backend = runtimeFor(described.graphs, config, logger)
  const adapters = await openAdapters(
    adapterSources(config.adapters),
    { name, parent: found.manifest?.parent.id, model: described },
    config,
    (text) => logger.info(text),
  )
  if (storage) logger.info({ storage }, readingOf(backend))
  const { packedWeights } = found
  const worker = { modelDir, backend, threads: config.threads, packedWeights, logger }
  const decoding = {
    kvCacheType: chooseKvCacheType(config.kvCacheType, backend, await computedForm(found, backend)),
    kvCacheBytes: config.kvCacheBytes,
    maxDraftTokens: chooseMaxDraft(config, backend),
    grammars: { compileTimeoutMs: config.grammarTimeoutMs, cacheBytes: config.grammarCacheBytes },
  }
  // Everything that can start does so at once; what did start is closed again when another part fails.
  const [{ text }, facts, engine, encoder] = await startAll([
    loadModelText(join(modelDir, family.textFolder ?? ''), {
      conversationOf: (has) => family.conversation?.(familyConfig, has),
      needsTemplate: picturePrompt !== undefined,
    }).then((text) => ({ text, dispose: () => text.encoder.dispose() })),
    factsOf(found, backend, decoding.kvCacheType),
    startEngine({
      ...worker,
      ...decoding,
      kvBlockSize: config.kvBlockSize,
      maxRunning: config.maxRunning,
      maxWaiting: config.maxWaiting,
      adapters: engineAdapters(adapters, config),
      stepTokenBudget: config.stepTokenBudget,
    }),
    described.graphs.encoder === undefined
      ? Promise.resolve(undefined)
      : startEncoder({ ...worker, ...encoderBounds(config) }),
  ])
  engine.useVocabulary(await vocabularyOf(text.tokenizer, engine.vocabSize, text.tools.shownIds))
  const model: ServedModel = {
    ...text,
    id: name,
    family: family.modelType,
    created: facts.created,
    digest: facts.digest,
    systemFingerprint: facts.systemFingerprint,
    limits: {
      ...limits,
      maxContext: engine.maxContext,
      maxImages: Math.min(limits.maxImages, config.maxImagesPerRequest),
    },
    preprocessing,
    towers: family.towers?.(familyConfig) ?? [],
    ...videoBounds(described, media.clips.limits, config),
    picturePrompt,
    ...soundBounds(described, text.tokenizer, config),
    messageContent: described.messageContent,
    imageTokenId: text.tokenizer.idOf(picturePrompt?.placeholder(1) ?? '') ?? -1,
    engine,
    decoding,
    adapters,
    visionEncoder: encoder,
  }
  const seesPictures = preprocessing !== undefined && model.limits.maxImages > 0
  const remark = seesPictures && smallCacheRemark(config, model.limits, model.maxFrames)
  if (remark) logger.info(remark)
  const document: CapabilityDocument = {
    ...facts,
    inputModalities: inputModalities(model),
    outputModalities: ['text'],
    chat: chatCapabilities(model),
    embeddings: undefined,
    imageTokens: seesPictures ? tiledImageTokens(preprocessing, model.limits) : undefined,
    limits: limitsInForce(config, model.limits.maxImages),
  }
  return {
    document,
    adapters: [...adapters.values()].map(({ facts }) => adapterDocument(document, facts)),
    chat: createChatService({
      models: [model],
      others: [],
      media,
      files,
      maxTextBytes: config.maxBodyBytes,
      deadlineMs: config.deadlineMs,
    }),
    embeddings: undefined,
    speech: undefined,
    engine,
    encoder,
    stats: () => ({ engine: engine.stats(), encoder: encoder?.stats(), speech: undefined }),
    problems: () => [
      ...(engine.healthy ? [] : ['engine worker is down']),
      ...(encoder && !encoder.healthy ? ['encoder worker is down'] : []),
    ],
    drain: () => engine.drain(),
    async dispose() {
      await Promise.all([encoder?.dispose(), engine.dispose(), text.encoder.dispose()])
    },
  }
}
