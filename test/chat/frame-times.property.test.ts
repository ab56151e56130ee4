/** Which moments of a clip are looked at: what holds for every family, clip and wish. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { eagle2Video, eagle25Video } from '../../models/eagle2/video.ts'
import { onePicture, timedPictures } from '../../models/video/plain.ts'
import type { VideoRule } from '../../models/video/rule.ts'
import { nvilaVideo, vila15Video, vilaUVideo } from '../../models/vila/video.ts'
import type { VideoSampling } from '../../src/chat/contract.ts'
import {
  evenTimes,
  type FrameRequest,
  namedTimes,
  offeredTimes,
  wantedMoments,
  windowOf,
} from '../../src/chat/frame-times.ts'
import { USUAL_SAMPLING } from '../../src/chat/video-files.ts'
import { AerieError } from '../../src/errors.ts'
import { propertyRuns } from '../support/property-runs.ts'

const MARKS = { start: '<img>', end: '</img>' }
const pooled = {
  encoder: { before: '', after: '\n', separator: '', pools: [[4, 1, 1] as const] },
  ...{ frames: 8, fps: 0 },
}
const FAMILIES: Readonly<Record<string, VideoRule>> = {
  'Eagle 2.5': eagle25Video(MARKS),
  'Eagle 2': eagle2Video(MARKS),
  'VILA-1.5': vila15Video({ ...pooled, encoder: { ...pooled.encoder, pools: [[1, 1, 1]] } }),
  'NVILA with pools': nvilaVideo(pooled, 4),
  'VILA-U': vilaUVideo(8),
  plain: timedPictures,
  starter: onePicture,
}
const MOST = 512

const clips = fc
  .record({
    fps: fc.double({ min: 0.2, max: 240, noNaN: true }),
    frames: fc.integer({ min: 1, max: 500_000 }),
  })
  .map(({ fps, frames }) => ({ fps, frames, duration: frames / fps }))
const maybe = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined })
const wishes = fc.record({
  fps: maybe(fc.double({ min: 0.01, max: 60, noNaN: true })),
  maxFrames: maybe(fc.integer({ min: 1, max: MOST })),
  start: maybe(fc.double({ min: 0, max: 1, noNaN: true })),
  length: maybe(fc.double({ min: 0, max: 1, noNaN: true })),
})
type Wish = typeof wishes extends fc.Arbitrary<infer Value> ? Value : never

/** Windows are drawn as parts of the clip. */
function requestOf(
  family: string,
  header: FrameRequest['header'],
  { fps, maxFrames, start, length }: Wish,
): FrameRequest {
  const from = start === undefined ? undefined : start * header.duration
  const to = length === undefined ? undefined : (from ?? 0) + length * header.duration
  const sampling: VideoSampling = { ...USUAL_SAMPLING, fps, maxFrames, start: from, end: to }
  return { header, sampling, rule: FAMILIES[family]!, param: 'clip', most: MOST }
}

/** Undefined where the request is refused, which must name a field. */
function unlessRefused<Value>(work: () => Value): Value | undefined {
  try {
    return work()
  } catch (error) {
    assert.ok(error instanceof AerieError, String(error))
    assert.match(error.param ?? '', /^clip(\.(start|end|fps|max_frames|times\[\d+\]))?$/)
    return undefined
  }
}

describe('frames of a clip, evenly', () => {
  for (const family of Object.keys(FAMILIES)) {
    it(`${family}: rise, lie in the window and are no more than asked for`, (test) => {
      fc.assert(
        fc.property(clips, wishes, (header, wish) => {
          const request = requestOf(family, header, wish)
          const window = unlessRefused(() => windowOf(request))
          const shown = window && unlessRefused(() => evenTimes(request, window))
          if (!window || !shown) return
          const { seconds } = shown
          const { multiple } = request.rule
          assert.ok(seconds.length > 0 && seconds.length <= MOST)
          if (wish.maxFrames !== undefined) assert.ok(seconds.length <= wish.maxFrames)
          if (request.rule.pooling) assert.equal(seconds.length % multiple, 0)
          const frame = 1 / header.fps
          for (const [i, second] of seconds.entries()) {
            assert.ok(i === 0 || second >= seconds[i - 1]!)
            // Of a window between two frames, the one that is shown then.
            assert.ok(second > window.start - frame - 1e-6 && second <= window.end + 1e-6)
            assert.ok(second < header.duration + 1e-6)
          }
        }),
        propertyRuns(200, test, 0.3),
      )
    })
  }
})

describe('moments that offer themselves', () => {
  it('are taken as they are where they are few, and spread over all where they are many', (test) => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(FAMILIES)),
        clips,
        wishes,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 60 }),
        (family, header, wish, places) => {
          const request = requestOf(family, header, wish)
          const window = unlessRefused(() => windowOf(request))
          const wanted = window && unlessRefused(() => wantedMoments(request, window))
          if (!window || wanted === undefined) return
          const { start, end } = window
          const offered = [...new Set(places)]
            .sort((a, b) => a - b)
            .map((p) => start + p * (end - start))
          const { seconds, sampledFps } = offeredTimes(request, window, offered, wanted)
          assert.equal(sampledFps, undefined)
          assert.ok(seconds.length > 0)
          if (wanted > 1) assert.equal(seconds.length % request.rule.multiple, 0)
          if (wish.maxFrames !== undefined) assert.ok(seconds.length <= wish.maxFrames)
          for (const second of seconds) assert.ok(offered.includes(second) || second === start)
          if (offered.length > 0 && offered.length <= wanted)
            assert.deepEqual([...new Set(seconds)], [...new Set(offered)])
        },
      ),
      propertyRuns(200, test, 0.3),
    )
  })
})

describe('moments that a request names', () => {
  it('are all looked at, the last again until a group is full', (test) => {
    const times = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
      minLength: 1,
      maxLength: 40,
    })
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(FAMILIES)),
        clips,
        times,
        (family, header, drawn) => {
          const named = [...new Set(drawn)]
            .sort((a, b) => a - b)
            .map((part) => part * header.duration)
          const request = requestOf(family, header, {
            ...{ fps: undefined, maxFrames: undefined, start: undefined, length: undefined },
          })
          const { seconds } = namedTimes(request, named)
          assert.deepEqual(seconds.slice(0, named.length), named)
          assert.ok(seconds.slice(named.length).every((second) => second === named.at(-1)))
          assert.equal(seconds.length % request.rule.multiple, 0)
          assert.ok(seconds.length < named.length + request.rule.multiple)
        },
      ),
      propertyRuns(200, test),
    )
  })
})
