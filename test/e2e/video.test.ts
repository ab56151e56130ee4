/** Clips in chat as a user sends them: by the official client, real clips, real ffmpeg. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import OpenAI, { APIError } from 'openai'
import type { ChatCompletionChunk, ChatCompletionMessageParam } from 'openai/resources'
import type { RunningServer } from '../../src/main.ts'
import { type CheckedFetch, createCheckedFetch } from '../support/checked-fetch.ts'
import { metric, pictureUri, startTestServer } from '../support/server.ts'
import { drawShapes, NO_FFMPEG } from '../support/shape-clip.ts'

const QWEN2 = resolve(import.meta.dirname, '../fixtures/decoders/qwen2/checkpoint')

/** What is seen of a clip, in every answer about it. */
interface VideoSeen {
  readonly param: string
  readonly start: number
  readonly end: number
  readonly duration: number
  readonly times: readonly number[]
  readonly tokens: number
  readonly scenes?: readonly number[]
  readonly cached_frames?: number
  readonly shown_from?: readonly number[]
  readonly clip?: { readonly width: number; readonly sha256: string; readonly file_id?: string }
  readonly timings_ms?: Readonly<Record<string, number>>
}
type WithVideos = { readonly aerie?: { readonly videos?: readonly VideoSeen[] } }

/** The client knows neither clips nor our field. */
const user = (...content: object[]): ChatCompletionMessageParam[] => [
  { role: 'user', content } as unknown as ChatCompletionMessageParam,
]
const question = { type: 'text', text: 'what color is the object?' }
const videosOf = (answer: object) => (answer as WithVideos).aerie?.videos ?? []

describe('a clip in chat', { skip: NO_FFMPEG }, () => {
  let folder: string
  let path: string
  let data: string
  let server: RunningServer
  let client: OpenAI
  let checked: CheckedFetch
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aerie-test-video-'))
    path = join(folder, 'shapes.mp4')
    await drawShapes(path)
    data = (await readFile(path)).toString('base64')
    server = await startTestServer()
    checked = await createCheckedFetch()
    client = new OpenAI({
      baseURL: `${server.url}/v1`,
      apiKey: 'none',
      maxRetries: 0,
      fetch: checked.fetch,
    })
  })
  after(async () => {
    await server.close()
    await rm(folder, { recursive: true, force: true })
  })

  const input = (sampling: object = {}) => ({
    type: 'input_video',
    input_video: { data, ...sampling },
  })
  const ask = (content: object[], more: object = {}) =>
    client.chat.completions.create({
      model: 'starter',
      messages: user(...content),
      temperature: 0,
      ...more,
      stream: false,
    })
  const answerOf = async (...content: object[]) => (await ask(content)).choices[0]!.message.content
  const tokenize = async (...content: object[]) => {
    const response = await fetch(`${server.url}/v1/tokenize`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'starter', messages: user(...content) }),
    })
    return (await response.json()) as { tokens: number; video_tokens: number; videos: VideoSeen[] }
  }
  const refuses = async (
    code: string,
    param: string | null,
    message: RegExp,
    ...content: object[]
  ) => {
    await assert.rejects(ask([...content, question]), (error) => {
      assert.ok(error instanceof APIError, String(error))
      assert.deepEqual([error.code, error.param], [code, param])
      assert.match(error.message, message)
      return true
    })
  }

  it('is answered by what is shown in the part that was asked about', async () => {
    assert.equal(await answerOf(input({ start: 0, end: 2 }), question), 'red')
    assert.equal(await answerOf(input({ start: 2, end: 4 }), question), 'blue')
  })

  it('comes by data: URI, by the id of a file, and as a file part', async () => {
    const video = await ask([
      {
        type: 'video_url',
        video_url: { url: `data:video/mp4;base64,${data}`, start: 2.5 },
      },
      question,
    ])
    assert.equal(video.choices[0]!.message.content, 'blue')
    assert.equal(videosOf(video)[0]!.param, 'messages[0].content[0].video_url.url')
    const file = await client.files.create({ file: createReadStream(path), purpose: 'user_data' })
    const byId = { type: 'input_video', input_video: { file_id: file.id, times: [3.9] } }
    assert.equal(await answerOf(byId, question), 'blue')
    const part = await ask([{ type: 'file', file: { file_id: file.id } }, question], {
      aerie: { explain: true },
    })
    assert.deepEqual(videosOf(part)[0]!.times, [2])
    assert.equal(videosOf(part)[0]!.clip!.file_id, file.id)
    assert.equal(
      await answerOf(
        { type: 'file', file: { file_data: `data:video/mp4;base64,${data}` } },
        question,
      ),
      part.choices[0]!.message.content,
    )
    await client.files.delete(file.id)
  })

  it('may be any clip by id that it may be as data: a GIF, IVF, a stream of a camera', async () => {
    for (const [name, ...coding] of [
      ['clip.gif'],
      ['clip.ivf', '-c:v', 'libvpx'],
      ['clip.m2ts', '-c:v', 'libx264', '-f', 'mpegts', '-mpegts_m2ts_mode', '1'],
    ] as const) {
      const clip = join(folder, name)
      execFileSync('ffmpeg', ['-v', 'error', '-i', path, ...coding, clip])
      const file = await client.files.create({ file: createReadStream(clip), purpose: 'user_data' })
      const byId = { type: 'input_video', input_video: { file_id: file.id, times: [3.5] } }
      assert.equal(await answerOf(byId, question), 'blue', name)
    }
  })

  it('comes as frames with their times, by URL and by id', async () => {
    const red = await pictureUri('red-circle-blue-square.png')
    const picture = createReadStream(new URL('../../docs/pictures/number-42.png', import.meta.url))
    const { id } = await client.files.create({ file: picture, purpose: 'user_data' })
    const frames = [
      { url: red, time: 0.5 },
      { file_id: id, time: 7 },
    ]
    const answer = await ask([{ type: 'input_video', input_video: { frames } }, question])
    const [seen] = videosOf(answer)
    assert.deepEqual(seen!.times, [0.5, 7])
    assert.deepEqual([seen!.start, seen!.end, seen!.tokens], [0.5, 7, 200])
    assert.equal(answer.usage!.prompt_tokens_details!.cached_tokens, 0)
  })

  it('costs what /v1/tokenize says before, and says so in the answer', async () => {
    for (const sampling of [
      {},
      { max_frames: 3 },
      { sampling: 'scenes', max_frames: 4 },
      { times: [0, 1.25, 3.9] },
    ]) {
      const cost = await tokenize(input(sampling), question)
      const answer = await ask([input(sampling), question])
      // Where scenes begin is said where it is asked what they would cost.
      const costs = cost.videos.map(({ scenes: _, ...rest }) => rest)
      assert.deepEqual(videosOf(answer), costs)
      const { prompt_tokens, prompt_tokens_details } = answer.usage!
      assert.equal(prompt_tokens, cost.tokens)
      const details = prompt_tokens_details as { video_tokens?: number; image_tokens?: number }
      assert.equal(details.video_tokens, cost.video_tokens)
      assert.equal(details.image_tokens, 0)
      assert.equal(cost.video_tokens, 100 * cost.videos[0]!.times.length)
    }
  })

  it('is sampled as it says', async () => {
    const timesOf = async (sampling: object) =>
      (await tokenize(input(sampling), question)).videos[0]!.times
    assert.deepEqual(await timesOf({}), [2])
    assert.deepEqual(await timesOf({ max_frames: 4 }), [0.5, 1.5, 2.5, 3.5])
    assert.deepEqual(await timesOf({ fps: 1, start: 1, end: 3 }), [1.5, 2.5])
    assert.deepEqual(await timesOf({ fps: 100, max_frames: 2 }), [1, 3])
    assert.deepEqual(await timesOf({ sampling: 'keyframes', max_frames: 15 }), [0, 1, 2, 3])
    assert.deepEqual(await timesOf({ times: [0, 3.95] }), [0, 3.95])
    assert.deepEqual(await timesOf({ sampling: 'scenes', max_frames: 4 }), [0, 2])
  })

  it('has its scenes listed by /v1/tokenize, however few of them the model is shown', async () => {
    const scenesOf = async (sampling: object) => {
      const { videos } = await tokenize(input({ sampling: 'scenes', ...sampling }), question)
      return [videos[0]!.scenes, videos[0]!.times]
    }
    // A circle, then a square.
    assert.deepEqual(await scenesOf({}), [[0, 2], [0]])
    assert.deepEqual(await scenesOf({ start: 1, end: 2, max_frames: 4 }), [[1, 2], [1]])
    assert.deepEqual(await scenesOf({ start: 2 }), [[2], [2]])
  })

  it('tells a stream what was seen in its last chunk', async () => {
    const chunks: ChatCompletionChunk[] = []
    const stream = await client.chat.completions.create({
      model: 'starter',
      messages: user(input({ start: 2 }), question),
      temperature: 0,
      stream: true,
    })
    for await (const chunk of stream) chunks.push(chunk)
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')
    assert.equal(text, 'blue')
    assert.deepEqual(chunks.at(-1)!.choices, [])
    assert.deepEqual(videosOf(chunks.at(-1)!)[0]!.times, [3])
    assert.ok(chunks.slice(0, -1).every((chunk) => videosOf(chunk).length === 0))
  })

  it('is neither decoded nor encoded again for another question, nor where parts overlap', async () => {
    const seen = async (sampling: object, text: string) => {
      const content = [input(sampling), { type: 'text', text }]
      return videosOf(await ask(content, { aerie: { explain: true } }))[0]!
    }
    const known = () => metric(server.url, 'aerie_video_frames_total{from="cache"}')
    const before = (await known()) ?? 0
    const first = await seen({ times: [0.15, 0.35, 0.75] }, 'what color is the object?')
    assert.equal(first.cached_frames, 0)
    assert.ok(first.timings_ms!['decode']! > 0)
    assert.deepEqual(first.shown_from, [0.1, 0.3, 0.7])
    const again = await seen({ times: [0.15, 0.35, 0.75] }, 'what shape is the object?')
    assert.equal(again.cached_frames, 3)
    assert.equal(again.timings_ms!['decode'], undefined)
    assert.deepEqual(again.shown_from, first.shown_from)
    const overlapping = await seen({ times: [0.35, 0.75, 0.95] }, 'what shape is the object?')
    assert.equal(overlapping.cached_frames, 2)
    assert.deepEqual(overlapping.shown_from, [0.3, 0.7, 0.9])
    assert.equal(await known(), before + 5)
  })

  it('stands in a conversation with pictures, each where its part is', async () => {
    const url = await pictureUri('number-42.png')
    const picture = { type: 'image_url', image_url: { url } }
    const answer = await ask([picture, input({ start: 2 }), picture, question], {
      aerie: { explain: true },
    })
    const { images, prompt } = (
      answer as { aerie?: { images: object[]; prompt: { text: string } } }
    ).aerie!
    assert.equal(images.length, 2)
    assert.equal(prompt.text.split('<image>').length - 1, 3)
    assert.equal(videosOf(answer)[0]!.param, 'messages[0].content[1].input_video.data')
    const details = answer.usage!.prompt_tokens_details as Record<string, number>
    assert.deepEqual([details['image_tokens'], details['video_tokens']], [200, 100])
  })

  it('is refused with the name of the field that is wrong', async () => {
    const at = 'messages[0].content[0].input_video'
    const url = await pictureUri('number-42.png')
    const cases: [string, string, RegExp, object][] = [
      ['invalid_request', `${at}.fps`, /above 0/, { data, fps: 0 }],
      [
        'invalid_request',
        `${at}.max_frames`,
        /integer|at least 1|between/,
        { data, max_frames: 1.5 },
      ],
      ['invalid_request', `${at}.sampling`, /one of "uniform"/, { data, sampling: 'all' }],
      ['invalid_request', `${at}.start`, /below the clip's duration of 4 s/, { data, start: 4 }],
      ['invalid_request', `${at}.end`, /more than start/, { data, start: 3, end: 2 }],
      ['invalid_request', `${at}.times[1]`, /more than the time before/, { data, times: [1, 1] }],
      ['invalid_request', `${at}.times[1]`, /at most the clip's duration/, { data, times: [1, 5] }],
      ['invalid_request', `${at}.fps`, /none beside times/, { data, times: [1], fps: 1 }],
      ['media_too_large', `${at}.max_frames`, /limit is 15/, { data, max_frames: 16 }],
      ['media_too_large', `${at}.fps`, /limit is 15.*window/, { data, fps: 5 }],
      ['invalid_request', at, /one of data, file_id and frames, got none/, { fps: 1 }],
      ['invalid_request', at, /got data and file_id/, { data, file_id: 'file-1' }],
      ['not_found', `${at}.file_id`, /no file/, { file_id: 'file-1' }],
      [
        'invalid_request',
        `${at}.frames[1].time`,
        /more than that of the frame before/,
        {
          frames: [
            { url, time: 1 },
            { url, time: 1 },
          ],
        },
      ],
      [
        'invalid_request',
        `${at}.frames[0]`,
        /either url or file_id, got neither/,
        { frames: [{ time: 1 }] },
      ],
      [
        'invalid_request',
        `${at}.end`,
        /none beside frames/,
        { frames: [{ url, time: 1 }], end: 2 },
      ],
      [
        'invalid_media',
        `${at}.data`,
        /./,
        { data: Buffer.from('no clip at all').toString('base64') },
      ],
      ['unknown_parameter', `${at}.frame_rate`, /./, { data, frame_rate: 2 }],
    ]
    for (const [code, param, message, input_video] of cases)
      await refuses(code, param, message, { type: 'input_video', input_video })
    await refuses('invalid_media', 'messages[0].content[0].image_url.url', /an MP4 video/, {
      type: 'image_url',
      image_url: { url: `data:image/png;base64,${data}` },
    })
    const many = Array.from({ length: 9 }, () => input())
    await refuses(
      'media_too_large',
      'messages[0].content[8].input_video.data',
      /9 clips, limit is 8/,
      ...many,
    )
    await refuses(
      'media_too_large',
      'messages[0].content[1].input_video.data',
      /20 frames of 2 clips, limit is 15/,
      input({ max_frames: 10 }),
      input({ max_frames: 10 }),
    )
  })

  it('says how many frames would fit before it is decoded', async () => {
    const long = { type: 'text', text: 'what color is it? '.repeat(110) }
    const error = await ask([input({ max_frames: 15 }), long]).then(
      () => assert.fail('it fitted'),
      (error: APIError) => error,
    )
    assert.equal(error.code, 'context_length_exceeded')
    const [, fit] = /of the 15 frames about (\d+) would fit/.exec(error.message) ?? []
    assert.ok(Number(fit) > 0, error.message)
    const max_tokens = 1
    await ask([input({ max_frames: Number(fit) }), long], { max_tokens })
    await assert.rejects(ask([input({ max_frames: Number(fit) + 1 }), long], { max_tokens }))
  })

  it('is announced by /v1/models', async () => {
    const { aerie } = (await client.models.retrieve('starter')) as unknown as {
      aerie: { input_modalities: string[]; max_frames: number; video: Record<string, unknown> }
    }
    assert.deepEqual(aerie.input_modalities, ['text', 'image', 'video', 'audio'])
    assert.equal(aerie.max_frames, 15)
    assert.equal(aerie.video['tokens_per_frame'], 100)
    assert.match(String(aerie.video['how']), /one frame, the middle one/)
  })

  it('is refused by a model that reads no video', async () => {
    await using blind = await startTestServer({ model: QWEN2 }).then((server) => ({
      ...server,
      [Symbol.asyncDispose]: () => server.close(),
    }))
    const response = await fetch(`${blind.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: blind.models[0]!.id, messages: user(input(), question) }),
    })
    const { error } = (await response.json()) as { error: { code: string; message: string } }
    assert.equal(error.code, 'unsupported_parameter')
    assert.match(
      error.message,
      /^messages\[0\]\.content\[0\]\.input_video\.data: model .+ reads no video/,
    )
  })
})
