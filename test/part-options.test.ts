import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ImagePreprocessing } from '../models/preprocessing.ts'
import { timedPictures } from '../models/video/plain.ts'
import type { VideoRule } from '../models/video/rule.ts'
import { nvilaVideo } from '../models/vila/video.ts'
import { resolveConfig } from '../src/config.ts'
import { encoderBounds, smallCacheRemark, videoBounds } from '../src/part-options.ts'

const limits = (maxImages: number) => ({
  vocabSize: 1000,
  hiddenSize: 1024,
  maxContext: 4096,
  tokensPerTile: 256,
  maxImages,
})

describe('the feature cache', () => {
  it('is remarked upon when one request can sweep it out', () => {
    const config = resolveConfig({ flags: { encoderCacheBytes: '8MiB' } })
    assert.equal(smallCacheRemark(config, limits(8)), undefined)
    assert.match(smallCacheRemark(config, limits(16))!, /holds 8 pictures.*may have 16.*16777216/)
  })

  it('is not, where the disk is behind it', () => {
    const config = resolveConfig({
      flags: { encoderCacheBytes: '0', encoderDiskCacheDir: '/cache' },
    })
    assert.equal(smallCacheRemark(config, limits(16)), undefined)
  })

  it('lies below the directory that was named, which others may look into', () => {
    const config = resolveConfig({ flags: { encoderDiskCacheDir: '/var/cache/aerie' } })
    const disk = { folder: '/var/cache/aerie/features', maxBytes: 4 * 2 ** 30 }
    assert.deepEqual(encoderBounds(config).disk, disk)
    assert.equal(encoderBounds(resolveConfig({})).disk, undefined)
  })
})

describe('frames of clips in a request', () => {
  const preprocessing = {} as ImagePreprocessing
  const bounds = (videoRule: VideoRule | undefined, maxVideoFrames = 256, flags = {}) =>
    videoBounds(
      { videoRule, preprocessing, limits: limits(12) },
      { maxVideoFrames },
      resolveConfig({ flags }),
    )

  it('are as many as pictures fit, by whole groups where they are pooled', () => {
    const { maxFrames, maxVideos } = bounds(timedPictures)
    assert.deepEqual([maxFrames, maxVideos], [12, 8])
    assert.equal(bounds(timedPictures, 5).maxFrames, 5)
    const encoder = { ...{ before: '', after: '', separator: '' }, pools: [[8, 1, 1] as const] }
    const pooling = nvilaVideo({ encoder, frames: 8, fps: 0 }, 16)
    assert.equal(bounds(pooling).maxFrames, 96)
    assert.equal(bounds(pooling, 90).maxFrames, 88)
  })

  it('are none of a model without a rule, nor where clips are refused', () => {
    assert.equal(bounds(undefined).maxFrames, 0)
    assert.equal(bounds(timedPictures, 256, { maxVideosPerRequest: 0 }).maxFrames, 0)
  })
})
