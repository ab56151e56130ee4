/** Anthropic's requests, already checked against openapi.yaml → the chat room's. The only place that knows both spellings. */
import type {
  ChatRequest,
  RequestMessage,
  ResponseFormat,
  TokenizeRequest,
  Tool,
  ToolChoice,
} from '../../chat/contract.ts'
import type { WireRequests } from '../contract.ts'
import { contradiction, type RequestContext } from '../wire-request.ts'
import { toTexts, toTurns } from './turns.ts'

type WireMessages = WireRequests['MessagesRequest']
type WireCount = WireRequests['CountTokensRequest']
type Context = Omit<RequestContext, 'explain'>

/** Throws `invalid_request` for fields that contradict each other. `explain`: an `explain` event is wanted, which has the prompt's length. */
export function toChatRequest(
  wire: WireMessages,
  { requestId, tenant, isInner, explain }: RequestContext,
): ChatRequest {
  const { aerie } = wire
  const tools = toTools(wire.tools)
  return {
    requestId,
    model: wire.model,
    messages: toMessages(wire),
    sampling: {
      temperature: wire.temperature ?? undefined,
      topP: wire.top_p ?? undefined,
      topK: wire.top_k ?? undefined,
      minP: undefined,
      repetitionPenalty: undefined,
      presencePenalty: undefined,
      frequencyPenalty: undefined,
      logitBias: new Map(),
      seed: undefined,
      topLogprobs: undefined,
    },
    n: 1,
    maxTokens: wire.max_tokens,
    endsWithContext: true,
    minTokens: 0,
    stop: wire.stop_sequences ?? [],
    tools,
    toolChoice: toToolChoice(wire.tool_choice, tools),
    parallelToolCalls: !isOneCall(wire.tool_choice),
    responseFormat: toFormat(wire),
    explain,
    deadlineMs: aerie?.deadline_ms ?? undefined,
    priority: isInner ? 'batch' : (aerie?.priority ?? 'live'),
    tenant,
    cacheKey: undefined,
  }
}

/** Throws as {@link toChatRequest}. */
export function toCountRequest(
  wire: WireCount,
  { requestId, tenant, isInner }: Context,
): TokenizeRequest {
  const tools = toTools(wire.tools)
  const toolChoice = toToolChoice(wire.tool_choice, tools)
  return {
    requestId,
    model: wire.model,
    input: {
      type: 'messages',
      messages: toMessages(wire),
      ...(tools.length > 0 && { tools, toolChoice }),
    },
    returnIds: false,
    returnStrings: false,
    tenant,
    priority: isInner ? 'batch' : 'live',
  }
}

function toMessages({ system, messages }: Pick<WireMessages, 'system' | 'messages'>) {
  const content = system ? toTexts(system, 'system') : []
  const instructions: RequestMessage[] =
    content.length > 0 ? [{ role: 'system', name: undefined, content }] : []
  return [...instructions, ...toTurns(messages)]
}

function toTools(wire: WireMessages['tools']): Tool[] {
  const tools = (wire ?? []).map(({ name, description, input_schema, strict }, i): Tool => {
    const param = `tools[${i}]`
    if (!input_schema)
      throw contradiction(`${param}.input_schema`, 'expected an object, got nothing')
    return {
      name,
      description: description ?? undefined,
      parameters: input_schema as { [keyword: string]: unknown },
      schemaParam: `${param}.input_schema`,
      strict: strict ?? false,
      param,
    }
  })
  for (const [i, { name, param }] of tools.entries()) {
    if (tools.findIndex((other) => other.name === name) === i) continue
    throw contradiction(`${param}.name`, `expected another name than ${name}, which a tool has`)
  }
  return tools
}

function toToolChoice(wire: WireMessages['tool_choice'], tools: readonly Tool[]): ToolChoice {
  if (!wire) return { mode: 'auto' }
  if (wire.type === 'none') return { mode: 'none' }
  if (tools.length === 0 && wire.type !== 'auto')
    throw contradiction('tool_choice', 'expected tools to choose from')
  if (wire.type === 'auto') return { mode: 'auto' }
  if (wire.type === 'any') return { mode: 'required' }
  if (!tools.some(({ name }) => name === wire.name))
    throw contradiction('tool_choice.name', `expected the name of one of tools, got ${wire.name}`)
  return { mode: 'required', only: [wire.name] }
}

function isOneCall(wire: WireMessages['tool_choice']): boolean {
  return wire && wire.type !== 'none' ? (wire.disable_parallel_tool_use ?? false) : false
}

function toFormat({ output_config: config, stop_sequences: stop }: WireMessages): ResponseFormat {
  const format = config?.format
  if (!format) return { type: 'text' }
  if (stop && stop.length > 0)
    throw contradiction('stop_sequences', 'expected none, as the schema says where the answer ends')
  const param = 'output_config.format.schema'
  const schema = format.schema as { [keyword: string]: unknown }
  return { type: 'json-schema', name: 'answer', schema, strict: true, param }
}
