/** Conversation → prompt: rendered text, token ids, and where the pictures go. */
import type { ModelLimits } from '../../models/family.ts'
import type { PicturePrompt } from '../../models/load-config.ts'
import type { PictureLayout } from '../../models/tiling/layout.ts'
import { AerieError } from '../errors.ts'
import type { EncoderThread } from '../tokenizer/encoder-thread.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { ChatMessage } from './contract.ts'
import type { ChatTemplate, TemplateMessage } from './template.ts'

/** A prompt before the pictures' features are known. */
export interface Prompt {
  /** As rendered, one placeholder a picture. */
  readonly text: string
  readonly pieces: readonly PromptPiece[]
  readonly textTokens: number
}

export type PromptPiece =
  | { readonly kind: 'tokens'; readonly ids: Int32Array }
  /** Part `stretch` of `stretches` equal parts of a picture's features; pictures count from 0. */
  | {
      readonly kind: 'picture'
      readonly picture: number
      readonly stretch: number
      readonly stretches: number
    }

/** What a model brings to its prompts. */
export interface PromptBuilder {
  readonly tokenizer: Tokenizer
  readonly encoder: EncoderThread
  readonly template: ChatTemplate
  /** What comes before every prompt. */
  readonly firstIds: Int32Array
  /** Undefined for text models. */
  readonly picturePrompt: PicturePrompt | undefined
  readonly limits: Pick<ModelLimits, 'maxContext'>
}

/**
 * Renders and tokenizes. Special tokens come from the template and the family only: one that a user typed stays plain text,
 * so nobody can forge a turn or a picture. `layouts` are those of the messages' pictures, in order.
 * Errors: `context_length_exceeded` before any work that grows with the text.
 */
export async function buildPrompt(
  builder: PromptBuilder,
  messages: readonly ChatMessage[],
  layouts: readonly PictureLayout[],
): Promise<Prompt> {
  refuseHopelesslyLong(builder, messages)
  const mark = splitMark(messages)
  const { picturePrompt, tokenizer } = builder
  // A family's placeholder need not be a token.
  const placeholders = layouts.map((_, i) => picturePrompt!.placeholder(i + 1))
  const oneMore = picturePrompt ? [picturePrompt.placeholder(layouts.length + 1)] : []
  const forbidden = new Set([...tokenizer.specialTokens, ...placeholders, ...oneMore])
  const defuse = defuser([...forbidden], mark)
  const rendered = builder.template.render(messages.map((message) => toTemplate(message, defuse)))
  const between = splitAtPlaceholders(rendered, placeholders, oneMore)
  const plan = layOut(between, layouts, picturePrompt)
  // Each piece is encoded on its own, as the published splitters do (Eagle: mm_utils.tokenizer_image_token).
  const texts = plan.flatMap((piece) => (typeof piece === 'string' ? piece.split(mark) : []))
  const encoded = await builder.encoder.encode(texts)
  let next = 0
  const pieces = plan.map((piece, i): PromptPiece => {
    if (typeof piece !== 'string') return piece
    const parts = encoded.slice(next, next + piece.split(mark).length)
    next += parts.length
    return { kind: 'tokens', ids: joinIds(i === 0 ? [builder.firstIds, ...parts] : parts) }
  })
  return {
    text: rendered.replaceAll(mark, ''),
    pieces,
    textTokens: pieces.reduce(
      (n, piece) => n + (piece.kind === 'tokens' ? piece.ids.length : 0),
      0,
    ),
  }
}

/** The text before, between and behind the placeholders, which must stand there in their order and no more often. */
function splitAtPlaceholders(
  rendered: string,
  placeholders: readonly string[],
  oneMore: readonly string[],
): string[] {
  const between: string[] = []
  let rest = rendered
  for (const placeholder of placeholders) {
    const at = rest.indexOf(placeholder)
    if (at < 0) {
      throw new Error(
        `the chat template rendered ${between.length} placeholders for ${placeholders.length} pictures`,
      )
    }
    between.push(rest.slice(0, at))
    rest = rest.slice(at + placeholder.length)
  }
  for (const placeholder of oneMore) {
    if (rest.includes(placeholder)) {
      throw new Error(
        `the chat template rendered ${placeholder} for more than ${placeholders.length} pictures`,
      )
    }
  }
  return [...between, rest]
}

type PicturePiece = Extract<PromptPiece, { kind: 'picture' }>

/** Texts, each to be tokenized by itself, and stretches of features in turn; begins and ends with a text. */
function layOut(
  between: readonly string[],
  layouts: readonly PictureLayout[],
  picturePrompt: PicturePrompt | undefined,
): (string | PicturePiece)[] {
  const plan: (string | PicturePiece)[] = []
  let text = between[0]!
  layouts.forEach((layout, picture) => {
    const [first, ...others] = picturePrompt!.texts(layout, picture + 1)
    text += first!
    others.forEach((next, stretch) => {
      plan.push(text, { kind: 'picture', picture, stretch, stretches: others.length })
      const { stretchEnd } = picturePrompt!
      if (stretchEnd !== '') plan.push(stretchEnd)
      text = next
    })
    text += between[picture + 1]!
  })
  return [...plan, text]
}

function toTemplate(message: ChatMessage, defuse: (text: string) => string): TemplateMessage {
  return {
    // `developer` is OpenAI's newer word for the same thing; published templates know `system`.
    role: message.role === 'developer' ? 'system' : message.role,
    ...(message.name === undefined ? {} : { name: defuse(message.name) }),
    content: message.content.map((part) =>
      part.type === 'image' ? { type: 'image' } : { type: 'text', text: defuse(part.text) },
    ),
  }
}

function texts(messages: readonly ChatMessage[]): string[] {
  return messages.flatMap((message) => [
    ...(message.name === undefined ? [] : [message.name]),
    ...message.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])),
  ])
}

/** A text of more bytes than `maxContext` of the longest tokens cannot fit; no need to tokenize it. */
function refuseHopelesslyLong(builder: PromptBuilder, messages: readonly ChatMessage[]): void {
  const characters = texts(messages).reduce((sum, text) => sum + text.length, 0)
  if (characters > builder.limits.maxContext * builder.tokenizer.maxTokenBytes) {
    throw new AerieError(
      'context_length_exceeded',
      `the messages have ${characters} characters, more than can fit into the model's ${builder.limits.maxContext} positions`,
      { param: 'messages' },
    )
  }
}

/** A Unicode noncharacter that occurs in none of the texts: where special tokens in user text are cut. */
function splitMark(messages: readonly ChatMessage[]): string {
  const all = texts(messages)
  for (let code = 0xfdd0; code <= 0xfdef; code++) {
    const mark = String.fromCharCode(code)
    if (!all.some((text) => text.includes(mark))) return mark
  }
  throw new AerieError('invalid_request', 'messages: the text uses every Unicode noncharacter', {
    param: 'messages',
  })
}

/** Cuts each special token inside a text in two, so that the tokenizer no longer recognises it. */
function defuser(specialTokens: readonly string[], mark: string): (text: string) => string {
  return (text) => {
    let safe = text
    for (const token of specialTokens) {
      if (safe.includes(token)) safe = safe.replaceAll(token, token[0] + mark + token.slice(1))
    }
    return safe
  }
}

function joinIds(arrays: readonly Int32Array[]): Int32Array {
  if (arrays.length === 1) return arrays[0]!
  const joined = new Int32Array(arrays.reduce((sum, array) => sum + array.length, 0))
  let at = 0
  for (const array of arrays) {
    joined.set(array, at)
    at += array.length
  }
  return joined
}
