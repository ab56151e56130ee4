/** Anthropic's turns and their blocks → messages and their parts. */
import type { FilePart, RequestMessage, ToolCall } from '../../chat/contract.ts'
import type { WireRequests } from '../contract.ts'
import { contradiction } from '../wire-request.ts'

type Turn = WireRequests['MessagesRequest']['messages'][number]
type UserContent = Extract<Turn, { role: 'user' }>['content']
type UserBlock = Exclude<UserContent, string>[number]
type AssistantContent = Extract<Turn, { role: 'assistant' }>['content']
type SystemContent = Extract<Turn, { role: 'system' }>['content']
type Result = Extract<UserBlock, { type: 'tool_result' }>
type Picture = Extract<UserBlock, { type: 'image' }>
type Document = Extract<UserBlock, { type: 'document' }>
type Part = RequestMessage['content'][number]

/** What the model reads in front of the content of a tool that failed; messages have no mark for that. */
const FAILED = 'Error:'

/**
 * Turns of one role in a row become one, as Anthropic has it, and results of tools messages of their own. Throws `invalid_request` where
 * the last turn is not the user's: an answer that is begun cannot be continued here.
 */
export function toTurns(turns: readonly Turn[]): RequestMessage[] {
  const last = turns.at(-1)!
  if (last.role !== 'user') {
    const what = `expected user in the last turn, got ${last.role}; an answer that is begun cannot be continued`
    throw contradiction(`messages[${turns.length - 1}].role`, what)
  }
  const messages: RequestMessage[] = []
  for (const [i, turn] of turns.entries()) {
    const param = `messages[${i}].content`
    const more =
      turn.role === 'user'
        ? fromUser(turn.content, param)
        : turn.role === 'assistant'
          ? [fromAssistant(turn.content, param)]
          : [{ role: turn.role, name: undefined, content: toTexts(turn.content, param) }]
    for (const message of more) add(messages, message)
  }
  return messages
}

/** System prompts and turns. */
export function toTexts(content: SystemContent, param: string): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [toText(content, param)]
  return content.map(({ text }, i) => toText(text, `${param}[${i}].text`))
}

function add(messages: RequestMessage[], message: RequestMessage): void {
  const before = messages.at(-1)
  if (before?.role !== message.role || message.role === 'tool') {
    messages.push(message)
    return
  }
  const calls = [...(before.toolCalls ?? []), ...(message.toolCalls ?? [])]
  messages[messages.length - 1] = {
    ...before,
    content: [...before.content, ...message.content],
    ...(calls.length > 0 && { toolCalls: calls }),
  }
}

function fromUser(content: UserContent, param: string): RequestMessage[] {
  const role = 'user' as const
  const name = undefined
  if (typeof content === 'string') return [{ role, name, content: [toText(content, param)] }]
  return content.map((block, i): RequestMessage => {
    const path = `${param}[${i}]`
    return block.type === 'tool_result'
      ? fromResult(block, path)
      : { role, name, content: toParts(block, path) }
  })
}

function fromResult(block: Result, param: string): RequestMessage {
  const { content, is_error: isError, tool_use_id: toolCallId } = block
  const path = `${param}.content`
  const parts =
    typeof content === 'string'
      ? [toText(content, path)]
      : (content ?? []).flatMap((part, i) => toParts(part, `${path}[${i}]`))
  return {
    ...{ role: 'tool', name: undefined, toolCallId, toolCallParam: `${param}.tool_use_id` },
    content: isError ? [toText(FAILED, `${param}.is_error`), ...parts] : parts,
  }
}

function fromAssistant(content: AssistantContent, param: string): RequestMessage {
  const message = { role: 'assistant' as const, name: undefined }
  if (typeof content === 'string') return { ...message, content: [toText(content, param)] }
  const parts: Part[] = []
  const calls: ToolCall[] = []
  for (const [i, block] of content.entries()) {
    const path = `${param}[${i}]`
    if (block.type === 'text') parts.push(toText(block.text, `${path}.text`))
    else if (block.type === 'tool_use') {
      const { id, name, input } = block
      calls.push({ id, name, arguments: JSON.stringify(input), param: path })
    } else if (block.type !== 'thinking' && block.type !== 'redacted_thinking')
      throw unreachable(block.type)
    // What another model thought is left out, as Anthropic itself leaves out what was thought in earlier turns.
  }
  return { ...message, content: parts, ...(calls.length > 0 && { toolCalls: calls }) }
}

type AnyBlock = UserBlock | Exclude<NonNullable<Result['content']>, string>[number]

/** The contract has refused every block that is not converted here. */
function toParts(block: AnyBlock, param: string): Part[] {
  switch (block.type) {
    case 'text':
      return [toText(block.text, `${param}.text`)]
    case 'image':
      return [toPicture(block, `${param}.source`)]
    case 'document':
      return toDocument(block, param)
    default:
      throw unreachable(block.type)
  }
}

function toPicture({ source }: Picture, param: string): Part {
  const detail = 'auto'
  switch (source.type) {
    case 'base64': {
      const url = `data:${source.media_type};base64,${source.data}`
      return { type: 'image', url, detail, param: `${param}.data` }
    }
    case 'url':
      return { type: 'image', url: source.url, detail, param: `${param}.url` }
    case 'file':
      return { type: 'file', file: { id: source.file_id }, param }
  }
}

function toDocument(block: Document, param: string): Part[] {
  const { title, context } = block
  const about = context ? [toText(context, `${param}.context`)] : []
  return [...about, ...toSource(block, `${param}.source`, title ?? undefined)]
}

function toSource({ source }: Document, param: string, filename: string | undefined): Part[] {
  switch (source.type) {
    case 'base64':
      return [
        toFile(`data:application/pdf;base64,${source.data}`, filename ?? 'document.pdf', param),
      ]
    case 'url': {
      const { url } = source
      return [{ type: 'file', file: { url, filename, param: `${param}.url` }, param }]
    }
    case 'text': {
      const data = Buffer.from(source.data).toString('base64')
      return [toFile(`data:text/plain;base64,${data}`, filename ?? 'document.txt', param)]
    }
    case 'file':
      return [{ type: 'file', file: { id: source.file_id }, param }]
    case 'content': {
      const path = `${param}.content`
      const name = filename === undefined ? [] : [toText(filename, path)]
      if (typeof source.content === 'string') return [...name, toText(source.content, path)]
      return [...name, ...source.content.flatMap((part, i) => toParts(part, `${path}[${i}]`))]
    }
  }
}

function toFile(data: string, filename: string, param: string): FilePart {
  return { type: 'file', file: { data, filename, param: `${param}.data` }, param }
}

function toText(text: string, param: string): Part {
  return { type: 'text', text, param }
}

function unreachable(what: string): Error {
  return new Error(`the contract let ${what} through`)
}
