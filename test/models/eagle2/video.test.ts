/** Which frames of a video Eagle 2 and 2.5 see, and what their prompts say of them: recorded from the published code. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { roundHalfToEven } from '../../../models/blocks/round.ts'
import {
  chooseFrames,
  chooseMiddleFrames,
  type FrameOptions,
} from '../../../models/eagle2/frame-choice.ts'
import { twoDecimals } from '../../../models/eagle2/rounding.ts'
import { pairedFrames, videoLines, videoText } from '../../../models/eagle2/video-prompt.ts'
import recorded from '../../fixtures/eagle2/videos.json' with { type: 'json' }

const MARKS = { start: '<img>', end: '</img>' }

describe("Eagle 2.5's frames", () => {
  type Row = [number, number, Record<string, number>, number, (number | number[])[], number]
  const rows = recorded.frameRule.rows as Row[]

  it('are the published ones for each of the recorded lengths, rates and options', () => {
    assert.equal(rows.length, 192)
    for (const row of rows) {
      const [
        totalFrames,
        fps,
        { nframes, min_frames, max_frames, fps: wanted },
        count,
        indices,
        sampled,
      ] = row
      const options: FrameOptions = {
        ...(nframes !== undefined && { frames: nframes }),
        ...(wanted !== undefined && { fps: wanted }),
        ...(min_frames !== undefined && { minFrames: min_frames }),
        ...(max_frames !== undefined && { maxFrames: max_frames }),
      }
      const chosen = chooseFrames({ totalFrames, fps }, options)
      assert.equal(chosen.indices.length, count, String(row))
      assert.ok(Math.abs(chosen.sampledFps - sampled) <= 5.1e-7, String(row))
      if (count <= 24) assert.deepEqual(chosen.indices, indices)
      else {
        const sum = chosen.indices.reduce((all, index) => all + index, 0)
        const ends = [chosen.indices.slice(0, 4), chosen.indices.slice(-4)]
        assert.deepEqual([...ends, sum], indices)
      }
    }
  })

  it('have the seconds at which they stand in the video', () => {
    const { seconds } = chooseFrames({ totalFrames: 29, fps: 7 }, { frames: 4 })
    assert.deepEqual(seconds.map(twoDecimals), ['0.00', '1.29', '2.71', '4.00'])
  })

  it('come in pairs where they are given as a list', () => {
    assert.deepEqual(pairedFrames(['a', 'b', 'c']), ['a', 'b', 'c', 'c'])
    assert.deepEqual(pairedFrames(['a', 'b']), ['a', 'b'])
  })
})

describe("Eagle 2.5's words about a video", () => {
  interface Prompt {
    readonly name: string
    readonly text: string
    readonly video_meta: {
      readonly fps: number[]
      readonly timestamps: number[][]
      readonly used: boolean
    }
  }
  for (const { name, text, video_meta } of recorded.prompts as unknown as Prompt[]) {
    it(`are those of the published processor: ${name}`, () => {
      for (const [i, seconds] of video_meta.timestamps.entries()) {
        const sampled = video_meta.used ? { fps: video_meta.fps[i]!, seconds } : {}
        const words = videoText(i + 1, seconds.length, sampled, MARKS)
        assert.equal(words.length, seconds.length + 1)
        assert.ok(text.includes(words.join('*')), words.join('*'))
      }
    })
  }

  it('end with the tenth video', () => {
    assert.match(videoText(10, 1, {}, MARKS)[0]!, /^The tenth video: Frame 1: <img>$/)
    assert.throws(() => videoText(11, 1, {}, MARKS), RangeError)
  })
})

describe("the frames of Eagle 2's first generation", () => {
  it('are the middles of equal parts, for each recorded row', () => {
    const rows = recorded.middleFrameRule.rows as [number, number, number[]][]
    assert.equal(rows.length, 31)
    for (const [totalFrames, count, indices] of rows)
      assert.deepEqual(chooseMiddleFrames({ totalFrames, fps: 8 }, count).indices, indices)
  })

  it('have a line each in the prompt', () => {
    const { seconds, question } = recorded.middleVideo
    const lines = videoLines(seconds, { start: '', end: '' }).join('<image>')
    assert.equal(`${lines}Describe the video.`, question)
  })
})

describe("Python's rounding", () => {
  it('takes the even one of two neighbours', () => {
    assert.deepEqual(
      [0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 2.6].map(roundHalfToEven),
      [0, 2, 2, 0, -2, 2, 3],
    )
  })

  it('writes two decimals, ties to even', () => {
    const written = [0.125, 0.375, 2.125, 0.875, 1.005, -1, 1.9310344827586206, 0]
    assert.deepEqual(written.map(twoDecimals), [
      ...['0.12', '0.38', '2.12', '0.88', '1.00', '-1.00', '1.93', '0.00'],
    ])
  })
})
