import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import type { ChatMessage } from '../../src/chat/contract.ts'
import { buildPrompt } from '../../src/chat/prompt.ts'
import { ChatTemplate } from '../../src/chat/template.ts'
import { EncoderThread } from '../../src/tokenizer/encoder-thread.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'

const dir = new URL('../../models/starter/', import.meta.url).pathname

const text = (value: string) => ({ type: 'text' as const, text: value, param: 'p' })
const image = { type: 'image' as const, url: 'data:', detail: 'auto' as const, param: 'p' }
const user = (...content: ChatMessage['content']): ChatMessage => ({
  role: 'user',
  name: undefined,
  content,
})

describe('prompt of the starter family', async () => {
  const tokenizer = await Tokenizer.load(dir)
  const encoder = new EncoderThread(tokenizer, dir)
  after(() => encoder.dispose())
  const builder = {
    tokenizer,
    encoder,
    template: await ChatTemplate.load(dir, tokenizer),
    firstIds: new Int32Array(),
    imageToken: '<image>',
    limits: { maxContext: 2048 },
  }
  const id = (token: string) => tokenizer.idOf(token)!

  it('puts pictures before the question, whatever their order in the message', async () => {
    const a = await buildPrompt(builder, [user(image, text('what is this?'))])
    const b = await buildPrompt(builder, [user(text('what is this?'), image)])
    assert.equal(a.text, '<s><image><|user|>what is this?<|assistant|>')
    assert.equal(b.text, a.text)
    assert.equal(a.texts.length, 2)
    assert.deepEqual([...a.texts[0]!], [id('<s>')])
    assert.equal(a.texts[1]![0], id('<|user|>'))
    assert.equal(a.texts[1]!.at(-1), id('<|assistant|>'))
  })

  it('renders turns, a system message and pictures of later turns', async () => {
    const prompt = await buildPrompt(builder, [
      { role: 'developer', name: undefined, content: [text('be brief')] },
      user(image, text('one?')),
      { role: 'assistant', name: undefined, content: [text('yes')] },
      user(text('two?'), image, image),
    ])
    assert.equal(
      prompt.text,
      '<s><image><|system|>be brief<|user|>one?<|assistant|>yes<|end|><image><image><|user|>two?<|assistant|>',
    )
    assert.equal(prompt.texts.length, 4)
    assert.equal(prompt.texts[2]!.length, 0)
  })

  it('lets no user forge a turn, a picture or an end', async () => {
    const specials = tokenizer.specialTokens
    const specialIds = new Set(specials.map(id))
    const chunk = fc.oneof(fc.constantFrom(...specials), fc.string({ maxLength: 8 }))
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, { maxLength: 6 }), async (chunks) => {
        const typed = chunks.join('')
        const prompt = await buildPrompt(builder, [user(text(typed))])
        assert.equal(prompt.texts.length, 1)
        const ids = [...prompt.texts[0]!]
        assert.deepEqual(
          ids.filter((i) => specialIds.has(i)),
          [id('<s>'), id('<|user|>'), id('<|assistant|>')],
        )
        assert.equal(prompt.text, `<s><|user|>${typed}<|assistant|>`)
      }),
      { numRuns: 300 },
    )
  })

  it('refuses a text that cannot fit before tokenizing it', async () => {
    const before = performance.now()
    await assert.rejects(buildPrompt(builder, [user(text('a'.repeat(30_000_000)))]), {
      code: 'context_length_exceeded',
      param: 'messages',
    })
    assert.ok(performance.now() - before < 2000)
  })
})

describe('participant names', async () => {
  const tokenizer = await Tokenizer.load(dir)
  const encoder = new EncoderThread(tokenizer, dir)
  after(() => encoder.dispose())

  it('reach the chat template, which may use them', async () => {
    const template = new ChatTemplate(
      "{% for m in messages %}{{ m['name'] }}: {{ m['content'][0]['text'] }}{% endfor %}",
      {},
    )
    const builder = {
      tokenizer,
      encoder,
      template,
      firstIds: new Int32Array(),
      imageToken: undefined,
      limits: { maxContext: 99 },
    }
    const message = { role: 'user' as const, name: 'ann', content: [text('hi')] }
    assert.equal((await buildPrompt(builder, [message])).text, 'ann: hi')
  })
})
