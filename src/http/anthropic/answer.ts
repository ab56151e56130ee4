/** The events of an answer → Anthropic's `Message`, or the events of its stream. */
import type { ChatEvent, TokenUsage } from '../../chat/contract.ts'
import type { components } from '../openapi.d.ts'
import type { Frame } from '../sse.ts'

type Wire = components['schemas']
type Message = Wire['AnthropicMessage']
type Event = Wire['AnthropicEvent']
type Start = Extract<ChatEvent, { type: 'start' }>
type Finish = Extract<ChatEvent, { type: 'finish' }>

const NO_USAGE = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 }

type Counted = Pick<TokenUsage, keyof typeof NO_USAGE>

/** What is known of an answer whichever way it is sent. */
class Facts {
  readonly #maxTokens: number
  #start: Start | undefined
  #finish: Finish | undefined
  #usage: TokenUsage | undefined

  /** `maxTokens`: what the request allows. */
  constructor(maxTokens: number) {
    this.#maxTokens = maxTokens
  }

  see(event: ChatEvent): void {
    if (event.type === 'start') this.#start = event
    else if (event.type === 'finish') this.#finish = event
    else if (event.type === 'usage') this.#usage = event
  }

  /** A message without content. Throws before the start. */
  message(usage: Counted = NO_USAGE): Message {
    const start = this.#start
    if (!start) throw new Error('the answer has no start')
    return {
      id: start.id.replace(/^chatcmpl-/, 'msg_'),
      ...{ type: 'message', role: 'assistant', model: start.model, content: [] },
      ...{ stop_reason: null, stop_sequence: null, stop_details: null, container: null },
      diagnostics: null,
      usage: toUsage(usage),
    }
  }

  /** Throws when the events did not make a whole answer: a 200 never hides a failure. */
  end(): { readonly usage: Counted } & Pick<Message, 'stop_reason' | 'stop_sequence'> {
    const finish = this.#finish
    const usage = this.#usage
    if (!finish || !usage) throw new Error('the answer ended without its end or without usage')
    return {
      usage,
      stop_reason: this.#reason(finish, usage),
      stop_sequence: finish.stopText ?? null,
    }
  }

  #reason({ reason, stopText }: Finish, { completionTokens }: Counted): Message['stop_reason'] {
    if (reason === 'tool-calls') return 'tool_use'
    if (reason === 'stop') return stopText === undefined ? 'end_turn' : 'stop_sequence'
    return completionTokens < this.#maxTokens ? 'model_context_window_exceeded' : 'max_tokens'
  }
}

export class MessageBuilder {
  readonly #facts: Facts
  readonly #blocks: (
    | { readonly type: 'text'; text: string }
    | { readonly type: 'call'; readonly id: string; readonly name: string; arguments: string }
  )[] = []

  constructor(maxTokens: number) {
    this.#facts = new Facts(maxTokens)
  }

  add(event: ChatEvent): void {
    this.#facts.see(event)
    const last = this.#blocks.at(-1)
    if (event.type === 'text-delta' && event.text !== '') {
      if (last?.type === 'text') last.text += event.text
      else this.#blocks.push({ type: 'text', text: event.text })
    } else if (event.type === 'tool-call-start') {
      this.#blocks.push({ type: 'call', id: event.id, name: event.name, arguments: '' })
    } else if (event.type === 'tool-call-delta' && last?.type === 'call') {
      last.arguments += event.arguments
    }
  }

  /** Throws unless the answer is whole. A call that the answer's length cut off has no arguments to be parsed, and is left out. */
  build(): Message {
    const { usage, ...end } = this.#facts.end()
    const isCut = end.stop_reason === 'max_tokens' || end.stop_reason === CONTEXT_FULL
    const content = this.#blocks.flatMap((block, i): Message['content'] => {
      if (block.type === 'text') return [{ type: 'text', text: block.text, citations: null }]
      const { id, name } = block
      const input = parsed(block.arguments, isCut && i === this.#blocks.length - 1)
      return input === undefined ? [] : [{ ...callBlock(id, name), input }]
    })
    return { ...this.#facts.message(usage), content, ...end }
  }
}

const CONTEXT_FULL = 'model_context_window_exceeded'

/** Undefined for a text that was cut off; throws for any other that is not a JSON object. */
function parsed(text: string, isCut: boolean): Record<string, never> | undefined {
  try {
    return JSON.parse(text === '' ? '{}' : text) as Record<string, never>
  } catch (cause) {
    if (isCut) return undefined
    throw new Error('a tool was called with arguments that are no JSON', { cause })
  }
}

/** The same as a stream. */
export class MessageEvents {
  readonly #facts: Facts
  /** Blocks begun so far; the last may be open. */
  #blocks = 0
  #open: 'text' | 'call' | undefined
  #isBegun = false

  constructor(maxTokens: number) {
    this.#facts = new Facts(maxTokens)
  }

  /** What the first events become waits for the `explain` event, as `message_start` says how long the prompt is. */
  add(event: ChatEvent): readonly Frame[] {
    this.#facts.see(event)
    switch (event.type) {
      case 'explain':
        return this.#begin(event.promptTokens).map(toFrame)
      case 'text-delta':
        return event.text === '' ? [] : this.#text(event.text).map(toFrame)
      case 'tool-call-start': {
        const events = [...this.#begin(), ...this.#close()]
        const content_block = callBlock(event.id, event.name)
        this.#open = 'call'
        const index = this.#blocks++
        return [...events, { type: 'content_block_start', index, content_block } as const].map(
          toFrame,
        )
      }
      case 'tool-call-delta':
        return [this.#delta({ type: 'input_json_delta', partial_json: event.arguments })].map(
          toFrame,
        )
      default:
        return []
    }
  }

  /** Throws unless the answer is whole. */
  end(): readonly Frame[] {
    const { usage, ...end } = this.#facts.end()
    const delta = { ...end, stop_details: null, container: null }
    const events: Event[] = [
      ...this.#begin(),
      ...this.#close(),
      { type: 'message_delta', delta, usage: toUsage(usage) },
      { type: 'message_stop' },
    ]
    return events.map(toFrame)
  }

  #begin(promptTokens = 0): Event[] {
    if (this.#isBegun) return []
    this.#isBegun = true
    const message = this.#facts.message({ ...NO_USAGE, promptTokens })
    return [{ type: 'message_start', message }, { type: 'ping' }]
  }

  #text(text: string): Event[] {
    const events: Event[] = this.#begin()
    if (this.#open !== 'text') {
      events.push(...this.#close())
      this.#open = 'text'
      const content_block = { type: 'text' as const, text: '', citations: null }
      events.push({ type: 'content_block_start', index: this.#blocks++, content_block })
    }
    return [...events, this.#delta({ type: 'text_delta', text })]
  }

  #delta(delta: Extract<Event, { type: 'content_block_delta' }>['delta']): Event {
    return { type: 'content_block_delta', index: this.#blocks - 1, delta }
  }

  #close(): Event[] {
    if (!this.#open) return []
    this.#open = undefined
    return [{ type: 'content_block_stop', index: this.#blocks - 1 }]
  }
}

export const PING: Frame = toFrame({ type: 'ping' })

/** Every event has its type for a name. */
export function toFrame(event: Event | Wire['AnthropicError']): Frame {
  return { event: event.type, data: JSON.stringify(event) }
}

function callBlock(id: string, name: string): Wire['AnthropicAnswerCall'] {
  return { type: 'tool_use', id, name, input: {}, caller: { type: 'direct' } }
}

function toUsage({
  promptTokens,
  cachedTokens,
  completionTokens,
}: Counted): Wire['AnthropicUsage'] {
  return {
    input_tokens: promptTokens - cachedTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedTokens,
    output_tokens: completionTokens,
    output_tokens_details: null,
    cache_creation: null,
    server_tool_use: null,
    service_tier: 'standard',
    inference_geo: null,
    speed: null,
  }
}
