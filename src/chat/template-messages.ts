/** The messages of a conversation as a chat template wants them: their media, and the tools that were called in it. */
import type { MessageContent } from '../../models/family.ts'
import type { ChatMessage, ContentPart, Tool, ToolCall } from './contract.ts'
import { pythonJson } from './json-text.ts'
import type { ModelTools, ToolWriting } from './model-tools.ts'
import type { WrittenMedium } from './prompt-media.ts'
import type { TemplateMessage, TemplatePart } from './template.ts'
import { writeCalls } from './tool-text.ts'

export interface MessageWriter {
  readonly form: MessageContent
  /** What stands for each medium, in their order. */
  readonly media: Iterator<WrittenMedium>
  /** Makes a text of users harmless. */
  readonly defuse: (text: string) => string
  /** A JSON text of users as a value whose texts are harmless, or as a harmless text where it is none. */
  readonly parse: (text: string) => unknown
  /** Undefined where nothing is about tools. */
  readonly tools: ModelTools | undefined
}

export interface TemplateConversation {
  readonly messages: readonly TemplateMessage[]
  /** What the template is told of as its `tools`; undefined: nothing. */
  readonly tools: readonly object[] | undefined
}

/** `tools`: those that the model is told of, in harmless texts. */
export function toTemplate(
  messages: readonly ChatMessage[],
  tools: readonly Tool[],
  writer: MessageWriter,
): TemplateConversation {
  const writing = writer.tools?.writing
  if (!writing) {
    const plain = messages.map((message) => plainMessage(message, writer))
    return { messages: plain, tools: undefined }
  }
  if (writing.by === 'messages') {
    const written = writeIntoMessages(messages, tools, writing.texts, writer)
    return { messages: written, tools: undefined }
  }
  const told = tools.map(toolObject)
  const written = (writing.rules.oneCallAMessage ? oneByOne(messages) : messages).map(
    forTemplate(writing, writer),
  )
  if (told.length === 0) return { messages: written, tools: undefined }
  if (writing.told === 'variable') return { messages: written, tools: told }
  const field = writing.rules.bareFunctions ? told.map((one) => one.function) : told
  return { messages: withSystemField(written, pythonJson(field)), tools: undefined }
}

interface ToldTool {
  readonly type: 'function'
  readonly function: object
}

/** As clients write it, which is what published templates are made for. */
export function toolObject({ name, description, parameters }: Tool): ToldTool {
  return {
    type: 'function',
    function: {
      name,
      ...(description !== undefined && { description }),
      parameters: parameters ?? { type: 'object', properties: {} },
    },
  }
}

/** Each call of a message in one of its own, with its result behind it, which stand in the order of the calls. */
function oneByOne(messages: readonly ChatMessage[]): ChatMessage[] {
  return messages.flatMap((message, i) => {
    const calls = message.toolCalls ?? []
    if (calls.length > 1) {
      const results = messages.slice(i + 1, i + 1 + calls.length)
      return calls.flatMap((call, n) => [
        { ...message, content: n === 0 ? message.content : [], toolCalls: [call] },
        ...results.slice(n, n + 1),
      ])
    }
    const caller = messages.slice(0, i).findLast(({ role }) => role !== 'tool')
    const isTaken = message.role === 'tool' && (caller?.toolCalls?.length ?? 0) > 1
    return isTaken ? [] : [message]
  })
}

function withSystemField(messages: readonly TemplateMessage[], tools: string): TemplateMessage[] {
  const [first, ...others] = messages
  if (first?.role === 'system') return [{ ...first, tools }, ...others]
  return [{ role: 'system', content: '', tools }, ...messages]
}

function forTemplate(
  { writesCalls, rules }: Extract<ToolWriting, { by: 'template' }>,
  writer: MessageWriter,
): (message: ChatMessage) => TemplateMessage {
  const ids = new Map<string, string>()
  const idOf = (id: string) => {
    if (!rules.shortIds) return writer.defuse(id)
    const known = ids.get(id) ?? `call${String(ids.size + 1).padStart(5, '0')}`
    ids.set(id, known)
    return known
  }
  const names = new Map<string, string>()
  return (message) => {
    const { toolCalls = [], toolCallId } = message
    for (const { id, name } of toolCalls) names.set(id, name)
    if (message.role === 'tool') {
      const name = names.get(toolCallId!)
      return {
        role: 'tool',
        ...(name !== undefined && { name: writer.defuse(name) }),
        tool_call_id: idOf(toolCallId!),
        // Templates take a result as one text, whatever they take elsewhere.
        content: message.content.map((part) => textOf(part, writer)).join(''),
      }
    }
    const plain = plainMessage(message, writer)
    if (toolCalls.length === 0) return plain
    if (!writesCalls) return joined(plain, '\n', callText(toolCalls, writer))
    const calls = toolCalls.map(({ id, name, arguments: text }) => ({
      id: idOf(id),
      type: 'function',
      function: { name: writer.defuse(name), arguments: writer.parse(text) },
    }))
    return { ...plain, tool_calls: calls }
  }
}

/** For a template without tools: all of it is text of the system, the assistant and the user. */
function writeIntoMessages(
  messages: readonly ChatMessage[],
  tools: readonly Tool[],
  texts: Extract<ToolWriting, { by: 'messages' }>['texts'],
  writer: MessageWriter,
): TemplateMessage[] {
  const written: TemplateMessage[] = []
  messages.forEach((message, i) => {
    const plain = plainMessage(message, writer)
    if (message.role === 'tool') {
      const { resultBegin, resultEnd } = texts
      const result = joined(
        joined({ role: 'user', content: empty(plain) }, '', resultBegin),
        '',
        plain.content,
      )
      const whole = joined(result, '', resultEnd)
      const before = messages[i - 1]?.role === 'tool' ? written.pop() : undefined
      written.push(before ? joined(before, '\n', whole.content) : whole)
    } else if (message.role === 'user' && messages[i - 1]?.role === 'tool') {
      // Most of these templates want user and assistant in turn.
      written.push(joined(written.pop()!, '\n', plain.content))
    } else if (message.toolCalls && message.toolCalls.length > 0) {
      written.push(joined(plain, '\n', callText(message.toolCalls, writer)))
    } else {
      written.push(plain)
    }
  })
  if (tools.length === 0) return written
  const described = tools.map((tool) => pythonJson(toolObject(tool)))
  const text = texts.before + described.join(texts.between) + texts.after
  const [first, ...others] = written
  if (first?.role === 'system') return [joined(first, '\n\n', text), ...others]
  const content = writer.form === 'parts' ? [{ type: 'text' as const, text }] : text
  return [{ role: 'system', content }, ...written]
}

function callText(calls: readonly ToolCall[], { tools, defuse }: MessageWriter): string {
  const syntax = tools!.calls
  const harmless = calls.map(({ name, arguments: text }) => ({
    name: defuse(name),
    text: text.trim() === '' ? '{}' : defuse(text),
  }))
  return writeCalls(syntax, harmless)
}

type Content = TemplateMessage['content']

function empty({ content }: TemplateMessage): Content {
  return typeof content === 'string' ? '' : []
}

/** `more` behind the content, with `between` where there is any. */
function joined(message: TemplateMessage, between: string, more: Content): TemplateMessage {
  const { content } = message
  const gap = content.length > 0 ? between : ''
  if (typeof content === 'string') return { ...message, content: content + gap + String(more) }
  const parts = typeof more === 'string' ? [{ type: 'text' as const, text: more }] : more
  return { ...message, content: merged([...content, { type: 'text', text: gap }, ...parts]) }
}

/** Texts beside each other as one: templates may put something between parts. */
function merged(parts: readonly TemplatePart[]): TemplatePart[] {
  const result: TemplatePart[] = []
  for (const part of parts) {
    const last = result.at(-1)
    if (part.type !== 'text') result.push(part)
    else if (last?.type === 'text') result.splice(-1, 1, { ...last, text: last.text + part.text })
    else if (part.text !== '') result.push(part)
  }
  return result
}

/** Where the template wants strings, each medium is written where its part stands. */
function plainMessage(message: ChatMessage, writer: MessageWriter): TemplateMessage {
  const { role, name, content } = message
  const { form, defuse } = writer
  return {
    // `developer` is OpenAI's newer word for the same thing; published templates know `system`.
    role: role === 'developer' ? 'system' : role,
    ...(name === undefined ? {} : { name: defuse(name) }),
    content: contentOf(content, writer, form),
  }
}

function contentOf(
  content: readonly ContentPart[],
  writer: MessageWriter,
  form: MessageContent,
): Content {
  if (form === 'parts') return content.flatMap((part) => partsOf(part, writer))
  const texts = content.map((part) => textOf(part, writer))
  return form === 'text' ? texts.join('\n') : stripped(texts.join(''))
}

function partsOf(part: ContentPart, { defuse, media }: MessageWriter): readonly TemplatePart[] {
  if (part.type === 'text') return [{ type: 'text', text: defuse(part.text) }]
  return (media.next().value as WrittenMedium).parts
}

function textOf(part: ContentPart, { defuse, media }: MessageWriter): string {
  if (part.type === 'text') return defuse(part.text)
  return (media.next().value as WrittenMedium).slots
    .map(({ isOneText, placeholder, texts }) => (isOneText ? placeholder : texts.join(placeholder)))
    .join('')
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
