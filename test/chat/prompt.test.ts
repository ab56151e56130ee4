import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import { layoutOf, ONE_TILE, type PictureLayout } from '../../models/tiling/layout.ts'
import type { ChatMessage } from '../../src/chat/contract.ts'
import { buildPrompt, type PromptPiece } from '../../src/chat/prompt.ts'
import type { MediumPiece, PromptMedium } from '../../src/chat/prompt-media.ts'
import { ChatTemplate } from '../../src/chat/template.ts'
import { EncoderThread } from '../../src/tokenizer/encoder-thread.ts'
import { fastest } from '../support/fastest.ts'

const dir = new URL('../../models/starter/', import.meta.url).pathname

const text = (value: string) => ({ type: 'text' as const, text: value, param: 'p' })
const image = { type: 'image' as const, url: 'data:', detail: 'auto' as const, param: 'p' }
/** A row of features for every tile. */
const seen = (...layouts: PictureLayout[]): PromptMedium[] =>
  layouts.map((layout) => ({ kind: 'picture', layout, tokens: layout.tiles }))
const rowsIn = ({ medium, firstRow, rows }: MediumPiece) => `${medium}: ${firstRow}+${rows}`
const idsOf = (piece: PromptPiece | undefined): number[] => {
  assert.equal(piece?.kind, 'tokens')
  return [...piece.ids]
}
const user = (...content: ChatMessage['content']): ChatMessage => ({
  role: 'user',
  name: undefined,
  content,
})

describe('prompt of the starter family', async () => {
  const encoder = await EncoderThread.load(dir)
  const { tokenizer } = encoder
  after(() => encoder.dispose())
  const builder = {
    tokenizer,
    encoder,
    template: await ChatTemplate.load(dir, tokenizer),
    firstIds: new Int32Array(),
    picturePrompt: {
      placeholder: () => '<image>',
      texts: () => ['', ''],
      stretchTexts: { before: '', after: '' },
    },
    messageContent: 'parts' as const,
    limits: { maxContext: 2048 },
  }
  const id = (token: string) => tokenizer.idOf(token)!

  it('puts pictures before the question, whatever their order in the message', async () => {
    const a = await buildPrompt(builder, [user(image, text('what is this?'))], seen(ONE_TILE))
    const b = await buildPrompt(builder, [user(text('what is this?'), image)], seen(ONE_TILE))
    assert.equal(a.text, '<s><image><|user|>what is this?<|assistant|>')
    assert.equal(b.text, a.text)
    const [before, picture, behind] = a.pieces
    assert.equal(a.pieces.length, 3)
    assert.deepEqual(before, { kind: 'tokens', ids: Int32Array.of(id('<s>')) })
    assert.deepEqual(picture, { kind: 'medium', medium: 0, group: 0, firstRow: 0, rows: 1 })
    const ids = idsOf(behind)
    assert.equal(ids[0], id('<|user|>'))
    assert.equal(ids.at(-1), id('<|assistant|>'))
  })

  it('renders turns, a system message and pictures of later turns', async () => {
    const messages: ChatMessage[] = [
      { role: 'developer', name: undefined, content: [text('be brief')] },
      user(image, text('one?')),
      { role: 'assistant', name: undefined, content: [text('yes')] },
      user(text('two?'), image, image),
    ]
    const prompt = await buildPrompt(builder, messages, seen(ONE_TILE, ONE_TILE, ONE_TILE))
    assert.equal(
      prompt.text,
      '<s><image><|system|>be brief<|user|>one?<|assistant|>yes<|end|><image><image><|user|>two?<|assistant|>',
    )
    assert.deepEqual(
      prompt.pieces.map((piece) => (piece.kind === 'medium' ? piece.medium : 'text')),
      ['text', 0, 'text', 1, 'text', 2, 'text'],
    )
    assert.equal(idsOf(prompt.pieces[4]).length, 0)
  })

  it('lets no user forge a turn, a picture or an end', async () => {
    const specials = tokenizer.specialTokens
    const specialIds = new Set(specials.map(id))
    const chunk = fc.oneof(fc.constantFrom(...specials), fc.string({ maxLength: 8 }))
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, { maxLength: 6 }), async (chunks) => {
        const typed = chunks.join('')
        const prompt = await buildPrompt(builder, [user(text(typed))], [])
        assert.equal(prompt.pieces.length, 1)
        const ids = idsOf(prompt.pieces[0])
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
    const ms = await fastest(2000, () =>
      assert.rejects(buildPrompt(builder, [user(text('a'.repeat(30_000_000)))], []), {
        code: 'context_length_exceeded',
        param: 'messages',
      }),
    )
    assert.ok(ms < 2000, `${ms} ms`)
  })

  it('refuses more messages than the model has positions before rendering them', async () => {
    const messages = Array.from({ length: builder.limits.maxContext + 1 }, () => user(text('')))
    const template = {
      render: () => assert.fail('rendered'),
    } as unknown as ChatTemplate
    await assert.rejects(buildPrompt({ ...builder, template }, messages, []), {
      code: 'context_length_exceeded',
      param: 'messages',
    })
  })
})

describe('prompt of a family whose pictures are many tiles', async () => {
  const encoder = await EncoderThread.load(dir)
  const { tokenizer } = encoder
  after(() => encoder.dispose())
  const template = new ChatTemplate(
    "{% for p in messages[0]['content'] %}{% if p['type'] == 'image' %}<image-{{ loop.index }}>{% else %}{{ p['text'] }}{% endif %}{% endfor %}",
    {},
  )
  const grid = layoutOf([
    { rows: 1, columns: 2 },
    { rows: 1, columns: 1 },
  ])
  const builder = {
    tokenizer,
    encoder,
    template,
    firstIds: new Int32Array(),
    picturePrompt: {
      placeholder: (number: number) => `<image-${number}>`,
      texts: ({ tiles }: { tiles: number }, number: number) => [
        `picture ${number}`,
        ...Array.from({ length: tiles }, (_, i) => `tile ${i + 1}`),
      ],
      stretchTexts: { before: '', after: 'end' },
    },
    messageContent: 'parts' as const,
    limits: { maxContext: 2048 },
  }

  it('splits the features where the family writes text between them', async () => {
    const prompt = await buildPrompt(builder, [user(image, image, text('?'))], seen(grid, ONE_TILE))
    assert.deepEqual(
      prompt.pieces.map((piece) =>
        piece.kind === 'medium' ? rowsIn(piece) : tokenizer.decode(piece.ids),
      ),
      [
        ...['picture 1', '0: 0+1', 'end', 'tile 1', '0: 1+1', 'end', 'tile 2', '0: 2+1', 'end'],
        ...['tile 3picture 2', '1: 0+1', 'end', 'tile 1?'],
      ],
    )
  })

  it('is not built where the template writes a picture once too often', async () => {
    const again = new ChatTemplate('<image-1> and <image-2>', {})
    await assert.rejects(
      buildPrompt({ ...builder, template: again }, [user(image)], seen(ONE_TILE)),
      /rendered <image-2> for more than 1 pictures, clips and sounds$/,
    )
  })

  it('takes nothing that a user typed for a picture', async () => {
    const typed = 'see <image-1> and <image-2>'
    const prompt = await buildPrompt(builder, [user(text(typed), image)], seen(ONE_TILE)).catch(
      (error: Error) => error.message,
    )
    // The template numbers parts, not pictures, so that its own placeholder is the second.
    assert.equal(
      prompt,
      'the chat template rendered 0 placeholders for 1 pictures, clips and sounds',
    )
    const fair = await buildPrompt(builder, [user(image, text(typed))], seen(ONE_TILE))
    assert.equal(fair.pieces.filter((piece) => piece.kind === 'medium').length, 1)
    assert.equal(fair.text, `<image-1>${typed}`)
  })
})

describe('prompt of a family whose chat template wants strings', async () => {
  const encoder = await EncoderThread.load(dir)
  const { tokenizer } = encoder
  after(() => encoder.dispose())
  const template = new ChatTemplate(
    "{% for m in messages %}[{{ m['role'] + ':' + m['content'] }}]{% endfor %}",
    {},
  )
  const tiles = layoutOf([{ rows: 1, columns: 2 }])
  const builder = {
    tokenizer,
    encoder,
    template,
    firstIds: new Int32Array(),
    picturePrompt: {
      placeholder: () => '<image>',
      texts: (_layout: unknown, _number: number, pictures: number) =>
        pictures === 1 ? ['', '\n', '\n'] : ['', ''],
      stretchTexts: { before: 'before', after: 'after' },
    },
    messageContent: 'stripped-text' as const,
    limits: { maxContext: 2048 },
  }
  const written = async (messages: ChatMessage[], layouts = [tiles], form = builder) => {
    const prompt = await buildPrompt(form, messages, seen(...layouts))
    const pieces = prompt.pieces.map((piece) =>
      piece.kind === 'medium' ? rowsIn(piece) : tokenizer.decode(piece.ids),
    )
    return { text: prompt.text, pieces }
  }

  it('writes pictures where they stand, each stretch with what surrounds it', async () => {
    const { text: prompt, pieces } = await written([user(text('see '), image, text('?'))])
    assert.equal(prompt, '[user:see <image>\n<image>\n?]')
    assert.deepEqual(pieces, [
      ...['[user:see ', 'before', '0: 0+1', 'after'],
      ...['\n', 'before', '0: 1+1', 'after', '\n?]'],
    ])
  })

  it('takes white space off the ends of the whole message, the pictures’ own text included', async () => {
    const last = await written([user(text('\u00a0 see \x1f'), image)])
    assert.equal(last.text, '[user:see \x1f<image>\n<image>]')
    assert.equal(last.pieces.at(-1), ']')
    const mark = await written([user(text('\ufeff kept '))], [])
    assert.equal(mark.text, '[user:\ufeff kept]')
  })

  it('leaves it there where the family says so', async () => {
    const form = { ...builder, messageContent: 'text' as const } as unknown as typeof builder
    assert.equal((await written([user(text(' a '))], [], form)).text, '[user: a ]')
  })

  it('tells the family how many pictures there are', async () => {
    const { text: prompt } = await written([user(image, image)], [tiles, tiles])
    assert.equal(prompt, '[user:<image><image>]')
  })

  it('takes nothing that a user typed for a picture', async () => {
    const { text: prompt, pieces } = await written([user(text('<image> and '), image)])
    assert.equal(prompt, '[user:<image> and <image>\n<image>]')
    assert.equal(pieces[0], '[user:<image> and ')
    assert.equal(pieces.filter((piece) => /^0: /.test(piece)).length, 2)
  })

  it('strips much white space at once', async () => {
    const spaces = ' '.repeat(20_000)
    const ms = await fastest(2000, async () => {
      await written([user(text(`${spaces}a${spaces}`))], [])
    })
    assert.ok(ms < 2000, `${ms} ms`)
  })
})

describe('participant names', async () => {
  const encoder = await EncoderThread.load(dir)
  const { tokenizer } = encoder
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
      picturePrompt: undefined,
      messageContent: 'parts' as const,
      limits: { maxContext: 99 },
    }
    const message = { role: 'user' as const, name: 'ann', content: [text('hi')] }
    assert.equal((await buildPrompt(builder, [message], [])).text, 'ann: hi')
  })
})
