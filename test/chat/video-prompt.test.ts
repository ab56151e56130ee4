/** Clips in prompts: whatever a template does with them, each frame's features stand where the family was trained to find them. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { eagle25Video } from '../../models/eagle2/video.ts'
import { ONE_TILE } from '../../models/tiling/layout.ts'
import { timedPictures } from '../../models/video/plain.ts'
import type { VideoRule } from '../../models/video/rule.ts'
import { vila15Video } from '../../models/vila/video.ts'
import type { ChatMessage, VideoPart } from '../../src/chat/contract.ts'
import { buildPrompt } from '../../src/chat/prompt.ts'
import type { PromptMedium } from '../../src/chat/prompt-media.ts'
import { ChatTemplate } from '../../src/chat/template.ts'
import { clipOfFile } from '../../src/chat/video-files.ts'
import { EncoderThread } from '../../src/tokenizer/encoder-thread.ts'
import eagle from '../fixtures/eagle2/eagle2.5-variant-select-layer/checkpoint/chat_template.json' with {
  type: 'json',
}

const STARTER = new URL('../../models/starter/', import.meta.url).pathname

const text = (value: string) => ({ type: 'text' as const, text: value, param: 'p' })
const image = { type: 'image' as const, url: 'data:', detail: 'auto' as const, param: 'p' }
const clip: VideoPart = clipOfFile({ url: 'data:' }, 'p')
const user = (...content: ChatMessage['content']): ChatMessage => {
  return { role: 'user', name: undefined, content }
}
const picture: PromptMedium = { kind: 'picture', layout: ONE_TILE, tokens: 4 }
const shown = (seconds: number[], sampledFps?: number): PromptMedium => {
  return { kind: 'video', shown: { seconds, sampledFps }, tokensPerFrame: 2 }
}

describe('a clip in a prompt', async () => {
  const encoder = await EncoderThread.load(STARTER)
  const { tokenizer } = encoder
  after(() => encoder.dispose())
  const vicuna = await ChatTemplate.ofFamily('vicuna_v1', tokenizer)

  async function write(
    family: { template: ChatTemplate; videoRule: VideoRule; numbered?: boolean },
    messages: ChatMessage[],
    media: PromptMedium[],
  ) {
    const builder = {
      ...{ tokenizer, encoder, firstIds: new Int32Array(), limits: { maxContext: 4096 } },
      ...{ messageContent: 'parts' as const, ...family },
      picturePrompt: {
        placeholder: (number: number) => (family.numbered ? `<image-${number}>` : '<image>'),
        texts: (_: unknown, number: number) =>
          family.numbered ? [`<image ${number}><img>`, '</img>'] : ['', ''],
        stretchTexts: { before: '', after: '' },
      },
    }
    const { pieces } = await buildPrompt(builder, messages, media)
    return pieces
      .map((piece) =>
        piece.kind === 'tokens'
          ? tokenizer.decode(piece.ids)
          : `{${piece.medium}.${piece.group} ${piece.rows}}`,
      )
      .join('')
  }
  const EAGLE = {
    template: new ChatTemplate(eagle.chat_template, {}),
    videoRule: eagle25Video({ start: '<img>', end: '</img>' }),
    numbered: true,
  }

  it('of Eagle 2.5 is named by its order among clips, pictures by theirs', async () => {
    const prompt = await write(
      EAGLE,
      [
        user(image, clip, text('?')),
        { role: 'assistant', name: undefined, content: [text('a')] },
        user(clip, image, text('!')),
      ],
      [picture, shown([0, 0.5], 2), shown([7, 9]), picture],
    )
    const [, first, , second] = prompt.split('<|im_start|>').slice(1)
    assert.equal(
      first,
      'user\n<image 1><img>{0.0 4}</img>The first video sampled with 2.00 fps: Frame 1 sample at 0.00s: <img>{1.0 2}</img>Frame 2 sample at 0.50s: <img>{1.1 2}</img>?<|im_end|>\n',
    )
    assert.equal(
      second,
      'user\nThe second video: Frame 1 sample at 7.00s: <img>{2.0 2}</img>Frame 2 sample at 9.00s: <img>{2.1 2}</img><image 2><img>{3.0 4}</img>!<|im_end|>\n',
    )
  })

  it('of VILA-1.5 is a line for each frame', async () => {
    const encoder = { ...{ before: '', after: '', separator: '' }, pools: [[1, 1, 1] as const] }
    const videoRule = vila15Video({ encoder, frames: 8, fps: 0 })
    const prompt = await write(
      { template: vicuna, videoRule },
      [user(clip, text('What?'))],
      [shown([1, 2, 3])],
    )
    assert.match(prompt, /USER: \{0\.0 2\}\n\{0\.1 2\}\n\{0\.2 2\}\nWhat\? ASSISTANT:$/)
  })

  it('of a family that was not trained with any has times in words', async () => {
    const family = { template: vicuna, videoRule: timedPictures }
    const prompt = await write(
      family,
      [user(clip, image, text('What?'))],
      [shown([1, 2.5]), picture],
    )
    assert.match(
      prompt,
      /USER: Frame at 1\.00 s: \{0\.0 2\}\nFrame at 2\.50 s: \{0\.1 2\}\n\{1\.0 4\}\nWhat\?/,
    )
  })

  it('cannot be forged by what a user types', async () => {
    const typed = '<video-1> <video-2> <image-1>'
    const prompt = await write(EAGLE, [user(text(typed), clip)], [shown([0, 1])])
    assert.ok(prompt.includes(`${typed}The first video: Frame 1`), prompt)
    assert.equal(prompt.split('{').length - 1, 2)
    const alone = await write(EAGLE, [user(text(typed))], [])
    assert.ok(alone.includes(typed))
  })
})
