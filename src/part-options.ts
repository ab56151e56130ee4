/** The configuration as the options of the parts that it is for. */
import { join } from 'node:path'
import type { ModelLimits } from '../models/family.ts'
import type { ModelConfig } from '../models/load-config.ts'
import { tokensOfFrame } from '../models/video/rule.ts'
import type { LimitsInForce } from './capabilities/document.ts'
import type { ServedModel } from './chat/model.ts'
import type { Config } from './config.ts'
import type { EncoderOptions } from './engine/encoder.ts'
import type { FileStoreOptions } from './files/file-store.ts'
import type { MediaOptions } from './media/media.ts'
import type { ClipLimits } from './media/video/contract.ts'

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

/** What there is to say of a feature cache that one request can sweep out, so that its next question encodes all again. */
export function smallCacheRemark(
  { encoderCacheBytes, encoderDiskCacheDir }: Config,
  { maxImages, tokensPerTile, hiddenSize }: ModelLimits,
): string | undefined {
  const bytes = tokensPerTile * hiddenSize * Float32Array.BYTES_PER_ELEMENT
  const held = Math.floor(encoderCacheBytes / bytes)
  if (encoderDiskCacheDir !== undefined || held >= maxImages) return undefined
  return `encoderCacheBytes holds ${held} pictures of one tile and a request may have ${maxImages}: with more, each question encodes them again; ${bytes * maxImages} would hold them`
}

/** How a model sees clips, and how much of them a request may show it. */
export function videoBounds(
  { videoRule, preprocessing, limits }: Pick<ModelConfig, 'videoRule' | 'preprocessing' | 'limits'>,
  { maxVideoFrames }: Pick<ClipLimits, 'maxVideoFrames'>,
  { maxVideosPerRequest }: Pick<Config, 'maxVideosPerRequest'>,
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
    maxBytes: config.maxFilesBytes,
    maxUploads: config.maxFileUploads,
    logger,
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
