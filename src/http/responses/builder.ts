/** The events of an answer → the events of a response, and the response as it is after each. */
import type { ChatEvent, TextLogprob, TokenUsage } from '../../chat/contract.ts'
import type { AerieError } from '../../errors.ts'
import type { EndStatus } from '../../responses/contract.ts'
import { AnswerNotes } from '../answer-notes.ts'
import { errorBody } from '../openai-error.ts'
import type { components } from '../openapi.d.ts'
import { itemId } from './item-ids.ts'
import { toResponseLogprobs, toResponseUsage } from './usage.ts'

type Wire = components['schemas']
export type ResponseObject = Wire['ResponseObject']
export type ResponseEvent = Wire['ResponseEvent']
type Item = Wire['ResponseOutputItem']
type Message = Wire['ResponseOutputMessage']
type Call = Wire['ResponseFunctionCall']
/** Without its number. */
type Unnumbered<Event> = Event extends unknown ? Omit<Event, 'sequence_number'> : never

export class ResponseBuilder {
  #response: ResponseObject
  /** The item that is being generated. */
  #open: Message | Call | undefined
  #next = 0
  readonly #notes = new AnswerNotes()
  #isCut = false
  #isFinished = false
  #droppedItems = 0

  /** `response`: as it is before anything is generated. */
  constructor(response: ResponseObject) {
    this.#response = response
  }

  /** As it is now. */
  get response(): ResponseObject {
    return { ...this.#response, output: [...this.#response.output] }
  }

  /** Whether anything was told yet. */
  get hasBegun(): boolean {
    return this.#next > 0
  }

  /** The oldest items were left out, so many. */
  drop(items: number): void {
    this.#droppedItems = items
  }

  /** A response in the background is told of before its turn comes. */
  queue(): ResponseEvent[] {
    const { response } = this
    return [
      this.#number({ type: 'response.created', response }),
      this.#number({ type: 'response.queued', response }),
    ]
  }

  /** The events that one becomes; figures wait for {@link end}. */
  add(event: ChatEvent): ResponseEvent[] {
    switch (event.type) {
      case 'start':
        return this.#begin(event)
      case 'text-delta':
        return this.#addText(event.text, event.logprobs ?? [])
      case 'tool-call-start':
        return [...this.#close(), ...this.#openCall(event.id, event.name)]
      case 'tool-call-delta':
        return [this.#addArguments(event.arguments)]
      case 'finish':
        this.#isFinished = true
        this.#isCut = event.reason === 'length'
        // An answer that says nothing is a message all the same.
        if (this.#response.output.length > 0) return this.#close()
        return [...this.#openMessage(), ...this.#close()]
      case 'progress':
        return [] // never asked for: an event of the stream says it at the end
      default:
        this.#notes.add(event)
        return []
    }
  }

  /** The last event. Throws unless the answer is whole: nothing is called completed that is not. */
  end(nowSeconds: number): ResponseEvent {
    const { usage } = this.#notes
    if (!this.#isFinished || !usage) {
      throw new Error('the answer ended without a finish reason or without usage')
    }
    this.#response = {
      ...this.#response,
      ...this.#told(usage),
      status: this.#isCut ? 'incomplete' : 'completed',
      completed_at: this.#isCut ? null : nowSeconds,
      incomplete_details: this.#isCut ? { reason: 'max_output_tokens' } : null,
      usage: toResponseUsage(usage),
    }
    const type = this.#isCut ? 'response.incomplete' : 'response.completed'
    return this.#number({ type, response: this.response })
  }

  /** What was being generated stays as far as it came. */
  stop(status: Extract<EndStatus, 'failed' | 'cancelled'>, error?: AerieError): ResponseObject {
    this.#replaceOpen((item) => ({ ...item, status: 'incomplete' }))
    this.#open = undefined
    const failure = error ? { code: error.code, message: error.message } : null
    this.#response = { ...this.#response, status, error: failure }
    return this.response
  }

  /** The events that tell of a failure; {@link stop} comes first. */
  failure(failed: AerieError): ResponseEvent[] {
    const { error } = errorBody(failed)
    const { code, message, param } = error
    return [this.#number({ type: 'error', code, message, param, error }), ...this.failed()]
  }

  /** `response.failed`, which a response that was cancelled does not have. */
  failed(): ResponseEvent[] {
    const { response } = this
    if (response.status !== 'failed') return []
    return [this.#number({ type: 'response.failed', response })]
  }

  #begin({ model, sampling }: Extract<ChatEvent, { type: 'start' }>): ResponseEvent[] {
    const wasTold = this.hasBegun
    const { temperature, topP: top_p } = sampling
    this.#response = { ...this.#response, model, temperature, top_p, status: 'in_progress' }
    const { response } = this
    return [
      ...(wasTold ? [] : [this.#number({ type: 'response.created', response })]),
      this.#number({ type: 'response.in_progress', response }),
    ]
  }

  #addText(text: string, tokens: readonly TextLogprob[]): ResponseEvent[] {
    const logprobs = toResponseLogprobs(tokens)
    const opened = this.#open?.type === 'message' ? [] : [...this.#close(), ...this.#openMessage()]
    const message = this.#open as Message
    const [part] = message.content
    // One array for all of them: copied at each token, they would cost the square of the answer.
    part!.logprobs.push(...logprobs)
    const grown = { ...part!, text: part!.text + text }
    this.#replaceOpen(() => ({ ...message, content: [grown] }))
    const delta = { ...this.#place(message.id), content_index: 0 as const, delta: text, logprobs }
    return [...opened, this.#number({ type: 'response.output_text.delta', ...delta })]
  }

  #addArguments(delta: string): ResponseEvent {
    const call = this.#open as Call
    this.#replaceOpen(() => ({ ...call, arguments: call.arguments + delta }))
    const place = this.#place(call.id)
    return this.#number({ type: 'response.function_call_arguments.delta', ...place, delta })
  }

  #openMessage(): ResponseEvent[] {
    const item: Message = {
      ...{ type: 'message', id: this.#newId('message'), role: 'assistant', status: 'in_progress' },
      content: [],
    }
    const newPart = () => ({
      ...{ type: 'output_text' as const, text: '', annotations: [], logprobs: [] },
    })
    const added = this.#addItem(item)
    this.#replaceOpen(() => ({ ...item, content: [newPart()] }))
    const place = { ...this.#place(item.id), content_index: 0 as const }
    return [added, this.#number({ type: 'response.content_part.added', ...place, part: newPart() })]
  }

  #openCall(callId: string, name: string): ResponseEvent[] {
    const id = this.#newId('function_call')
    const call = { id, call_id: callId, name, arguments: '', status: 'in_progress' as const }
    return [this.#addItem({ type: 'function_call', ...call })]
  }

  #addItem(item: Message | Call): ResponseEvent {
    this.#open = item
    this.#response = { ...this.#response, output: [...this.#response.output, item] }
    return this.#number({
      ...{ type: 'response.output_item.added', output_index: this.#index, item },
    })
  }

  /** Of an answer that was cut, the last item is what was cut. */
  #close(): ResponseEvent[] {
    if (!this.#open) return []
    this.#replaceOpen((item) => ({ ...item, status: this.#isCut ? 'incomplete' : 'completed' }))
    const item = this.#open
    this.#open = undefined
    const place = this.#place(item.id)
    const done = { type: 'response.output_item.done' as const, output_index: this.#index, item }
    if (item.type === 'function_call') {
      const { name, arguments: text } = item
      const all = { ...place, name, arguments: text }
      return [
        this.#number({ type: 'response.function_call_arguments.done', ...all }),
        this.#number(done),
      ]
    }
    const part = item.content[0]!
    const { text, logprobs } = part
    const at = { ...place, content_index: 0 as const }
    return [
      this.#number({ type: 'response.output_text.done', ...at, text, logprobs }),
      this.#number({ type: 'response.content_part.done', ...at, part }),
      this.#number(done),
    ]
  }

  #replaceOpen(change: (item: Message | Call) => Message | Call): void {
    if (!this.#open) return
    this.#open = change(this.#open)
    // The array is this builder's own: what it gives away are copies.
    this.#response.output[this.#index] = this.#open
  }

  get #index(): number {
    return this.#response.output.length - 1
  }

  #place(itemId: string): { item_id: string; output_index: number } {
    return { item_id: itemId, output_index: this.#index }
  }

  #newId(type: Item['type']): string {
    return itemId(this.#response.id, type, this.#response.output.length, 'output')
  }

  #told(usage: TokenUsage): Pick<ResponseObject, 'aerie'> {
    const { aerie } = this.#notes.toWire(usage)
    const dropped = this.#droppedItems > 0 ? { dropped_items: this.#droppedItems } : {}
    const notes = { ...aerie, ...dropped }
    return Object.keys(notes).length > 0 ? { aerie: notes } : {}
  }

  #number(event: Unnumbered<ResponseEvent>): ResponseEvent {
    return { ...event, sequence_number: this.#next++ } as ResponseEvent
  }
}
