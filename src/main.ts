/** The only file that knows every concrete class: opens the model, mounts the HTTP edge, listens, shuts down. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type {
  ChatEvent,
  ChatRequest,
  ChatService,
  ContentPart,
  ModelCard,
} from './chat/contract.ts'
import { greedyRequest } from './chat/greedy-request.ts'
import { digestModel, loadModelText, type ServedModel } from './chat/model.ts'
import { createChatService } from './chat/service.ts'
import { acceptedHosts, apiKeyRequired, type Config } from './config.ts'
import { startEncoder } from './engine/encoder.ts'
import { startEngine } from './engine/engine.ts'
import type { Encoder, Engine } from './engine/types.ts'
import { createApp } from './http/app.ts'
import { loadApiKeys, reloadOnSighup } from './http/auth.ts'
import type { HubAccess } from './hub/hub-client.ts'
import type { LocatedModel } from './import/locate-model.ts'
import type { OnProgress } from './import/progress.ts'
import { startMedia } from './media/media.ts'
import type { Media } from './media/types.ts'
import { createLogger, type Logger } from './telemetry/logger.ts'
import { openModelSource } from './weights/model-source.ts'

export interface MainOptions {
  readonly logger?: Logger
  /** How the hub is reached; absent: it is not. */
  readonly hub?: HubAccess & { readonly offline: boolean }
  /** Told while a model is fetched and imported. */
  readonly onProgress?: OnProgress
}

/** A model that answers in this process, without HTTP. */
export interface OpenModel {
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
  readonly models: readonly ModelCard[]
  /** Refuses new requests and resolves when the running ones are answered. */
  drain(): Promise<void>
  close(): Promise<void>
}

/** How long a closing server waits for clients to take the end of what they asked. */
const GOODBYE_MS = 1000

/** The model that ships with the server. */
const STARTER = new URL('../models/starter/', import.meta.url).pathname
const VERSION: string = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
).version

/** Loads the configured model and its workers. Rejects with `invalid_package`, `invalid_config` or `backend_failure`. */
export async function openModel(config: Config, options: MainOptions = {}): Promise<OpenModel> {
  const logger = options.logger ?? createLogger({ level: 'error' })
  const { directory: modelDir, name, manifest } = await findModel(config, options, logger)
  const { model: described, storage } = await openModelSource(modelDir)
  const {
    family,
    config: familyConfig,
    limits,
    preprocessing,
    picturePrompt,
    messageContent,
    graphs,
  } = described
  if (storage) logger.info({ storage }, 'weights are widened to floats, each to its exact value')
  const worker = { modelDir, backend: config.backend, threads: config.threads, logger }
  // Everything that can start does so at once; what did start is closed again when another part fails.
  const [text, folder, engine, encoder, media] = await startAll([
    loadModelText(join(modelDir, family.textFolder ?? ''), (has) =>
      family.conversation?.(familyConfig, has),
    ),
    manifest
      ? { digest: manifest.digest, created: Math.floor(Date.parse(manifest.created) / 1000) }
      : digestModel(modelDir, family.weightFolders),
    startEngine({
      ...worker,
      kvCacheBytes: config.kvCacheBytes,
      kvBlockSize: config.kvBlockSize,
      maxRunning: config.maxRunning,
      maxWaiting: config.maxWaiting,
      stepTokenBudget: config.stepTokenBudget,
    }),
    graphs.encoder === undefined
      ? Promise.resolve(undefined)
      : startEncoder({
          ...worker,
          cacheBytes: config.encoderCacheBytes,
          maxBatch: config.encoderMaxBatch,
          maxWaiting: config.mediaQueue,
        }),
    startMedia({
      workers: config.mediaWorkers,
      maxWaiting: config.mediaQueue,
      maxBytesInUse: config.mediaMaxBytesInUse,
      decodeTimeoutMs: config.decodeTimeoutMs,
      limits: {
        maxImageBytes: config.maxImageBytes,
        maxImagePixels: config.maxImagePixels,
        maxImageSide: config.maxImageSide,
        maxAspectRatio: config.maxAspectRatio,
        allowSvg: config.allowSvg,
      },
      fetch: {
        allowHttp: config.fetchAllowHttp,
        allowedHosts: config.fetchAllowedHosts,
        allowPrivateAddresses: config.fetchAllowPrivateAddresses,
        timeoutMs: config.fetchTimeoutMs,
        maxRedirects: config.fetchMaxRedirects,
      },
      logger,
    }),
  ])
  const model: ServedModel = {
    ...text,
    id: name,
    family: family.modelType,
    created: folder.created,
    digest: folder.digest,
    systemFingerprint: fingerprint(folder.digest, config.backend),
    limits: {
      ...limits,
      maxContext: engine.maxContext,
      maxImages: Math.min(limits.maxImages, config.maxImagesPerRequest),
    },
    preprocessing,
    towers: family.towers?.(familyConfig) ?? [],
    picturePrompt,
    messageContent,
    imageTokenId: text.tokenizer.idOf(picturePrompt?.placeholder(1) ?? '') ?? -1,
    engine,
    visionEncoder: encoder,
  }
  const service = createChatService({ models: [model], media, deadlineMs: config.deadlineMs })
  return {
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

/** Opens the model and serves it over HTTP. Rejects as `openModel` does, or when the port cannot be had. */
export async function startServer(
  config: Config,
  options: MainOptions = {},
): Promise<RunningServer> {
  const logger = options.logger ?? createLogger({ level: config.logLevel })
  const apiKeys =
    config.apiKeysFile === undefined ? undefined : await loadApiKeys(config.apiKeysFile)
  const opened = await openModel(config, { ...options, logger })
  const { service, engine, encoder, media } = opened
  try {
    const app = await createApp({
      service,
      logger,
      apiKeys,
      requireApiKey: apiKeyRequired(config),
      allowedHosts: acceptedHosts(config),
      maxBodyBytes: config.maxBodyBytes,
      unknownFields: config.unknownFields,
      sources: () => ({
        engine: engine.stats(),
        encoder: encoder?.stats(),
        media: media.stats(),
      }),
      problems: () => [
        ...(engine.healthy ? [] : ['engine worker is down']),
        ...(encoder && !encoder.healthy ? ['encoder worker is down'] : []),
      ],
    })
    const url = await app.listen({ host: config.host, port: config.port })
    const sighup = apiKeys && reloadOnSighup(apiKeys, logger)
    return {
      url,
      models: service.models(),
      drain: async () => {
        await app.drain()
        await engine.drain()
      },
      close: async () => {
        sighup?.[Symbol.dispose]()
        // What is not finished fails with `shutting_down`, and is told so before its connection goes.
        await opened.close()
        const last = new AbortController()
        const goodbye = delay(GOODBYE_MS, undefined, { signal: last.signal })
        await Promise.race([app.drain(), goodbye])
        last.abort()
        await app.close()
      },
    }
  } catch (error) {
    await opened.close()
    throw error
  }
}

async function findModel(
  config: Config,
  { hub, onProgress }: MainOptions,
  logger: Logger,
): Promise<LocatedModel> {
  if (config.model === 'starter')
    return { directory: STARTER, name: 'starter', manifest: undefined }
  const { model, revision, modelsDir, offline, verify } = config
  const { locateModel } = await import('./import/locate-model.ts')
  const located = await locateModel(
    { model, revision },
    {
      modelsDir,
      verify,
      hub: hub ?? {},
      offline: offline || hub === undefined || hub.offline,
      onProgress,
    },
  )
  if (located.remark !== undefined) logger.warn(located.remark)
  return located
}

interface Disposes {
  dispose(): Promise<void>
}

/** Awaits all; when one fails, disposes of those that did start before passing the failure on. */
async function startAll<T extends readonly unknown[]>(
  parts: readonly [...{ [I in keyof T]: T[I] | Promise<T[I]> }],
): Promise<T> {
  const results = await Promise.allSettled(parts)
  const failure = results.find(
    (result): result is PromiseRejectedResult => result.status === 'rejected',
  )
  if (!failure)
    return results.map((r) => (r as PromiseFulfilledResult<unknown>).value) as unknown as T
  await Promise.all(
    results.map((result) => {
      const value =
        result.status === 'fulfilled' ? (result.value as Partial<Disposes> | undefined) : undefined
      return value?.dispose?.()
    }),
  )
  throw failure.reason
}

/** Changes whenever the weights, the backend or the server's version do. */
function fingerprint(digest: string, backend: string): string {
  const hash = createHash('sha256').update(`${VERSION}\n${backend}\n${digest}`).digest('hex')
  return `fp_${hash.slice(0, 12)}`
}
