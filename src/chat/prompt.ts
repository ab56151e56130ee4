/** Conversation → prompt: rendered text, token ids, and where pictures, clips and sounds go. */
import type { MessageContent, ModelLimits } from '../../models/family.ts'
import { AerieError } from '../errors.ts'
import type { TextsToIds } from '../tokenizer/encoder-thread.ts'
import type { TokenTable } from '../tokenizer/token-table.ts'
import type { ChatMessage, Tool } from './contract.ts'
import { mapTexts, parseExactly, withExactNumbers } from './json-text.ts'
import type { ModelTools } from './model-tools.ts'
import {
  type MediaPrompts,
  type MediumPiece,
  type PromptMedium,
  placeholdersOfOneMore,
  type Slot,
  slotOfEachStretch,
  writeMedia,
} from './prompt-media.ts'
import { longestOpenSuffix } from './stop.ts'
import type { ChatTemplate } from './template.ts'
import { toTemplate } from './template-messages.ts'

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
  readonly tokenizer: TokenTable
  readonly encoder: TextsToIds
  readonly template: ChatTemplate
  /** What comes before every prompt. */
  readonly firstIds: Int32Array
  readonly messageContent: MessageContent
  /** Absent: nothing in the messages is about tools. */
  readonly tools?: ModelTools
  readonly limits: Pick<ModelLimits, 'maxContext'>
}

/**
 * Renders and tokenizes. Special tokens come from the template and the family only: one that a user typed stays plain text,
 * so nobody can forge a turn, a picture or a call. `media` are the messages' pictures, clips and sounds, in order; `told` are the
 * tools that the model may know of, `param` is the field that the messages stand in.
 * Errors: `context_length_exceeded` before any work that grows with the text.
 */
export async function buildPrompt(
  builder: PromptBuilder,
  messages: readonly ChatMessage[],
  media: readonly PromptMedium[],
  told: readonly Tool[] = [],
  param = 'messages',
): Promise<Prompt> {
  const said = writtenTexts(messages, told)
  refuseHopelesslyLong(builder, messages.length, said, param)
  const [mark, numberMark] = unusedMarks(said, param)
  const { tokenizer, messageContent } = builder
  const written = writeMedia(builder, media)
  const slots = written.flatMap((medium) =>
    messageContent === 'parts' ? medium.slots : medium.slots.flatMap(slotOfEachStretch),
  )
  const placeholders = slots.map(({ placeholder }) => placeholder)
  const oneMore = placeholdersOfOneMore(builder, media)
  const usesTools =
    told.length > 0 || messages.some(({ toolCalls, role }) => toolCalls || role === 'tool')
  const guarded = [...placeholders, ...oneMore, ...(usesTools ? builder.tools!.marks : [])]
  const defuse = defuser([...new Set([...tokenizer.specialTokens, ...guarded])], mark)
  const conversation = toTemplate(messages, harmless(told, defuse), {
    form: messageContent,
    media: written.values(),
    defuse,
    parse(text) {
      const value = text.trim() === '' ? {} : parseExactly(text, numberMark)
      return value === undefined ? defuse(text) : mapTexts(value, defuse)
    },
    tools: builder.tools,
  })
  const rendered = withExactNumbers(
    builder.template.render(conversation.messages, conversation.tools, param),
    numberMark,
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

/** Everything that a client wrote. */
function writtenTexts(messages: readonly ChatMessage[], tools: readonly Tool[]): string[] {
  return [
    ...tools.map(({ name, description, parameters }) =>
      JSON.stringify({ name, description, parameters }),
    ),
    ...messages.flatMap((message) => [
      ...(message.name === undefined ? [] : [message.name]),
      ...(message.toolCallId === undefined ? [] : [message.toolCallId]),
      ...(message.toolCalls ?? []).flatMap((call) => [call.id, call.name, call.arguments]),
      ...message.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])),
    ]),
  ]
}

function harmless(tools: readonly Tool[], defuse: (text: string) => string): Tool[] {
  return tools.map((tool) => ({
    ...tool,
    name: defuse(tool.name),
    description: tool.description === undefined ? undefined : defuse(tool.description),
    parameters: mapTexts(tool.parameters, defuse) as Tool['parameters'],
  }))
}

/**
 * A text of more bytes than `maxContext` of the longest tokens cannot fit, nor can more messages than positions, as each
 * takes a mark of its turn at least; no need to tokenize the one or to render the others.
 */
function refuseHopelesslyLong(
  { limits, tokenizer }: PromptBuilder,
  messages: number,
  said: readonly string[],
  param: string,
): void {
  const characters = said.reduce((sum, text) => sum + text.length, 0)
  const isLong = characters > limits.maxContext * tokenizer.maxTokenBytes
  if (!isLong && messages <= limits.maxContext) return
  const what = isLong
    ? `the messages have ${characters} characters`
    : `there are ${messages} messages`
  throw new AerieError(
    'context_length_exceeded',
    `${what}, more than can fit into the model's ${limits.maxContext} positions`,
    { param },
  )
}

/** Unicode noncharacters that occur in none of the texts: where special tokens in user text are cut, and what tells numbers. */
function unusedMarks(said: readonly string[], param: string): [string, string] {
  const marks: string[] = []
  for (let code = 0xfdd0; code <= 0xfdef; code++) {
    const mark = String.fromCharCode(code)
    // In JSON it may be spelt as an escape.
    const escaped = `\\u${code.toString(16)}`
    if (said.some((text) => text.includes(mark) || text.toLowerCase().includes(escaped))) continue
    marks.push(mark)
    if (marks.length === 2) return marks as [string, string]
  }
  throw new AerieError('invalid_request', `${param}: the text uses every Unicode noncharacter`, {
    param,
  })
}

/**
 * Cuts each special token inside a text in two, so that the tokenizer no longer recognises it, and what may be the beginning of
 * one off from what a template writes behind it: the next part of the same message may be the rest.
 */
function defuser(specialTokens: readonly string[], mark: string): (text: string) => string {
  return (text) => {
    let safe = text
    for (const token of specialTokens) {
      if (safe.includes(token)) safe = safe.replaceAll(token, token[0] + mark + token.slice(1))
    }
    return longestOpenSuffix(specialTokens, safe) > 0 ? safe + mark : safe
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
