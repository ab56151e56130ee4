/** Conversation → prompt: rendered text, token ids, and where the pictures go. */
import type { ModelLimits } from '../../models/family.ts'
import { AerieError } from '../errors.ts'
import type { EncoderThread } from '../tokenizer/encoder-thread.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { ChatMessage } from './contract.ts'
import type { ChatTemplate, TemplateMessage } from './template.ts'

/** A prompt before the pictures' features are known: `texts[0] picture[0] texts[1] picture[1] … texts[n]`. */
export interface Prompt {
  /** As rendered, one placeholder a picture. */
  readonly text: string
  /** Ids of the text before, between and after the pictures; one more than there are pictures. */
  readonly texts: readonly Int32Array[]
  readonly textTokens: number
}

/** What a model brings to its prompts. */
export interface PromptBuilder {
  readonly tokenizer: Tokenizer
  readonly encoder: EncoderThread
  readonly template: ChatTemplate
  /** What comes before every prompt. */
  readonly firstIds: Int32Array
  /** The family's placeholder; undefined for text models. */
  readonly imageToken: string | undefined
  readonly limits: Pick<ModelLimits, 'maxContext'>
}

/**
 * Renders and tokenizes. Special tokens come from the template only: one that a user typed stays plain text,
 * so nobody can forge a turn or a picture.
 * Errors: `context_length_exceeded` before any work that grows with the text.
 */
export async function buildPrompt(
  builder: PromptBuilder,
  messages: readonly ChatMessage[],
): Promise<Prompt> {
  refuseHopelesslyLong(builder, messages)
  const mark = splitMark(messages)
  const { imageToken, tokenizer } = builder
  // A family's placeholder need not be a token.
  const placeholder = imageToken === undefined ? [] : [imageToken]
  const defuse = defuser([...new Set([...tokenizer.specialTokens, ...placeholder])], mark)
  const rendered = builder.template.render(messages.map((message) => toTemplate(message, defuse)))
  const pieces = imageToken === undefined ? [rendered] : rendered.split(imageToken)
  const pictures = countPictures(messages)
  if (pieces.length !== pictures + 1) {
    throw new Error(
      `the chat template rendered ${pieces.length - 1} placeholders for ${pictures} pictures`,
    )
  }
  // Each piece is encoded on its own, as the published splitters do (Eagle: mm_utils.tokenizer_image_token).
  const parts = pieces.map((piece) => piece.split(mark))
  const ids = await builder.encoder.encode(parts.flat())
  const texts: Int32Array[] = []
  let next = 0
  for (const part of parts) {
    const first = texts.length === 0 && builder.firstIds.length > 0 ? [builder.firstIds] : []
    texts.push(joinIds([...first, ...ids.slice(next, next + part.length)]))
    next += part.length
  }
  return {
    text: rendered.replaceAll(mark, ''),
    texts,
    textTokens: texts.reduce((sum, text) => sum + text.length, 0),
  }
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

function countPictures(messages: readonly ChatMessage[]): number {
  return messages.reduce(
    (sum, message) => sum + message.content.filter((part) => part.type === 'image').length,
    0,
  )
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
