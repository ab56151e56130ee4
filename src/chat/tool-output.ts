/** One answer's text on its way out where it may call tools: text and calls as events, with the log probabilities of its text. */
import { randomUUID } from 'node:crypto'
import type { ChatEvent, ChatRequest, TextLogprob } from './contract.ts'
import type { ModelTools } from './model-tools.ts'
import type { TextChunk } from './output.ts'
import { type ParsedPiece, ToolCallParser } from './tool-parser.ts'
import { callableTools } from './tool-request.ts'

export type SaidEvent = Extract<
  ChatEvent,
  { type: 'text-delta' | 'tool-call-start' | 'tool-call-delta' }
>

export class ToolOutput {
  readonly #choice: number
  readonly #parser: ToolCallParser
  readonly #isForced: boolean
  readonly #isParallel: boolean
  /** Of tokens that nobody has asked for yet, with where they begin in the text. */
  #logprobs: { readonly start: number; readonly logprob: TextLogprob }[] = []
  #wantsLogprobs = false
  #begun = 0
  #isFull = false

  constructor(
    request: Pick<ChatRequest, 'tools' | 'toolChoice' | 'parallelToolCalls'>,
    tools: ModelTools,
    choice: number,
  ) {
    const names = new Set(callableTools(request).map(({ name }) => name))
    this.#parser = new ToolCallParser(tools.calls, names)
    this.#isForced = request.toolChoice.mode === 'required'
    this.#isParallel = request.parallelToolCalls
    this.#choice = choice
  }

  /** It has called all that it may: later text is not part of it. */
  get isFull(): boolean {
    return this.#isFull
  }

  get hasCalled(): boolean {
    return this.#begun > 0
  }

  get isInCall(): boolean {
    return this.#parser.isInCall
  }

  push(chunk: TextChunk): SaidEvent[] {
    if (this.#isFull) return []
    const { text, logprobs, starts } = chunk
    if (logprobs) this.#wantsLogprobs = true
    this.#logprobs.push(...(logprobs ?? []).map((logprob, i) => ({ logprob, start: starts[i]! })))
    return this.#events(this.#parser.push(text))
  }

  /** `isCut`: no room was left for more. */
  end(isCut: boolean): SaidEvent[] {
    if (this.#isFull) return []
    return this.#events(this.#parser.end({ dropsBegun: this.#isForced && isCut }))
  }

  #events(pieces: readonly ParsedPiece[]): SaidEvent[] {
    const events: SaidEvent[] = []
    const choice = this.#choice
    for (const piece of pieces) {
      switch (piece.type) {
        case 'text': {
          const { text, from } = piece
          const logprobs = this.#take(from, from + text.length)
          events.push({ type: 'text-delta', choice, text, ...(logprobs && { logprobs }) })
          break
        }
        case 'call':
          events.push({
            ...{ type: 'tool-call-start', choice, call: this.#begun++ },
            ...{ id: callId(), name: piece.name },
          })
          break
        case 'arguments':
          events.push({
            ...{ type: 'tool-call-delta', choice, call: this.#begun - 1 },
            arguments: piece.text,
          })
          break
        case 'call-end':
          if (this.#isParallel) break
          this.#isFull = true
          return events
      }
    }
    return events
  }

  /** Of the tokens that begin in a stretch of text; those before it began in a call. */
  #take(from: number, to: number): TextLogprob[] | undefined {
    if (!this.#wantsLogprobs) return undefined
    const taken = this.#logprobs.filter(({ start }) => start >= from && start < to)
    this.#logprobs = this.#logprobs.filter(({ start }) => start >= to)
    return taken.map(({ logprob }) => logprob)
  }
}

function callId(): string {
  return `call_${randomUUID().replaceAll('-', '').slice(0, 24)}`
}
