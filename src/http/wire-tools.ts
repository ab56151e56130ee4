/** Tools, their choice and their calls: wire → the chat room's. */
import type { Tool, ToolCall, ToolChoice } from '../chat/contract.ts'
import type { WireRequests } from './contract.ts'

type WireChat = WireRequests['ChatCompletionRequest']
type WireTool = NonNullable<WireChat['tools']>[number]
type WireMessage = WireChat['messages'][number]
type WireCall = NonNullable<Extract<WireMessage, { role: 'assistant' }>['tool_calls']>[number]

/** The contract has refused every kind of tool that is not converted here. */
export function toTools(tools: readonly WireTool[]): Tool[] {
  return tools.map((tool, i) => {
    if (tool.type !== 'function') throw unreachable(tool.type)
    const { name, description, parameters, strict } = tool.function
    return {
      name,
      description: description ?? undefined,
      parameters: parameters ?? undefined,
      strict: strict ?? false,
      param: `tools[${i}].function`,
    }
  })
}

export function toToolChoice(choice: WireChat['tool_choice']): ToolChoice {
  if (choice === undefined || choice === null) return { mode: 'auto' }
  if (typeof choice === 'string') return { mode: choice }
  switch (choice.type) {
    case 'function':
      return { mode: 'required', only: [choice.function.name] }
    case 'allowed_tools': {
      const { mode, tools } = choice.allowed_tools
      return { mode, only: tools.map((tool) => tool.function.name) }
    }
    default:
      throw unreachable(choice.type)
  }
}

export function toToolCalls(calls: readonly WireCall[], param: string): ToolCall[] {
  return calls.map((call, i) => {
    if (call.type !== 'function') throw unreachable(call.type)
    const { name, arguments: text } = call.function
    return { id: call.id, name, arguments: text, param: `${param}[${i}]` }
  })
}

function unreachable(what: string): Error {
  return new Error(`the contract let ${what} through`)
}
