/** Clips on the wire: each part with the paths of its fields, contradictions by name, what was seen in answers and last chunks. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ChatEvent, VideoSeen } from '../../src/chat/contract.ts'
import type { WireRequests } from '../../src/http/contract.ts'
import { AnswerBuilder } from '../../src/http/wire-answer.ts'
import { ChunkBuilder } from '../../src/http/wire-chunks.ts'
import { toMessages } from '../../src/http/wire-messages.ts'

type WireMessages = WireRequests['ChatCompletionRequest']['messages']

const partOf = (part: object) => {
  const messages = [{ role: 'user', content: [part] }] as unknown as WireMessages
  return toMessages(messages)[0]!.content[0]!
}
const inputVideo = (input_video: object) => partOf({ type: 'input_video', input_video })
const NOTHING = {
  ...{ fps: undefined, maxFrames: undefined, start: undefined, end: undefined },
  ...{ sampling: 'uniform', times: undefined },
}
const AT = 'messages[0].content[0].input_video'

describe('a clip in a request', () => {
  it('is where its url, data or file_id is, its sampling where the object is', () => {
    assert.deepEqual(partOf({ type: 'video_url', video_url: 'https://a.example/b.mp4' }), {
      type: 'video',
      from: { url: 'https://a.example/b.mp4' },
      sampling: NOTHING,
      param: 'messages[0].content[0].video_url',
      samplingParam: 'messages[0].content[0].video_url',
    })
    assert.deepEqual(inputVideo({ data: 'AAAA', fps: 2, max_frames: 4, end: 3, start: null }), {
      type: 'video',
      from: { base64: 'AAAA' },
      sampling: { ...NOTHING, fps: 2, maxFrames: 4, end: 3 },
      ...{ param: `${AT}.data`, samplingParam: AT },
    })
    assert.deepEqual(inputVideo({ file_id: 'file-1', sampling: 'scenes' }), {
      type: 'filed-video',
      fileId: 'file-1',
      sampling: { ...NOTHING, sampling: 'scenes' },
      ...{ param: `${AT}.file_id`, samplingParam: AT },
    })
  })

  it('is pictures of one tile where it comes in frames', () => {
    const url = 'data:image/png;base64,AA'
    const picture = { type: 'image', url, detail: 'low', param: `${AT}.frames[0].url` }
    assert.deepEqual(inputVideo({ frames: [{ url, time: 0 }] }), {
      type: 'frames',
      frames: [{ picture, time: 0 }],
      param: `${AT}.frames`,
    })
    const filed = { type: 'filed-image', fileId: 'file-1', param: `${AT}.frames[1].file_id` }
    assert.deepEqual(
      inputVideo({
        frames: [
          { url, time: 0 },
          { file_id: 'file-1', time: 0.5 },
        ],
      }),
      {
        type: 'filed-frames',
        frames: [
          { picture, time: 0 },
          { picture: filed, time: 0.5 },
        ],
        param: `${AT}.frames`,
      },
    )
  })

  it('that contradicts itself is refused at the field that is too much', () => {
    const frame = { url: 'data:,', time: 1 }
    for (const [video, param] of [
      [{}, AT],
      [{ data: 'A', file_id: 'file-1' }, AT],
      [{ data: 'A', start: 2, end: 2 }, `${AT}.end`],
      [{ data: 'A', times: [1], max_frames: 1 }, `${AT}.max_frames`],
      [{ data: 'A', times: [1], sampling: 'uniform' }, `${AT}.sampling`],
      [{ data: 'A', times: [1, 2, 1.5] }, `${AT}.times[2]`],
      [{ frames: [frame], fps: 1 }, `${AT}.fps`],
      [{ frames: [frame, frame] }, `${AT}.frames[1].time`],
      [{ frames: [{ ...frame, file_id: 'file-1' }] }, `${AT}.frames[0]`],
    ] as const)
      assert.throws(() => inputVideo(video), { code: 'invalid_request', param })
  })
})

describe('what was seen of a clip', () => {
  const video: VideoSeen = {
    ...{ param: AT, start: 0, end: 4, duration: 4, sampling: 'uniform', tokens: 100 },
    ...{ times: [1 / 3], shown: [0.3], tilesPerFrame: 1, cachedFrames: 0, conversions: [] },
    ...{ clip: undefined, stations: { decode: 1 } },
  }
  const usage = {
    ...{ promptTokens: 110, cachedTokens: 0, imageTokens: 0, videoTokens: 100, soundTokens: 0 },
    ...{ completionTokens: 1, draftedTokens: 0, acceptedTokens: 0 },
  }
  const explanation = {
    ...{ promptText: '', promptTokens: 110, images: [], videos: [video], documents: [] },
    sounds: [],
    kvCacheType: 'f32' as const,
  }
  const events = (explains: boolean): ChatEvent[] => [
    {
      ...{ type: 'start', id: 'chatcmpl-1', created: 1, model: 'm', systemFingerprint: 'f' },
      sampling: { temperature: 0, topP: 1 },
    },
    { type: 'videos', videos: [video] },
    ...(explains ? [{ type: 'explain' as const, ...explanation }] : []),
    { type: 'text-delta', choice: 0, text: 'red' },
    { type: 'finish', choice: 0, reason: 'stop' },
    { type: 'usage', ...usage },
    { type: 'timings', stations: {} },
  ]
  const form = {
    ...{ stream: false, includeUsage: false, usageInChunks: false, logprobs: false },
    ...{ serviceTier: undefined, metadata: undefined },
  }
  const seen = {
    ...{ param: AT, start: 0, end: 4, duration: 4, sampling: 'uniform', tokens: 100 },
    times: [0.333333],
  }
  const told = {
    ...{ shown_from: [0.3], tiles_per_frame: 1, cached_frames: 0, conversions: [] },
    timings_ms: { decode: 1 },
  }

  for (const explains of [false, true]) {
    it(`stands in the answer and the last chunk${explains ? ', whole where it was asked for' : ''}`, () => {
      const expected = [explains ? { ...seen, ...told } : seen]
      const answer = new AnswerBuilder(form, 1)
      for (const event of events(explains)) answer.add(event)
      const { aerie, usage } = answer.build()
      assert.deepEqual(aerie!.videos, expected)
      assert.deepEqual(Object.hasOwn(aerie!, 'prompt'), explains)
      assert.deepEqual(usage!.prompt_tokens_details, {
        ...{ cached_tokens: 0, text_tokens: 10, image_tokens: 0 },
        ...{ video_tokens: 100, audio_tokens: 0 },
      })
      const chunks = new ChunkBuilder({ ...form, stream: true }, 1)
      for (const event of events(explains)) chunks.add(event)
      const [last, ...more] = chunks.end()
      assert.deepEqual([last!.choices, last!.aerie!.videos, more], [[], expected, []])
    })
  }
})
