/** The configuration as the options of the parts that it is for. */
import { delimiter, join } from 'node:path'
import type { ModelLimits } from '../models/family.ts'
import type { ServedAdapter } from './adapters/contract.ts'
import type { BatchServiceOptions } from './batches/batch-service.ts'
import type { LimitsInForce } from './capabilities/document.ts'
import { type Config, searchPath } from './config.ts'
import type { EncoderOptions } from './engine/encoder.ts'
import type { EngineAdapters } from './engine/engine-messages.ts'
import type { FileStoreOptions } from './files/file-store.ts'
import type { MediaOptions } from './media/media.ts'
import type { SoundRoomOptions } from './media/sound/sound-room.ts'
import type { ClipOptions } from './media/video/clip-options.ts'
import type { RecordsPlace } from './records/records-at.ts'
import type { ResponseStoreOptions } from './responses/response-store.ts'

export function encoderBounds(
  config: Config,
): Pick<EncoderOptions, 'cacheBytes' | 'disk' | 'maxBatch' | 'maxWaiting'> {
  const { encoderDiskCacheDir: directory, encoderDiskCacheBytes: maxBytes } = config
  return {
    cacheBytes: config.encoderCacheBytes,
    // The directory may be one that others may look into; what is below it is not.
    ...(directory !== undefined && { disk: { folder: join(directory, 'features'), maxBytes } }),
    maxBatch: config.encoderMaxBatch,
    maxWaiting: config.mediaQueue,
  }
}

/** Undefined without any: the decoder is then loaded as if there were none in the world. */
export function engineAdapters(
  adapters: ReadonlyMap<string, ServedAdapter>,
  config: Config,
): EngineAdapters | undefined {
  if (adapters.size === 0) return undefined
  return {
    list: [...adapters.values()].map(({ name, folder, facts: { digest, bytes } }) => {
      return { name, folder, digest, bytes }
    }),
    maxLoaded: config.maxAdapters,
    maxBytes: config.adapterMemoryBytes,
    maxRank: config.maxAdapterRank,
  }
}

/** What there is to say of a feature cache that one request can sweep out, so that its next question encodes all again. */
export function smallCacheRemark(
  { encoderCacheBytes, encoderDiskCacheDir }: Config,
  { maxImages, tokensPerTile, hiddenSize }: ModelLimits,
  maxFrames: number,
): string | undefined {
  const bytes = tokensPerTile * hiddenSize * Float32Array.BYTES_PER_ELEMENT
  const held = Math.floor(encoderCacheBytes / bytes)
  const most = Math.max(maxImages, maxFrames)
  if (encoderDiskCacheDir !== undefined || held >= most) return undefined
  return `encoderCacheBytes holds ${held} pictures of one tile and a request may have ${most}, frames of clips among them: with more, each question encodes them again; ${bytes * most} would hold them`
}

export function limitsInForce(config: Config, maxImages: number): LimitsInForce {
  const { maxImageBytes, maxImagePixels, maxImageSide, maxAspectRatio } = config
  const { maxBodyBytes, deadlineMs } = config
  return {
    ...{ maxImages, maxImageBytes, maxImagePixels, maxImageSide, maxAspectRatio },
    ...{ maxBodyBytes, deadlineMs },
  }
}

export function fileStoreOptions(
  config: Config,
  logger: FileStoreOptions['logger'],
): FileStoreOptions {
  return {
    // The directory may be one that others may look into; what is below it is not.
    folder: join(config.dataDir, 'files'),
    maxFileBytes: config.maxFileBytes,
    ...sharedFiles(config),
    maxBytes: config.maxFilesBytes,
    ...(config.maxTenantFilesBytes !== undefined && { maxTenantBytes: config.maxTenantFilesBytes }),
    maxUploads: config.maxFileUploads,
    logger,
  }
}

/** Time to spare between the deadline of a request and the last moment at which its files are read. */
const HOLD_MS = 60_000

/** Empty where files lie on this machine. */
function sharedFiles(config: Config): Pick<FileStoreOptions, 'shared'> {
  const { databaseUrl, objectStore: url } = config
  if (databaseUrl === undefined || url === undefined) return {}
  return {
    shared: {
      ...{ databaseUrl, maxConnections: config.databaseConnections },
      objectStore: {
        url,
        endpoint: config.objectStoreEndpoint,
        region: config.objectStoreRegion,
        pathStyle: config.objectStorePathStyle,
      },
      cacheFolder: join(config.dataDir, 'objects'),
      cacheBytes: config.objectCacheBytes,
      holdMs: config.deadlineMs + HOLD_MS,
      // What the server writes itself, results of batches, may be as large as all files together.
      maxFileBytes: config.maxFilesBytes,
    },
  }
}

/** Of batches and of responses. */
export function recordsPlace(config: Config): RecordsPlace {
  const { dataDir, databaseUrl, databaseConnections: maxConnections } = config
  return { dataDir, databaseUrl, maxConnections }
}

export function responseOptions(config: Config): Omit<ResponseStoreOptions, 'source' | 'logger'> {
  const { maxResponsesBytes: maxBytes, maxResponses } = config
  return {
    quotas: { maxBytes, maxTenantBytes: config.maxTenantResponsesBytes ?? maxBytes, maxResponses },
    // A conversation may have what one request could bring.
    chain: { maxTurns: config.maxResponseTurns, maxBytes: config.maxBodyBytes },
    keptSeconds: config.responseRetentionDays * 24 * 60 * 60,
  }
}

/** As many run at a time as the engine decodes together: more would only wait there, in front of those who wait for their answer. */
export function backgroundOptions(config: Config): {
  readonly maxRuns: number
  readonly concurrency: number
  readonly maxEventBytes: number
} {
  const { maxBackgroundResponses: maxRuns, maxRunning: concurrency } = config
  return { maxRuns, concurrency, maxEventBytes: config.responseEventBytes }
}

/** Other times than these are the protocol's. */
const SOCKET_TIMES = { maxAgeMs: 60 * 60_000, pingMs: 15_000, stallMs: 60_000 }

export function socketOptions(config: Config): {
  readonly maxSockets: number
  readonly maxSocketsPerKey: number
  readonly idleMs: number
  readonly maxMemoryBytes: number
} & typeof SOCKET_TIMES {
  const { maxWebSockets: maxSockets, maxWebSocketsPerKey: maxSocketsPerKey } = config
  const { webSocketIdleMs: idleMs, webSocketMemoryBytes: maxMemoryBytes } = config
  return { maxSockets, maxSocketsPerKey, idleMs, maxMemoryBytes, ...SOCKET_TIMES }
}

/** Pictures and clips of batches leave this share of the queue to live requests: one of so many. */
const MEDIA_SHARE = 4

export function batchOptions(
  config: Config,
  models: readonly string[],
): Omit<BatchServiceOptions, 'source' | 'files' | 'logger'> {
  return {
    rules: { models, maxLineBytes: config.maxBodyBytes, maxLines: config.maxBatchLines },
    maxBatches: config.maxBatches,
    maxWaitingLines: config.maxBatchLinesWaiting,
    concurrency: config.batchConcurrency ?? 2 * config.maxRunning,
    // One that is more than there may be runs alone.
    maxMedia: Math.floor(Math.min(config.mediaQueue, config.videoQueue) / MEDIA_SHARE),
    maxBytes: Math.max(config.maxBodyBytes, config.mediaMaxBytesInUse / MEDIA_SHARE),
    maxStoredBytes: config.maxFilesBytes,
    keptSeconds: config.batchRetentionDays * 24 * 60 * 60,
  }
}

export function mediaOptions(config: Config, logger: MediaOptions['logger']): MediaOptions {
  return {
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
    clips: clipOptions(config),
    sounds: soundOptions(config),
    documents: {
      maxDocumentBytes: config.maxDocumentBytes,
      maxDocumentPages: config.maxDocumentPages,
    },
    fetch: {
      allowHttp: config.fetchAllowHttp,
      allowedHosts: config.fetchAllowedHosts,
      allowPrivateAddresses: config.fetchAllowPrivateAddresses,
      timeoutMs: config.fetchTimeoutMs,
      maxRedirects: config.fetchMaxRedirects,
    },
    logger,
  }
}

/** Of conversations and of transcriptions. */
export function soundOptions(config: Config): SoundRoomOptions {
  return {
    workers: config.soundWorkers,
    maxWaiting: config.soundQueue,
    maxSeconds: config.maxSoundSeconds,
    timeoutMs: config.soundTimeoutMs,
    maxBytesInUse: config.soundMaxBytesInUse,
    ffmpegPath: config.ffmpegPath,
    searchPath: searchPath().join(delimiter),
    maxFfmpegBytes: config.soundMemoryBytes,
    spool: { maxFileBytes: config.maxSoundBytes, maxBytes: config.soundSpoolBytes },
  }
}

function clipOptions(config: Config): ClipOptions {
  return {
    workers: config.videoWorkers,
    maxWaiting: config.videoQueue,
    limits: {
      maxVideoBytes: config.maxVideoBytes,
      maxVideoSeconds: config.maxVideoSeconds,
      maxVideoPixels: config.maxVideoPixels,
      maxVideoFrames: config.maxVideoFrames,
    },
    timeoutMs: config.videoTimeoutMs,
    fetchTimeoutMs: config.videoFetchTimeoutMs,
    spoolFolder: config.videoSpoolDir,
    maxSpoolBytes: config.videoSpoolBytes,
    maxFfmpegBytes: config.videoMemoryBytes,
    ffmpeg: config.ffmpegPath,
    ffprobe: config.ffprobePath,
    searchPath: searchPath().join(delimiter),
    maxTextBytes: config.maxBodyBytes,
  }
}
