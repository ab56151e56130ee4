/** The events of an answer → one `ChatCompletion`. */

import type { ChatEvent, FinishReason, StationTimes, TextLogprob } from '../chat/contract.ts'
import { AnswerNotes } from './answer-notes.ts'
import type { components } from './openapi.d.ts'
import type { AnswerForm } from './wire-request.ts'
import { toWireFinish, toWireLogprobs, toWireUsage } from './wire-usage.ts'

type ChatCompletion = components['schemas']['ChatCompletion']

interface Choice {
  text: string
  readonly logprobs: TextLogprob[] | undefined
  readonly calls: { readonly id: string; readonly name: string; arguments: string }[]
  finishReason: FinishReason | undefined
}

export class AnswerBuilder {
  readonly #form: AnswerForm
  readonly #choices: readonly Choice[]
  #start: Extract<ChatEvent, { type: 'start' }> | undefined
  readonly #notes = new AnswerNotes()

  constructor(form: AnswerForm, n: number) {
    this.#form = form
    this.#choices = Array.from({ length: n }, () => ({
      text: '',
      // An answer without a token has log probabilities too: none.
      logprobs: form.logprobs ? [] : undefined,
      calls: [],
      finishReason: undefined,
    }))
  }

  get stations(): StationTimes {
    return this.#notes.stations
  }

  add(event: ChatEvent): void {
    switch (event.type) {
      case 'start':
        this.#start = event
        break
      case 'text-delta': {
        const choice = this.#choices[event.choice]!
        choice.text += event.text
        choice.logprobs?.push(...(event.logprobs ?? []))
        break
      }
      case 'tool-call-start':
        this.#choices[event.choice]!.calls.push({ id: event.id, name: event.name, arguments: '' })
        break
      case 'tool-call-delta':
        this.#choices[event.choice]!.calls[event.call]!.arguments += event.arguments
        break
      case 'finish':
        this.#choices[event.choice]!.finishReason = event.reason
        break
      case 'progress':
        break // never asked for: the usage of the whole answer says it
      default:
        this.#notes.add(event)
    }
  }

  /** Throws when the events did not make a whole answer: a 200 never hides a failure. */
  build(): ChatCompletion {
    const start = this.#start
    const { usage } = this.#notes
    if (!start || !usage) throw new Error('the answer ended without a start or without usage')
    const { serviceTier, metadata } = this.#form
    return {
      id: start.id,
      object: 'chat.completion',
      created: start.created,
      model: start.model,
      system_fingerprint: start.systemFingerprint,
      ...(serviceTier ? { service_tier: serviceTier } : {}),
      ...(metadata ? { metadata } : {}),
      choices: this.#choices.map(toWireChoice),
      usage: toWireUsage(usage),
      ...this.#notes.toWire(usage),
    }
  }
}

function toWireChoice(choice: Choice, index: number): ChatCompletion['choices'][number] {
  if (!choice.finishReason) throw new Error(`choice ${index} ended without a finish reason`)
  const { text, calls } = choice
  // As OpenAI has it: an answer that is calls and nothing else has no log probabilities.
  const logprobs = calls.length > 0 && choice.logprobs?.length === 0 ? undefined : choice.logprobs
  return {
    index,
    message: {
      role: 'assistant',
      content: text === '' && calls.length > 0 ? null : text,
      refusal: null,
      ...(calls.length > 0 && {
        tool_calls: calls.map(({ id, ...call }) => ({ id, type: 'function', function: call })),
      }),
    },
    logprobs: logprobs ? toWireLogprobs(logprobs) : null,
    finish_reason: toWireFinish(choice.finishReason),
  }
}
