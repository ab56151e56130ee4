/** The only file that knows every concrete class: finds the models, mounts the HTTP edge, listens, shuts down. */
import { setTimeout as delay } from 'node:timers/promises'
import { Batches } from './batches/batch-service.ts'
import { BATCH_RECORDS } from './batches/records-source.ts'
import type { CapabilityDocument } from './capabilities/document.ts'
import type { ChatEvent, ChatRequest, ChatService, ContentPart } from './chat/contract.ts'
import { greedyRequest } from './chat/greedy-request.ts'
import { acceptedHosts, apiKeyRequired, type Config } from './config.ts'
import { modelSpecs } from './config-models.ts'
import type { Encoder, Engine } from './engine/types.ts'
import { openFileStore } from './files/file-store.ts'
import { createApp } from './http/app.ts'
import { innerDispatch } from './http/inner-request.ts'
import type { LocateOptions } from './locate-configured.ts'
import { startMedia } from './media/media.ts'
import type { Media } from './media/types.ts'
import { openAccess } from './open-access.ts'
import { openTracing } from './open-tracing.ts'
import {
  backgroundOptions,
  batchOptions,
  fileStoreOptions,
  mediaOptions,
  recordsPlace,
  responseOptions,
  socketOptions,
} from './part-options.ts'
import { recordsAt } from './records/records-at.ts'
import { RESPONSE_RECORDS } from './responses/records-source.ts'
import { openResponseStore } from './responses/response-store.ts'
import { findAnswering, findModels } from './serving/find-models.ts'
import { anonymousBytes } from './serving/measure-load.ts'
import { usualModelMemory } from './serving/memory-budget.ts'
import { ModelTotals } from './serving/model-totals.ts'
import { openChat } from './serving/open-chat.ts'
import { ModelRegistry } from './serving/registry.ts'
import type { Rooms } from './serving/rooms.ts'
import { routeChat } from './serving/route-chat.ts'
import { routeEmbeddings } from './serving/route-embeddings.ts'
import { routeSpeech } from './serving/route-speech.ts'
import { LANGUAGES } from './speech/languages.ts'
import { createLogger, type Logger } from './telemetry/logger.ts'

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
  /** Of the models that were loaded at the start. */
  readonly models: readonly CapabilityDocument[]
  /** All names of models that requests may say. */
  readonly names: readonly string[]
  /** Refuses new requests and resolves when the running ones are answered. */
  drain(): Promise<void>
  close(): Promise<void>
}

/** How long a closing server waits for clients to take the end of what they asked. */
const GOODBYE_MS = 1000

/**
 * Loads the configured model, of several the first that answers, and its workers. Rejects with `invalid_package`, also for a
 * tower that is published alone, `invalid_config` or `backend_failure`.
 */
export async function openModel(config: Config, options: MainOptions = {}): Promise<OpenModel> {
  const logger = options.logger ?? createLogger({ level: 'error' })
  const { found, config: own } = await findAnswering(config, options, logger)
  const media = await startMedia(mediaOptions(config, logger))
  try {
    const opened = await openChat(found, own, { media, files: undefined }, logger)
    const { document, chat: service, engine, encoder } = opened
    return {
      ...{ document, service, media, engine, encoder },
      ask: (content, changes, signal) =>
        service.complete(greedyRequest(document.id, content, changes), signal),
      close: async () => {
        await Promise.all([media.dispose(), opened.dispose()])
      },
    }
  } catch (error) {
    await media.dispose()
    throw error
  }
}

/** Finds the models, and loads those that are to be there from the start. Rejects as {@link startServer}. */
async function openModels(
  config: Config,
  options: MainOptions,
  rooms: Rooms,
  totals: ModelTotals,
  logger: Logger,
): Promise<ModelRegistry> {
  const isOne = modelSpecs(config).length === 1
  // Of one model there is nothing to choose: it is loaded, as far as the machine has the memory.
  const budgetBytes = config.modelMemoryBytes ?? (isOne ? Infinity : usualModelMemory())
  const registry = new ModelRegistry({
    models: await findModels(config, options, rooms, logger),
    budgetBytes,
    minResidenceMs: config.modelMinResidenceMs,
    idleMs: config.modelIdleMs ?? Infinity,
    maxWaiting: config.maxModelWaiting,
    logger,
    heldBytes: anonymousBytes,
    onUnload: (model) => totals.retire(model),
  })
  try {
    await registry.start()
    return registry
  } catch (error) {
    await registry.dispose()
    throw error
  }
}

/** Opens the models and serves them over HTTP. Rejects as `openModel` does, or when the port cannot be had. */
export async function startServer(
  config: Config,
  options: MainOptions = {},
): Promise<RunningServer> {
  const logger = options.logger ?? createLogger({ level: config.logLevel })
  await using entrance = new AsyncDisposableStack()
  const access = entrance.use(await openAccess(config, logger))
  const tracing = await openTracing(config, logger)
  entrance.defer(async () => await tracing?.dispose())
  await using opened = new AsyncDisposableStack()
  const files = await openFileStore(fileStoreOptions(config, logger))
  opened.defer(() => files.dispose())
  const media = await startMedia(mediaOptions(config, logger))
  opened.defer(() => media.dispose())
  const totals = new ModelTotals()
  const models = await openModels(config, options, { media, files }, totals, logger)
  opened.defer(() => models.dispose())
  const place = recordsPlace(config)
  const source = recordsAt(BATCH_RECORDS, place, logger)
  const batches = new Batches({ ...batchOptions(config, models.names()), source, files, logger })
  opened.defer(() => batches.dispose())
  const responses = await openResponseStore({
    ...{ ...responseOptions(config), logger },
    source: recordsAt(RESPONSE_RECORDS, place, logger),
  })
  opened.defer(() => responses.dispose())
  const inbox = media.sounds.spool
  const { deadlineMs, maxSoundBytes } = config
  const app = await createApp({
    models,
    chat: routeChat(models, deadlineMs),
    embeddings: routeEmbeddings(models, deadlineMs),
    hearing: {
      speech: routeSpeech(models, deadlineMs),
      ...{ inbox, maxSoundBytes, languageName: (code) => LANGUAGES[code] ?? code },
    },
    files,
    batches,
    responses,
    background: backgroundOptions(config),
    sockets: socketOptions(config),
    maxFileBytes: config.maxFileBytes,
    logger,
    apiKeys: access.apiKeys,
    limits: access.limits,
    tracing,
    requireApiKey: apiKeyRequired(config),
    allowedHosts: acceptedHosts(config),
    maxBodyBytes: config.maxBodyBytes,
    unknownFields: config.unknownFields,
    page: config.page,
    sources: () => ({
      ...totals.of(models.loaded()),
      serving: { models: models.statuses(), ...models.budget() },
      media: media.stats(),
      files: files.stats(),
      batches: batches.stats(),
      responses: responses.stats(),
      background: app.backgroundStats(),
      sockets: app.socketStats(),
      sounds: media.sounds.stats(),
      soundSpool: inbox.stats(),
      limits: access.limits?.stats(),
      tracing: tracing?.stats(),
    }),
    problems: () => models.problems(),
  })
  const url = await app.listen({ host: config.host, port: config.port })
  await batches.start(innerDispatch(app))
  opened.move()
  const closing = entrance.move()
  return {
    url,
    models: models.loaded().map(({ document }) => document),
    names: models.names(),
    drain: async () => {
      // Lines are run again by whoever comes next; nobody waits for them.
      await Promise.all([app.drain(), batches.pause()])
      await models.drain()
    },
    close: async () => {
      await batches.dispose()
      // What is not finished fails with `shutting_down`, and is told so before its connection goes.
      await Promise.all([models.dispose(), media.dispose()])
      const last = new AbortController()
      const goodbye = delay(GOODBYE_MS, undefined, { signal: last.signal })
      await Promise.race([app.drain(), goodbye])
      last.abort()
      await app.close()
      // Last: an upload that is cut off now still takes back what it wrote.
      const stores = [files.dispose(), responses.dispose(), inbox.dispose()]
      await Promise.all([...stores, closing.disposeAsync()])
    },
  }
}
