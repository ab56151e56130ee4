/** The only file that knows every concrete class: opens the model, mounts the HTTP edge, listens, shuts down. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { FamilyGraphs } from '../models/family.ts'
import { Batches } from './batches/batch-service.ts'
import { recordsAt } from './batches/records-source.ts'
import type { CapabilityDocument } from './capabilities/document.ts'
import { tiledImageTokens } from './capabilities/image-tokens.ts'
import type { ChatEvent, ChatRequest, ChatService, ContentPart } from './chat/contract.ts'
import { greedyRequest } from './chat/greedy-request.ts'
import {
  chatCapabilities,
  inputModalities,
  loadModelText,
  type ServedModel,
  soundBounds,
  videoBounds,
} from './chat/model.ts'
import { createChatService } from './chat/service.ts'
import { acceptedHosts, apiKeyRequired, type Config } from './config.ts'
import type { EmbeddingService } from './embeddings/contract.ts'
import { createEmbeddingService } from './embeddings/service.ts'
import {
  type BackendName,
  chooseBackend,
  chooseKvCacheType,
  chooseMaxDraft,
} from './engine/backends/choose.ts'
import { startEncoder } from './engine/encoder.ts'
import { startEngine } from './engine/engine.ts'
import type { Encoder, Engine } from './engine/types.ts'
import { AerieError } from './errors.ts'
import type { FileStore } from './files/contract.ts'
import { openFileStore } from './files/file-store.ts'
import { createApp } from './http/app.ts'
import { loadApiKeys, reloadOnSighup } from './http/auth.ts'
import { innerDispatch } from './http/inner-request.ts'
import { type LocateOptions, locateConfigured } from './locate-configured.ts'
import { startMedia } from './media/media.ts'
import type { Media } from './media/types.ts'
import { computedForm, type FoundModel, factsOf, readingOf } from './model-facts.ts'
import { deaf, type Hearing, type OpenSpeech, openSpeech } from './open-speech.ts'
import { openTower } from './open-tower.ts'
import {
  backgroundOptions,
  batchOptions,
  batchRecords,
  encoderBounds,
  fileStoreOptions,
  limitsInForce,
  mediaOptions,
  responseOptions,
  responsesPlace,
  smallCacheRemark,
} from './part-options.ts'
import { responsesAt } from './responses/records-source.ts'
import { openResponseStore } from './responses/response-store.ts'
import { startAll } from './start-all.ts'
import { createLogger, type Logger } from './telemetry/logger.ts'
import { openModelSource } from './weights/model-source.ts'

export interface MainOptions extends LocateOptions {
  readonly logger?: Logger
}

/** A model that answers in this process, without HTTP. */
export interface OpenModel {
  readonly document: CapabilityDocument
  readonly service: ChatService
  /** One greedy answer to one message, asked by this process itself; `changes` says what is to be different. */
  ask(
    content: readonly ContentPart[],
    changes: Partial<ChatRequest>,
    signal: AbortSignal,
  ): AsyncIterable<ChatEvent>
  readonly media: Media
  readonly engine: Engine
  readonly encoder: Encoder | undefined
  close(): Promise<void>
}

export interface RunningServer {
  /** `http://host:port`. */
  readonly url: string
  readonly models: readonly CapabilityDocument[]
  /** Refuses new requests and resolves when the running ones are answered. */
  drain(): Promise<void>
  close(): Promise<void>
}

/** How long a closing server waits for clients to take the end of what they asked. */
const GOODBYE_MS = 1000

async function findModel(
  config: Config,
  options: MainOptions,
  logger: Logger,
): Promise<FoundModel> {
  const located = await locateConfigured(config, options, logger)
  return { ...located, ...(await openModelSource(located.directory)) }
}

/**
 * Loads the configured model and its workers. Rejects with `invalid_package`, also for a tower that is published alone,
 * `invalid_config` or `backend_failure`.
 */
export async function openModel(config: Config, options: MainOptions = {}): Promise<OpenModel> {
  const logger = options.logger ?? createLogger({ level: 'error' })
  const found = await findModel(config, options, logger)
  const { directory, model } = found
  const { embeddingTower, speech } = model
  if (!embeddingTower && !speech) return await openChat(found, config, logger, undefined)
  const what = speech ? 'writes down speech' : 'is a tower without a decoder'
  throw new AerieError(
    'invalid_package',
    `${directory}: a ${model.family.modelType} checkpoint ${what}, so it cannot hold a conversation`,
  )
}

async function openChat(
  found: FoundModel,
  config: Config,
  logger: Logger,
  files: FileStore | undefined,
): Promise<OpenModel> {
  const { directory: modelDir, name, model: described, storage } = found
  const { family, config: familyConfig, limits, preprocessing, picturePrompt } = described
  const backend = runtimeFor(described.graphs, config, logger)
  if (storage) logger.info({ storage }, readingOf(backend))
  const { packedWeights } = found
  const worker = { modelDir, backend, threads: config.threads, packedWeights, logger }
  const decoding = {
    kvCacheType: chooseKvCacheType(config.kvCacheType, backend, await computedForm(found, backend)),
    kvCacheBytes: config.kvCacheBytes,
    maxDraftTokens: chooseMaxDraft(config, backend),
  }
  // Everything that can start does so at once; what did start is closed again when another part fails.
  const [text, facts, engine, encoder, media] = await startAll([
    loadModelText(join(modelDir, family.textFolder ?? ''), (has) =>
      family.conversation?.(familyConfig, has),
    ),
    factsOf(found, backend, decoding.kvCacheType),
    startEngine({
      ...worker,
      ...decoding,
      kvBlockSize: config.kvBlockSize,
      maxRunning: config.maxRunning,
      maxWaiting: config.maxWaiting,
      stepTokenBudget: config.stepTokenBudget,
    }),
    described.graphs.encoder === undefined
      ? Promise.resolve(undefined)
      : startEncoder({ ...worker, ...encoderBounds(config) }),
    startMedia(mediaOptions(config, logger)),
  ])
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
    visionEncoder: encoder,
  }
  const seesPictures = preprocessing !== undefined && model.limits.maxImages > 0
  const remark = seesPictures && smallCacheRemark(config, model.limits, model.maxFrames)
  if (remark) logger.info(remark)
  const service = createChatService({
    models: [model],
    others: [],
    media,
    files,
    maxTextBytes: config.maxBodyBytes,
    deadlineMs: config.deadlineMs,
  })
  return {
    document: {
      ...facts,
      inputModalities: inputModalities(model),
      outputModalities: ['text'],
      chat: chatCapabilities(model),
      embeddings: undefined,
      imageTokens: seesPictures ? tiledImageTokens(preprocessing, model.limits) : undefined,
      limits: limitsInForce(config, model.limits.maxImages),
    },
    service,
    ask: (content, changes, signal) =>
      service.complete(greedyRequest(model.id, content, changes), signal),
    media,
    engine,
    encoder,
    close: async () => {
      await Promise.all([
        media.dispose(),
        encoder?.dispose(),
        engine.dispose(),
        text.encoder.dispose(),
      ])
    },
  }
}

/** The backend for these graphs, which the log names with the reason. Throws `invalid_config`. */
function runtimeFor(
  graphs: Pick<FamilyGraphs, 'decoder' | 'encoder'>,
  config: Config,
  logger: Logger,
): BackendName {
  const { name, text } = chooseBackend(config.backend, graphs)
  logger.info({ backend: name, threads: config.threads }, `the model runs on ${text}`)
  return name
}

/** What the edge needs of a served model, whichever kind it is. */
interface Served {
  readonly document: CapabilityDocument
  readonly chat: ChatService
  readonly embeddings: EmbeddingService
  readonly media: Media
  readonly engine: Engine | undefined
  readonly encoder: Encoder | undefined
  readonly hearing: Hearing
  readonly opened?: OpenSpeech
  close(): Promise<void>
}

/** Of a kind that the model is not, the service refuses by name. */
async function openServed(
  config: Config,
  options: MainOptions,
  logger: Logger,
  files: FileStore,
): Promise<Served> {
  const found = await findModel(config, options, logger)
  const { embeddingTower: tower, speech } = found.model
  const nothing = { models: [], others: [found.name], deadlineMs: config.deadlineMs }
  if (speech) return await openListener(found, config, logger)
  if (tower) {
    const opened = await openTower(found, tower, config, logger)
    const { media } = opened
    const chat = createChatService({ ...nothing, media, files: undefined, maxTextBytes: 0 })
    const hearing = deaf(config, found.name, media.sounds.spool)
    return { ...opened, chat, embeddings: opened.service, engine: undefined, hearing }
  }
  const opened = await openChat(found, config, logger, files)
  const embeddings = createEmbeddingService({ ...nothing, media: opened.media })
  const hearing = deaf(config, found.name, opened.media.sounds.spool)
  return { ...opened, chat: opened.service, embeddings, hearing }
}

/** A speech model answers neither questions nor pictures, and says so. */
async function openListener(found: FoundModel, config: Config, logger: Logger): Promise<Served> {
  const [opened, media] = await startAll([
    openSpeech(found, config, logger),
    startMedia(mediaOptions(config, logger)),
  ])
  const othersDo = 'writes down speech and does nothing else; ask /v1/audio/transcriptions'
  const { deadlineMs } = config
  const nothing = { models: [], others: [found.name], othersDo, deadlineMs, media }
  return {
    ...{ document: opened.document, hearing: opened.hearing, opened, media },
    chat: createChatService({ ...nothing, files: undefined, maxTextBytes: 0 }),
    embeddings: createEmbeddingService(nothing),
    engine: undefined,
    encoder: undefined,
    close: async () => {
      await Promise.all([media.dispose(), opened.dispose()])
    },
  }
}

/** Opens the model and serves it over HTTP. Rejects as `openModel` does, or when the port cannot be had. */
export async function startServer(
  config: Config,
  options: MainOptions = {},
): Promise<RunningServer> {
  const logger = options.logger ?? createLogger({ level: config.logLevel })
  const apiKeys =
    config.apiKeysFile === undefined ? undefined : await loadApiKeys(config.apiKeysFile)
  const files = await openFileStore(fileStoreOptions(config, logger))
  const served = await openServed(config, options, logger, files).catch(async (error) => {
    await files.dispose()
    throw error
  })
  const { document, chat, embeddings, engine, encoder, media, hearing, opened } = served
  const source = recordsAt(batchRecords(config), logger)
  const responses = await openResponseStore({
    ...{ ...responseOptions(config), logger },
    source: responsesAt(responsesPlace(config), logger),
  })
  const batches = new Batches({ ...batchOptions(config, [document.id]), source, files, logger })
  try {
    const app = await createApp({
      models: [document],
      chat,
      embeddings,
      hearing,
      files,
      batches,
      responses,
      background: backgroundOptions(config),
      maxFileBytes: config.maxFileBytes,
      logger,
      apiKeys,
      requireApiKey: apiKeyRequired(config),
      allowedHosts: acceptedHosts(config),
      maxBodyBytes: config.maxBodyBytes,
      unknownFields: config.unknownFields,
      sources: () => ({
        engine: engine?.stats(),
        encoder: encoder?.stats(),
        media: media.stats(),
        files: files.stats(),
        batches: batches.stats(),
        responses: responses.stats(),
        background: app.backgroundStats(),
        speech: opened?.recogniser.stats(),
        sounds: (opened ?? media).sounds.stats(),
        soundSpool: hearing.inbox.stats(),
      }),
      problems: () => [
        ...(engine && !engine.healthy ? ['engine worker is down'] : []),
        ...(encoder && !encoder.healthy ? ['encoder worker is down'] : []),
        ...(opened && !opened.recogniser.healthy ? ['speech worker is down'] : []),
      ],
    })
    const url = await app.listen({ host: config.host, port: config.port })
    await batches.start(innerDispatch(app))
    const sighup = apiKeys && reloadOnSighup(apiKeys, logger)
    return {
      url,
      models: [document],
      drain: async () => {
        // Lines are run again by whoever comes next; nobody waits for them.
        await Promise.all([app.drain(), batches.pause()])
        await engine?.drain()
      },
      close: async () => {
        sighup?.[Symbol.dispose]()
        await batches.dispose()
        // What is not finished fails with `shutting_down`, and is told so before its connection goes.
        await served.close()
        const last = new AbortController()
        const goodbye = delay(GOODBYE_MS, undefined, { signal: last.signal })
        await Promise.race([app.drain(), goodbye])
        last.abort()
        await app.close()
        // Last: an upload that is cut off now still takes back what it wrote.
        await Promise.all([files.dispose(), responses.dispose(), hearing.inbox.dispose()])
      },
    }
  } catch (error) {
    await batches.dispose()
    await Promise.all([served.close(), files.dispose(), responses.dispose()])
    throw error
  }
}
