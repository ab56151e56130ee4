/** The events of an answer → `ChatCompletionChunk`s. */

import type { ChatEvent, CountedTokens } from '../chat/contract.ts'
import { AnswerNotes } from './answer-notes.ts'
import type { components } from './openapi.d.ts'
import type { AnswerForm } from './wire-request.ts'
import { toWireFinish, toWireLogprobs, toWireUsage } from './wire-usage.ts'

type Chunk = components['schemas']['ChatCompletionChunk']
type ChunkChoice = Chunk['choices'][number]

export class ChunkBuilder {
  readonly #form: AnswerForm
  readonly #unfinished: Set<number>
  #head: Omit<Chunk, 'choices'> | undefined
  readonly #notes = new AnswerNotes()
  /** So far, of each choice. */
  readonly #counted = new Map<number, CountedTokens>()

  constructor(form: AnswerForm, n: number) {
    this.#form = form
    this.#unfinished = new Set(Array(n).keys())
  }

  /** The chunks that an event becomes; figures wait for {@link end}. */
  add(event: ChatEvent): readonly Chunk[] {
    switch (event.type) {
      case 'start':
        this.#head = this.#toHead(event)
        return [...this.#unfinished].map((index) =>
          this.#chunk([choice(index, { role: 'assistant', content: '', refusal: null })]),
        )
      case 'text-delta': {
        const logprobs = event.logprobs ? toWireLogprobs(event.logprobs) : null
        return [this.#chunk([{ ...choice(event.choice, { content: event.text }), logprobs }])]
      }
      case 'finish':
        this.#unfinished.delete(event.choice)
        return [
          this.#chunk([{ ...choice(event.choice, {}), finish_reason: toWireFinish(event.reason) }]),
        ]
      case 'tool-call-start': {
        const { call: index, id, name } = event
        const begun = { index, id, type: 'function' as const, function: { name, arguments: '' } }
        return [this.#chunk([choice(event.choice, { tool_calls: [begun] })])]
      }
      case 'tool-call-delta': {
        const more = { index: event.call, function: { arguments: event.arguments } }
        return [this.#chunk([choice(event.choice, { tool_calls: [more] })])]
      }
      case 'progress':
        this.#counted.set(event.choice, event)
        return []
      default:
        this.#notes.add(event)
        return []
    }
  }

  /** The chunk with empty choices, where usage or an explanation was asked for, or clips were seen or sounds heard. Throws unless the answer is whole. */
  end(): readonly Chunk[] {
    const { usage } = this.#notes
    if (this.#unfinished.size > 0 || !usage) {
      throw new Error(`the answer ended with ${this.#unfinished.size} choices unfinished`)
    }
    const notes = this.#notes.toWire(usage)
    if (!this.#form.includeUsage && !notes.aerie) return []
    return [
      {
        ...this.#chunk([]),
        ...(this.#form.includeUsage ? { usage: toWireUsage(usage) } : {}),
        ...notes,
      },
    ]
  }

  #toHead(start: Extract<ChatEvent, { type: 'start' }>): Omit<Chunk, 'choices'> {
    return {
      id: start.id,
      object: 'chat.completion.chunk',
      created: start.created,
      model: start.model,
      system_fingerprint: start.systemFingerprint,
      ...(this.#form.serviceTier ? { service_tier: this.#form.serviceTier } : {}),
      ...(this.#form.includeUsage ? { usage: null } : {}),
    }
  }

  #chunk(choices: ChunkChoice[]): Chunk {
    if (!this.#head) throw new Error('the answer has no start')
    const counted = this.#form.usageInChunks && this.#counted.get(choices[0]?.index ?? -1)
    return { ...this.#head, choices, ...(counted && { usage: toWireUsage(counted) }) }
  }
}

function choice(index: number, delta: ChunkChoice['delta']): ChunkChoice {
  return { index, delta, logprobs: null, finish_reason: null }
}
