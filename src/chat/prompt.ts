/** Conversation → prompt: rendered text, token ids, and where pictures, clips and sounds go. */
import type { MessageContent, ModelLimits } from '../../models/family.ts'
import { AerieError } from '../errors.ts'
import type { EncoderThread } from '../tokenizer/encoder-thread.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { ChatMessage, ContentPart } from './contract.ts'
import {
  type MediaPrompts,
  type MediumPiece,
  type PromptMedium,
  placeholdersOfOneMore,
  type Slot,
  slotOfEachStretch,
  type WrittenMedium,
  writeMedia,
} from './prompt-media.ts'
import type { ChatTemplate, TemplateMessage, TemplatePart } from './template.ts'

/** A prompt before the features of its pictures, clips and sounds are known. */
export interface Prompt {
  /** As rendered, one placeholder a picture, or a stretch of it. */
  readonly text: string
  readonly pieces: readonly PromptPiece[]
  readonly textTokens: number
}

export type PromptPiece = { readonly kind: 'tokens'; readonly ids: Int32Array } | MediumPiece

/** What a model brings to its prompts. */
export interface PromptBuilder extends MediaPrompts {
  readonly tokenizer: Tokenizer
  readonly encoder: EncoderThread
  readonly template: ChatTemplate
  /** What comes before every prompt. */
  readonly firstIds: Int32Array
  readonly messageContent: MessageContent
  readonly limits: Pick<ModelLimits, 'maxContext'>
}

/**
 * Renders and tokenizes. Special tokens come from the template and the family only: one that a user typed stays plain text,
 * so nobody can forge a turn or a picture. `media` are the messages' pictures, clips and sounds, in order.
 * Errors: `context_length_exceeded` before any work that grows with the text.
 */
export async function buildPrompt(
  builder: PromptBuilder,
  messages: readonly ChatMessage[],
  media: readonly PromptMedium[],
): Promise<Prompt> {
  refuseHopelesslyLong(builder, messages)
  const mark = splitMark(messages)
  const { tokenizer, messageContent } = builder
  const written = writeMedia(builder, media)
  const slots = written.flatMap((medium) =>
    messageContent === 'parts' ? medium.slots : medium.slots.flatMap(slotOfEachStretch),
  )
  const placeholders = slots.map(({ placeholder }) => placeholder)
  const oneMore = placeholdersOfOneMore(builder, media)
  const defuse = defuser(
    [...new Set([...tokenizer.specialTokens, ...placeholders, ...oneMore])],
    mark,
  )
  const rendered = builder.template.render(
    toTemplate(messages, defuse, messageContent, written.values()),
  )
  const plan = layOut(splitAt(rendered, placeholders, oneMore), slots)
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
function splitAt(
  rendered: string,
  placeholders: readonly string[],
  oneMore: readonly string[],
): string[] {
  const between: string[] = []
  let from = 0
  for (const placeholder of placeholders) {
    const at = rendered.indexOf(placeholder, from)
    if (at < 0) {
      throw new Error(
        `the chat template rendered ${between.length} placeholders for ${placeholders.length} pictures, clips and sounds`,
      )
    }
    between.push(rendered.slice(from, at))
    from = at + placeholder.length
  }
  for (const placeholder of oneMore) {
    if (rendered.includes(placeholder, from)) {
      throw new Error(
        `the chat template rendered ${placeholder} for more than ${placeholders.length} pictures, clips and sounds`,
      )
    }
  }
  return [...between, rendered.slice(from)]
}

/** Texts, each to be tokenized by itself, and stretches of features in turn; begins and ends with a text. */
function layOut(between: readonly string[], slots: readonly Slot[]): (string | MediumPiece)[] {
  const plan: (string | MediumPiece)[] = []
  const add = (texts: readonly string[]) => plan.push(...texts.filter((text) => text !== ''))
  let text = between[0]!
  slots.forEach(({ texts: [first, ...others], stretches }, i) => {
    text += first!
    stretches.forEach(({ piece, before, after }, stretch) => {
      plan.push(text)
      add(before)
      plan.push(piece)
      add(after)
      text = others[stretch]!
    })
    text += between[i + 1]!
  })
  plan.push(text)
  return plan
}

/** The messages as the template wants them; where it wants strings, each medium is written where its part stands. */
function toTemplate(
  messages: readonly ChatMessage[],
  defuse: (text: string) => string,
  form: MessageContent,
  media: Iterator<WrittenMedium>,
): TemplateMessage[] {
  const partsOf = (part: ContentPart): readonly TemplatePart[] => {
    if (part.type === 'text') return [{ type: 'text', text: defuse(part.text) }]
    return (media.next().value as WrittenMedium).parts
  }
  const textOf = (part: ContentPart): string => {
    if (part.type === 'text') return defuse(part.text)
    return (media.next().value as WrittenMedium).slots
      .map(({ isOneText, placeholder, texts }) =>
        isOneText ? placeholder : texts.join(placeholder),
      )
      .join('')
  }
  return messages.map(({ role, name, content }) => {
    const text = () => content.map(textOf).join(form === 'text' ? '\n' : '')
    return {
      // `developer` is OpenAI's newer word for the same thing; published templates know `system`.
      role: role === 'developer' ? 'system' : role,
      ...(name === undefined ? {} : { name: defuse(name) }),
      content:
        form === 'parts' ? content.flatMap(partsOf) : form === 'text' ? text() : stripped(text()),
    }
  })
}

/** What Python's `str.strip` takes away, which is not quite what JavaScript's `trim` does. */
const WHITE_SPACE: ReadonlySet<string> = new Set(
  '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
)

function stripped(text: string): string {
  let [start, end] = [0, text.length]
  while (start < end && WHITE_SPACE.has(text[start]!)) start++
  while (end > start && WHITE_SPACE.has(text[end - 1]!)) end--
  return text.slice(start, end)
}

function texts(messages: readonly ChatMessage[]): string[] {
  return messages.flatMap((message) => [
    ...(message.name === undefined ? [] : [message.name]),
    ...message.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])),
  ])
}

/**
 * A text of more bytes than `maxContext` of the longest tokens cannot fit, nor can more messages than positions, as each
 * takes a mark of its turn at least; no need to tokenize the one or to render the others.
 */
function refuseHopelesslyLong(builder: PromptBuilder, messages: readonly ChatMessage[]): void {
  const { limits, tokenizer } = builder
  const characters = texts(messages).reduce((sum, text) => sum + text.length, 0)
  const isLong = characters > limits.maxContext * tokenizer.maxTokenBytes
  if (!isLong && messages.length <= limits.maxContext) return
  const what = isLong
    ? `the messages have ${characters} characters`
    : `there are ${messages.length} messages`
  throw new AerieError(
    'context_length_exceeded',
    `${what}, more than can fit into the model's ${limits.maxContext} positions`,
    { param: 'messages' },
  )
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
