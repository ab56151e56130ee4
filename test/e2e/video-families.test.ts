/**
 * What families say about clips that the published code was asked about: recorded greedy answers, over HTTP, from the very frames.
 * But for Eagle 2.5 the frames come as lists, so that no decoder's rounding is in between.
 */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, describe, it } from 'node:test'
import { evenFrames } from '../../models/vila/frame-sampling.ts'
import type { RunningServer } from '../../src/main.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { recordedCase } from '../support/recorded-cases.ts'
import { startTestServer } from '../support/server.ts'
import { NO_FFMPEG } from '../support/shape-clip.ts'

const FIXTURES = resolve(import.meta.dirname, '../fixtures')
const NVILA = join(FIXTURES, 'vila/video-nvila')
const EAGLE = join(FIXTURES, 'eagle2/eagle2-moe')
const folder = mkdtempSync(join(tmpdir(), 'aerie-video-'))
after(() => rmSync(folder, { recursive: true, force: true }))

interface Frame {
  readonly path: string
  readonly time: number
}
type Part =
  | { readonly type: 'text'; readonly text: string }
  | { readonly frames: readonly Frame[] }
  | { readonly clip: string }

interface Seen {
  readonly prompt: { readonly text: string }
  readonly videos: readonly { readonly tokens: number; readonly times: readonly number[] }[]
}

async function ask(
  { url, models }: RunningServer,
  parts: readonly Part[],
): Promise<{ text: string; promptTokens: number; aerie: Seen }> {
  const content = parts.map((part) => {
    if ('clip' in part) {
      const data = readFileSync(part.clip).toString('base64')
      return { type: 'input_video', input_video: { data } }
    }
    if (!('frames' in part)) return part
    const frames = part.frames.map(({ path, time }) => {
      return { url: `data:image/png;base64,${readFileSync(path).toString('base64')}`, time }
    })
    return { type: 'input_video', input_video: { frames } }
  })
  const body = JSON.stringify({
    model: models[0]!.id,
    messages: [{ role: 'user', content }],
    ...{ max_tokens: 10, temperature: 0, repetition_penalty: 1, aerie: { explain: true } },
  })
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body })
  const answer = (await response.json()) as {
    error?: object
    choices: { message: { content: string } }[]
    usage: { prompt_tokens: number }
    aerie: Seen
  }
  assert.equal(response.status, 200, JSON.stringify(answer.error))
  const { choices, usage, aerie } = answer
  return { text: choices[0]!.message.content, promptTokens: usage.prompt_tokens, aerie }
}

const text = (value: string): Part => ({ type: 'text', text: value })

describe('NVILA, asked about a clip', async () => {
  const recorded = JSON.parse(readFileSync(join(NVILA, 'expected.json'), 'utf8'))
  const tokenizer = await Tokenizer.load(join(NVILA, 'checkpoint/llm'))
  const names = readdirSync(join(NVILA, 'inputs/frames')).sort()
  const frames = evenFrames(names.length, 8).map((index) => {
    return { path: join(NVILA, 'inputs/frames', names[index]!), time: index / 8 }
  })

  async function compare(id: string, model: string, parts: readonly Part[], tokens: number) {
    const { rendered_text, sequence_length, greedy_ids } = recorded.requests.find(
      (request: { id: string }) => request.id === id,
    )
    const server = await startTestServer({ model, kvCacheType: 'f32' })
    try {
      const answer = await ask(server, parts)
      assert.equal(answer.aerie.prompt.text, rendered_text)
      assert.equal(answer.aerie.videos[0]!.tokens, tokens)
      assert.equal(answer.promptTokens, sequence_length)
      assert.equal(answer.text, tokenizer.decode(greedy_ids))
    } finally {
      await server.close()
    }
  }

  it('says what the published code says with a Basic encoder', () =>
    compare('r3', join(NVILA, 'checkpoint'), [text('Describe: '), { frames }], 32))

  it('says what the published code says of frames that are pooled in two ways', async () => {
    const checkpoint = join(folder, 'pooled')
    cpSync(join(NVILA, 'checkpoint'), checkpoint, { recursive: true })
    const path = join(checkpoint, 'config.json')
    const config = JSON.parse(readFileSync(path, 'utf8'))
    const encoder = {
      _target_: 'llava.model.encoders.TSPVideoEncoder',
      pool_sizes: [
        [2, 2, 2],
        [4, 1, 1],
      ],
      ...{ start_tokens: 'video', end_tokens: '\n', sep_tokens: ': ' },
    }
    writeFileSync(path, JSON.stringify({ ...config, video_encoder: JSON.stringify(encoder) }))
    await compare('r5', checkpoint, [{ frames }, text('Describe.')], 12)
  })
})

describe('Eagle 2, asked about a clip', () => {
  it('says what the published code says, told the time of each frame', async () => {
    const recorded = JSON.parse(readFileSync(join(EAGLE, 'expected.json'), 'utf8'))
    const { greedy_ids, query_text } = recorded.prompts.find(
      ({ name }: { name: string }) => name === 'video_8_frames',
    )
    const { png, timestamps } = recorded.video_frames['clip.mp4']
    const frames = png.map((file: string, i: number): Frame => {
      return { path: join(EAGLE, 'inputs', file), time: timestamps[i] }
    })
    const tokenizer = await Tokenizer.load(join(EAGLE, 'checkpoint'))
    const server = await startTestServer({ model: join(EAGLE, 'checkpoint'), kvCacheType: 'f32' })
    try {
      const answer = await ask(server, [{ frames }, text('Describe the video.')])
      const positions = query_text.split('<IMG_CONTEXT>').length - 1
      assert.equal(answer.aerie.videos[0]!.tokens, positions)
      assert.deepEqual(answer.aerie.videos[0]!.times, timestamps)
      assert.equal(answer.text, tokenizer.decode(greedy_ids[0]))
    } finally {
      await server.close()
    }
  })
})

describe('Eagle 2.5, asked about a clip', () => {
  const { folder, skip } = recordedCase('eagle2/eagle2.5-video')

  it('says of the file what the published code says, which chose and decoded the frames itself', {
    skip: skip || NO_FFMPEG,
  }, async () => {
    const recorded = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'))
    const { greedy_ids, input_ids } = recorded.prompts.find(
      ({ name }: { name: string }) => name === 'video_8_frames',
    )
    const { timestamps } = recorded.video_frames['{"video": "clip_a.mp4"}']
    const checkpoint = join(folder, 'checkpoint')
    const tokenizer = await Tokenizer.load(checkpoint)
    const server = await startTestServer({ model: checkpoint, kvCacheType: 'f32' })
    try {
      const clip = join(folder, 'inputs/clip_a.mp4')
      const answer = await ask(server, [{ clip }, text('Describe this video.')])
      const micro = (times: readonly number[]) => times.map((time) => Math.round(time * 1e6))
      assert.deepEqual(micro(answer.aerie.videos[0]!.times), micro(timestamps))
      assert.equal(answer.promptTokens, input_ids.flat().length)
      assert.equal(answer.text, tokenizer.decode(greedy_ids[0]))
    } finally {
      await server.close()
    }
  })
})

describe('VILA-1.5, asked about a clip', () => {
  const { folder, skip } = recordedCase('vila/video-vila15')

  it('says what the published code says of eight frames and of sixty-four', { skip }, async () => {
    const recorded = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'))
    const tokenizer = await Tokenizer.load(join(folder, 'checkpoint/llm'))
    const server = await startTestServer({ model: join(folder, 'checkpoint'), kvCacheType: 'f32' })
    try {
      for (const { image_files, turns, sequence_length, greedy_ids } of recorded.requests.slice(
        0,
        2,
      )) {
        const frames = image_files.map((file: string, i: number): Frame => {
          return { path: join(folder, 'inputs', file), time: i }
        })
        const answer = await ask(server, [{ frames }, text(turns[0])])
        assert.equal(answer.promptTokens, sequence_length)
        assert.equal(answer.text, tokenizer.decode(greedy_ids))
      }
    } finally {
      await server.close()
    }
  })
})
