/** A checked request for a response → what the chat room is asked, and the response as it is before anything is generated. */
import type { ChatRequest, ResponseFormat, Tool, ToolChoice } from '../../chat/contract.ts'
import { AerieError } from '../../errors.ts'
import type { WireRequests } from '../contract.ts'
import type { RequestContext } from '../wire-request.ts'
import type { ResponseObject } from './builder.ts'

export type WireCreate = WireRequests['ResponseCreateRequest']

/** One response to generate. */
export interface ResponsePlan {
  readonly id: string
  readonly tenant: string
  readonly isStored: boolean
  readonly isBackground: boolean
  readonly isStream: boolean
  /** The oldest items may be left out where not all fit. */
  readonly mayTruncate: boolean
  readonly previousId: string | undefined
  /** All but the messages, and the instructions that come before them. */
  readonly chat: Omit<ChatRequest, 'messages'>
  readonly instructions: string | undefined
  readonly response: ResponseObject
}

export interface PlanContext extends RequestContext {
  readonly id: string
  /** Unix seconds. */
  readonly createdAt: number
  /** Whether this server stores responses. */
  readonly canStore: boolean
}

/** Throws `invalid_request` for fields that contradict each other, `unsupported_parameter` for storing where nothing is stored. */
export function toPlan(wire: WireCreate, context: PlanContext): ResponsePlan {
  const { id, tenant, canStore } = context
  const isStream = wire.stream ?? false
  const isBackground = wire.background ?? false
  const needsStore = wire.store ? 'store' : isBackground ? 'background' : undefined
  if (needsStore !== undefined && !canStore) {
    const what = `${needsStore}: this server stores no responses (maxResponsesBytes is 0)`
    throw new AerieError('unsupported_parameter', what, { param: needsStore })
  }
  // A batch has its answers in its file.
  const isStored = wire.store ?? (canStore && !context.isInner)
  if (isBackground && !isStored) {
    throw invalid('background', 'expected store to be true as well, so that the response is found')
  }
  if (wire.stream_options && !isStream) {
    throw invalid('stream_options', 'expected stream to be true as well')
  }
  const chat = toChat(wire, context)
  return {
    ...{ id, tenant, isStored, isBackground, isStream, chat },
    mayTruncate: wire.truncation === 'auto',
    previousId: wire.previous_response_id ?? undefined,
    instructions: wire.instructions ?? undefined,
    response: toResponse(wire, chat, { ...context, isStored, isBackground }),
  }
}

/** Of a request to count as well. */
export function toTools(
  wire: Pick<WireCreate, 'tools' | 'tool_choice' | 'parallel_tool_calls' | 'text'>,
): Pick<ChatRequest, 'tools' | 'toolChoice' | 'parallelToolCalls' | 'responseFormat'> {
  const tools = (wire.tools ?? []).map(toTool)
  return {
    tools,
    toolChoice: toToolChoice(servedChoice(wire.tool_choice ?? 'auto'), tools),
    parallelToolCalls: wire.parallel_tool_calls ?? true,
    responseFormat: toFormat(wire.text?.format ?? { type: 'text' }),
  }
}

/** All but the messages. */
export function toChat(wire: WireCreate, context: RequestContext): ResponsePlan['chat'] {
  const { requestId, tenant, explain, isInner } = context
  const top = wire.top_logprobs ?? 0
  const wantsLogprobs = top > 0 || (wire.include ?? []).includes('message.output_text.logprobs')
  return {
    requestId,
    model: wire.model,
    sampling: {
      temperature: wire.temperature ?? undefined,
      topP: wire.top_p ?? undefined,
      // vLLM writes "all" as -1 too
      topK: typeof wire.top_k === 'number' ? Math.max(0, wire.top_k) : undefined,
      minP: wire.min_p ?? undefined,
      repetitionPenalty: wire.repetition_penalty ?? undefined,
      presencePenalty: wire.presence_penalty ?? undefined,
      frequencyPenalty: wire.frequency_penalty ?? undefined,
      logitBias: new Map(),
      seed: wire.seed ?? undefined,
      topLogprobs: wantsLogprobs ? top : undefined,
    },
    n: 1,
    maxTokens: wire.max_output_tokens ?? undefined,
    minTokens: 0,
    stop: [],
    ...toTools(wire),
    explain: explain || (wire.aerie?.explain ?? false),
    deadlineMs: wire.aerie?.deadline_ms ?? undefined,
    priority: isInner ? 'batch' : priorityOf(wire),
    tenant,
    cacheKey: wire.prompt_cache_key ?? undefined,
  }
}

function priorityOf(wire: WireCreate): ChatRequest['priority'] {
  return wire.aerie?.priority ?? (wire.service_tier === 'flex' ? 'batch' : 'live')
}

function toTool(wire: NonNullable<WireCreate['tools']>[number], i: number): Tool {
  if (wire.type !== 'function') throw new Error(`the contract let a tool ${wire.type} through`)
  return {
    name: wire.name,
    description: wire.description ?? undefined,
    parameters: (wire.parameters as Tool['parameters'] | null) ?? undefined,
    strict: wire.strict ?? true,
    param: `tools[${i}]`,
  }
}

type WireChoice = NonNullable<WireCreate['tool_choice']>

/** The contract refuses those of tools that OpenAI runs. */
function servedChoice(wire: WireChoice): ResponseObject['tool_choice'] {
  if (typeof wire === 'string' || wire.type === 'function' || wire.type === 'allowed_tools')
    return wire
  throw new Error(`the contract let a choice of ${wire.type} through`)
}

function toToolChoice(wire: ResponseObject['tool_choice'], tools: readonly Tool[]): ToolChoice {
  if (wire === 'none') return { mode: 'none' }
  const mayNotBeEmpty = (mode: 'auto' | 'required') => {
    if (mode === 'required' && tools.length === 0) {
      throw invalid('tool_choice', 'expected tools beside it, of which one is called, got none')
    }
    return mode
  }
  if (typeof wire === 'string') return { mode: mayNotBeEmpty(wire) }
  const known = (name: string, param: string) => {
    if (tools.some((tool) => tool.name === name)) return name
    throw invalid(param, `expected the name of one of tools, got ${JSON.stringify(name)}`)
  }
  if (wire.type === 'function') {
    return { mode: 'required', only: [known(wire.name, 'tool_choice.name')] }
  }
  const only = wire.tools.map((tool, i) => {
    if (tool.type !== 'function') throw new Error(`the contract let a tool ${tool.type} through`)
    return known(tool.name, `tool_choice.tools[${i}].name`)
  })
  return wire.mode === 'none' ? { mode: 'none' } : { mode: wire.mode, only }
}

type WireFormat = NonNullable<NonNullable<WireCreate['text']>['format']>

function toFormat(wire: WireFormat): ResponseFormat {
  switch (wire.type) {
    case 'text':
      return { type: 'text' }
    case 'json_object':
      return { type: 'json-object', param: 'text.format' }
    case 'json_schema': {
      const { name, schema, strict } = wire
      const param = 'text.format.schema'
      return { type: 'json-schema', name, schema, strict: strict ?? false, param }
    }
  }
}

function toResponse(
  wire: WireCreate,
  { tools, toolChoice }: ResponsePlan['chat'],
  about: PlanContext & { readonly isStored: boolean; readonly isBackground: boolean },
): ResponseObject {
  const { id, createdAt, isStored, isBackground } = about
  return {
    id,
    object: 'response',
    created_at: createdAt,
    completed_at: null,
    status: isBackground ? 'queued' : 'in_progress',
    background: isBackground,
    error: null,
    incomplete_details: null,
    instructions: wire.instructions ?? null,
    max_output_tokens: wire.max_output_tokens ?? null,
    max_tool_calls: wire.max_tool_calls ?? null,
    model: wire.model,
    output: [],
    parallel_tool_calls: wire.parallel_tool_calls ?? true,
    previous_response_id: wire.previous_response_id ?? null,
    prompt_cache_key: wire.prompt_cache_key ?? null,
    reasoning: { effort: wire.reasoning?.effort === 'none' ? 'none' : null, summary: null },
    safety_identifier: wire.safety_identifier ?? null,
    ...(typeof wire.user === 'string' && { user: wire.user }),
    service_tier: wire.service_tier === 'flex' ? 'flex' : 'default',
    store: isStored,
    temperature: wire.temperature ?? 1,
    text: { format: wire.text?.format ?? { type: 'text' }, verbosity: 'medium' },
    tool_choice: servedChoice(wire.tool_choice ?? (toolChoice.mode === 'none' ? 'none' : 'auto')),
    tools: tools.map(({ name, description = null, parameters = null, strict }) => ({
      ...{ type: 'function', name, description, strict },
      // An object, as the contract has it, of which TypeScript has no type.
      parameters: parameters as ResponseObject['tools'][number]['parameters'],
    })),
    top_logprobs: wire.top_logprobs ?? 0,
    top_p: wire.top_p ?? 1,
    presence_penalty: wire.presence_penalty ?? 0,
    frequency_penalty: wire.frequency_penalty ?? 0,
    truncation: wire.truncation ?? 'disabled',
    usage: null,
    access_programs: null,
    metadata: wire.metadata ?? {},
  }
}

function invalid(param: string, what: string): AerieError {
  return new AerieError('invalid_request', `${param}: ${what}`, { param })
}
