/** How each family looks at clips: frames of an unparametrised request are the published code's, and words around them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chooseFrames, chooseMiddleFrames } from '../../../models/eagle2/frame-choice.ts'
import { eagle2Video, eagle25Video } from '../../../models/eagle2/video.ts'
import { onePicture, timedPictures } from '../../../models/video/plain.ts'
import type { PoolSize } from '../../../models/video/pooling.ts'
import { framesPerGroup, tokensOfFrame, type VideoRule } from '../../../models/video/rule.ts'
import { distinctFrames, evenFrames, framesAtRate } from '../../../models/vila/frame-sampling.ts'
import { nvilaVideo, vila15Video, vilaUVideo } from '../../../models/vila/video.ts'

const MARKS = { start: '<img>', end: '</img>' }
const CLIP = { frames: 600, fps: 25 }
const vila = (more: object = {}, pools: readonly PoolSize[] = [[1, 1, 1]]) => ({
  encoder: { before: '', after: '\n', separator: '', pools },
  ...{ frames: 8, fps: 0, ...more },
})
const written = (rule: VideoRule, seconds: readonly number[], rows: number, fps?: number) => {
  assert.ok(rule.prompt.form === 'video')
  return rule.prompt.write({ seconds, sampledFps: fps }, 1, rows)
}

describe('a request that says nothing', () => {
  it('sees the frames that the published code would', () => {
    const usual = (rule: VideoRule) => rule.choose(CLIP, {})
    assert.deepEqual(
      usual(eagle25Video(MARKS)),
      chooseFrames({ totalFrames: 600, fps: 25 }).indices,
    )
    assert.equal(usual(eagle25Video(MARKS)).length, 48)
    assert.deepEqual(
      usual(eagle2Video(MARKS)),
      chooseMiddleFrames({ totalFrames: 600, fps: 25 }, 64).indices,
    )
    assert.deepEqual(usual(vila15Video(vila())), distinctFrames(600, 8))
    assert.deepEqual(
      usual(vila15Video(vila({ fps: 1, frames: 64 }))),
      distinctFrames(600, 64, { maxFps: 1, videoFps: 25 }),
    )
    assert.deepEqual(usual(nvilaVideo(vila(), 4)), evenFrames(600, 8))
    assert.deepEqual(
      usual(nvilaVideo(vila({ fps: 1 }), 4)),
      framesAtRate(600, 8, { fps: 1, videoFps: 25 }),
    )
    assert.deepEqual(usual(vilaUVideo(8)), evenFrames(600, 8))
    assert.deepEqual(usual(onePicture), [300])
    assert.equal(usual(timedPictures).length, 8)
  })
})

describe('a wish', () => {
  it('for a rate or a number is granted, evenly', () => {
    const vila15 = vila15Video(vila())
    assert.deepEqual(vila15.choose({ frames: 100, fps: 10 }, { fps: 1 }), distinctFrames(100, 10))
    assert.deepEqual(vila15.choose(CLIP, { fps: 1, maxFrames: 4 }), distinctFrames(600, 4))
    assert.deepEqual(vila15.choose(CLIP, { maxFrames: 32 }), distinctFrames(600, 32))
    assert.deepEqual(onePicture.choose({ frames: 40, fps: 10 }, { maxFrames: 4 }), [5, 15, 25, 35])
    assert.deepEqual(onePicture.choose({ frames: 2, fps: 10 }, { maxFrames: 4 }), [0, 1])
    // The published rule knows pairs alone.
    assert.deepEqual(eagle25Video(MARKS).choose(CLIP, { maxFrames: 1 }), [300])
    assert.equal(eagle25Video(MARKS).choose(CLIP, { maxFrames: 7 }).length, 6)
  })

  it('for fewer frames than a model pools gives whole groups', () => {
    const pooling = nvilaVideo(vila({}, [[4, 1, 1]]), 4)
    assert.deepEqual(pooling.choose(CLIP, { maxFrames: 11 }), evenFrames(600, 8))
    assert.deepEqual(pooling.choose({ frames: 1, fps: 1 }, {}), evenFrames(1, 8))
  })
})

describe('words around frames', () => {
  it('say the times of them in Eagle 2 and 2.5', () => {
    assert.deepEqual(written(eagle25Video(MARKS), [0, 0.5], 4, 2).texts, [
      'The first video sampled with 2.00 fps: Frame 1 sample at 0.00s: <img>',
      '</img>Frame 2 sample at 0.50s: <img>',
      '</img>',
    ])
    // Moments that are not evenly apart have no rate.
    assert.match(
      written(eagle25Video(MARKS), [1, 9], 4).texts[0]!,
      /^The first video: Frame 1 sample/,
    )
    assert.equal(
      written(eagle2Video(MARKS), [1.5], 4).texts[0],
      'This is a video:\nFrame 1 sampled at 1.50 seconds: <img>',
    )
    assert.ok(timedPictures.prompt.form === 'pictures')
    assert.deepEqual(timedPictures.prompt.around(2.345), ['Frame at 2.35 s: ', ''])
  })

  it('stand around pooled frames run by run, of groups that are computed together', () => {
    const encoder = {
      ...{ before: '(', after: ')', separator: ';' },
      pools: [
        [2, 2, 2],
        [4, 4, 4],
      ] as const,
    }
    const rule = nvilaVideo({ ...vila(), encoder }, 4)
    assert.deepEqual([rule.multiple, framesPerGroup(rule)], [4, 4])
    // Two frames of four rows and one of a single one, of four frames.
    assert.equal(tokensOfFrame(rule, 16), 9 / 4)
    const { texts, stretches } = written(rule, [0, 1, 2, 3, 4, 5, 6, 7], 16)
    assert.deepEqual(texts, ['', '', '', '', '', '', ''])
    assert.deepEqual(
      stretches.map(({ group, firstRow, rows }) => `${group}: ${firstRow}+${rows}`),
      ['0: 0+4', '0: 4+4', '1: 0+4', '1: 4+4', '0: 8+1', '1: 8+1'],
    )
    const around = stretches.map(({ before, after }) => `${before.join('')}…${after.join('')}`)
    // What stands before a frame follows the one before it.
    assert.deepEqual(around, ['(…)(', '…)(', '…)(', '…);(', '…)(', '…);'])
  })

  it('are none where pools do not divide a frame', () => {
    assert.throws(() => nvilaVideo(vila({}, [[1, 3, 1]]), 4), {
      message: /^pool_sizes: 4 rows of a frame are not a multiple of 3$/,
    })
  })
})
