/** What is checked of the tools of a request before anything is loaded, whichever API it came by; and which of them matter. */
import { AerieError } from '../errors.ts'
import type { ChatMessage, ChatRequest, RequestMessage, Tool } from './contract.ts'

/** Of names, descriptions and schemas of all tools together, in UTF-16 units of JSON. */
const MOST_TOOL_TEXT = 1024 * 1024

type ToolRequest = Pick<ChatRequest, 'tools' | 'toolChoice' | 'messages'>

/** Throws `invalid_request` that names the field, and `request_too_large` for more schemas than any model can read. */
export function checkTools({ tools, toolChoice, messages }: ToolRequest): void {
  const names = new Set<string>()
  let length = 0
  for (const tool of tools) {
    const { name, description, parameters, param } = tool
    if (names.has(name))
      throw invalid(`${param}.name`, `${quoted(name)} is the name of another tool`)
    names.add(name)
    checkObject(tool)
    length += JSON.stringify([name, description, parameters]).length
    if (length > MOST_TOOL_TEXT) {
      const what = `tools: the schemas have more than ${MOST_TOOL_TEXT} characters together`
      throw new AerieError('request_too_large', what, { param: 'tools' })
    }
  }
  const only = toolChoice.mode === 'none' ? undefined : toolChoice.only
  const stranger = only?.find((name) => !names.has(name))
  if (stranger !== undefined) {
    throw invalid('tool_choice', `${quoted(stranger)} is the name of no tool in tools`)
  }
  if (toolChoice.mode === 'required' && tools.length === 0) {
    throw invalid('tool_choice', 'expected tools as well, got none')
  }
  checkTurns(messages)
}

/** Arguments have names: a schema of anything but an object could be told to a model and kept by none. */
function checkObject({ parameters, param, schemaParam = `${param}.parameters` }: Tool): void {
  const type = typeof parameters === 'object' ? parameters['type'] : undefined
  if (type === undefined || [type].flat().includes('object')) return
  throw invalid(`${schemaParam}.type`, `expected "object", got ${quoted(type)}`)
}

/** As OpenAI has it: results stand right behind the message whose calls they are of, one for each. */
function checkTurns(messages: readonly RequestMessage[]): void {
  let open = new Map<string, string>()
  let answered = new Set<string>()
  const requireNone = () => {
    for (const [id, param] of open) {
      throw invalid(param, `expected the result of ${quoted(id)} behind it`)
    }
  }
  messages.forEach(({ role, toolCalls = [], toolCallId, toolCallParam }, i) => {
    const param = toolCallParam ?? `messages[${i}].tool_call_id`
    if (role === 'tool') {
      const id = toolCallId ?? ''
      if (open.delete(id)) {
        answered.add(id)
        return
      }
      if (answered.has(id)) throw invalid(param, `there is a result of ${quoted(id)} already`)
      const what = 'is the id of no call in the assistant message before'
      throw invalid(param, `${quoted(id)} ${what}`)
    }
    requireNone()
    open = new Map()
    answered = new Set()
    for (const call of toolCalls) {
      if (open.has(call.id)) {
        throw invalid(
          call.idParam ?? `${call.param}.id`,
          `${quoted(call.id)} is the id of another call`,
        )
      }
      open.set(call.id, call.param)
    }
  })
  requireNone()
}

/** Results in the order of their calls: most formats tell them apart by nothing else. */
export function inCallOrder<Message extends ChatMessage | RequestMessage>(
  messages: readonly Message[],
): readonly Message[] {
  if (messages.every(({ role }) => role !== 'tool')) return messages
  const ordered: Message[] = []
  let places = new Map<string, number>()
  let first = 0
  for (const message of messages) {
    if (message.role === 'tool') {
      ordered[first + places.get(message.toolCallId!)!] = message
      continue
    }
    places = new Map(message.toolCalls?.map(({ id }, i) => [id, i]))
    ordered.push(message)
    first = ordered.length
    ordered.length += places.size
  }
  return ordered
}

/** Those that the model is told of. */
export function toldTools({ tools, toolChoice }: Pick<ToolRequest, 'tools' | 'toolChoice'>) {
  return toolChoice.mode === 'none' ? [] : tools
}

/** Those that it may call. */
export function callableTools(request: Pick<ToolRequest, 'tools' | 'toolChoice'>): readonly Tool[] {
  const { toolChoice } = request
  const told = toldTools(request)
  const only = toolChoice.mode === 'none' ? undefined : toolChoice.only
  return only ? told.filter(({ name }) => only.includes(name)) : told
}

function quoted(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

function invalid(param: string, what: string): AerieError {
  return new AerieError('invalid_request', `${param}: ${what}`, { param })
}
