import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ImagePreprocessing } from '../../models/preprocessing.ts'
import { timedPictures } from '../../models/video/plain.ts'
import type { VideoRule } from '../../models/video/rule.ts'
import { nvilaVideo } from '../../models/vila/video.ts'
import { videoBounds } from '../../src/chat/model.ts'

const LIMITS = {
  ...{ vocabSize: 1000, hiddenSize: 1024, maxContext: 4096 },
  ...{ tokensPerTile: 256, maxImages: 12 },
}

describe('frames of clips in a request', () => {
  const preprocessing = {} as ImagePreprocessing
  const bounds = (
    videoRule: VideoRule | undefined,
    maxVideoFrames = 256,
    maxVideosPerRequest = 8,
  ) =>
    videoBounds(
      { videoRule, preprocessing, limits: LIMITS },
      { maxVideoFrames },
      { maxVideosPerRequest },
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
    assert.equal(bounds(timedPictures, 256, 0).maxFrames, 0)
  })
})
