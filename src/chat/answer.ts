/** A running generation → the events of a chat answer: text, calls of tools, finish reasons, and the bill at the end. */
import type { Generation } from '../engine/types.ts'
import { fromWireError } from '../errors.ts'
import type { ChatEvent, ChatRequest, FinishReason, StationTimes, TokenUsage } from './contract.ts'
import type { ServedModel } from './model.ts'
import { ChoiceOutput, type TextChunk } from './output.ts'
import { type SaidEvent, ToolOutput } from './tool-output.ts'
import { callableTools } from './tool-request.ts'

/** A picture, a clip or a sound that took its time. */
interface Seen {
  readonly stations: StationTimes
}

/** What an answer depends on. */
type AnsweredRequest = Pick<
  ChatRequest,
  'n' | 'stop' | 'tools' | 'toolChoice' | 'parallelToolCalls'
> & { readonly tellsEnd?: boolean; readonly tellsProgress?: boolean }

/**
 * Engine events → text and calls, one output a choice, then the bill. `tellsEnd`: log probabilities end with that of the token that ended
 * the answer.
 */
export async function* answer(
  model: ServedModel,
  request: AnsweredRequest,
  generation: Generation,
  media: Pick<TokenUsage, 'imageTokens' | 'videoTokens' | 'soundTokens'>,
  seen: readonly Seen[],
): AsyncGenerator<ChatEvent> {
  const outputs = Array.from({ length: request.n }, (_, choice) => choiceOf(model, request, choice))
  const said = new SaidEvents()
  const { imageTokens, videoTokens, soundTokens } = media
  const counts = new Array<number>(request.n).fill(0)
  let promptTokens = 0
  let cachedTokens = 0
  let draftedTokens = 0
  let acceptedTokens = 0
  let stations: StationTimes = sumStations(seen)
  function* told(events: Iterable<ChatEvent>): Generator<ChatEvent> {
    for (const event of events) {
      if (request.tellsProgress && 'choice' in event) {
        const completionTokens = counts[event.choice]!
        const prompt = { promptTokens, cachedTokens, imageTokens, videoTokens, soundTokens }
        yield { type: 'progress', choice: event.choice, ...prompt, completionTokens }
      }
      yield event
    }
  }
  for await (const event of generation) {
    switch (event.type) {
      case 'prefill':
        promptTokens = event.promptTokens
        cachedTokens = event.cachedTokens
        break
      case 'token': {
        const { text, tools } = outputs[event.choice]!
        // The engine may have sampled a few more tokens before it heard of the end.
        if (text.stopped || tools?.isFull) break
        counts[event.choice]!++
        said.add(event.choice, text.push(event), tools)
        if (text.stopped || tools?.isFull) generation.stop(event.choice)
        break
      }
      case 'finish': {
        const { text, tools } = outputs[event.choice]!
        if (request.tellsEnd && event.end) text.end(event.end)
        said.add(event.choice, text.flush(), tools)
        if (tools) said.addEvents(tools.end(event.reason === 'length' && !text.stopped))
        yield* told(said.take(event.choice))
        draftedTokens += event.drafted
        acceptedTokens += event.accepted
        const { queueMs, prefillMs, decodeMs } = event.timings
        stations = { ...stations, queue: queueMs, prefill: prefillMs, decode_tokens: decodeMs }
        const reason = finishReason(outputs[event.choice]!, event.reason)
        const { stopText } = text
        yield* told([
          {
            ...{ type: 'finish', choice: event.choice, reason },
            ...(text.stopped && stopText !== undefined && { stopText }),
          },
        ])
        break
      }
      case 'error':
        yield* told(said.take())
        throw fromWireError(event.error)
    }
    // Tokens that came together go out together.
    if (generation.unread === 0) yield* told(said.take())
  }
  yield {
    type: 'usage',
    ...{ promptTokens, cachedTokens, imageTokens, videoTokens, soundTokens },
    completionTokens: counts.reduce((sum, count) => sum + count, 0),
    ...{ draftedTokens, acceptedTokens },
  }
  yield { type: 'timings', stations }
}

interface Choice {
  readonly text: ChoiceOutput
  /** Undefined where nothing may be called. */
  readonly tools: ToolOutput | undefined
}

function choiceOf(
  { tokenizer, tools }: ServedModel,
  request: AnsweredRequest,
  choice: number,
): Choice {
  if (callableTools(request).length === 0) {
    return { text: new ChoiceOutput(tokenizer, request.stop), tools: undefined }
  }
  return {
    text: new ChoiceOutput(tokenizer, request.stop, tools.shownIds),
    tools: new ToolOutput(request, tools, choice),
  }
}

function finishReason({ text, tools }: Choice, ended: 'stop' | 'length'): FinishReason {
  if (!tools?.hasCalled) return text.stopped ? 'stop' : ended
  if (tools.isFull) return 'tool-calls'
  if (text.stopped) return tools.isInCall ? 'stop' : 'tool-calls'
  return ended === 'length' ? 'length' : 'tool-calls'
}

/** What was said and has not gone out yet, by choice; what follows on something of its kind is one with it. */
class SaidEvents {
  #events = new Map<number, SaidEvent[]>()

  add(choice: number, chunk: TextChunk | undefined, tools: ToolOutput | undefined): void {
    if (!chunk) return
    if (tools) this.addEvents(tools.push(chunk))
    else this.addEvents([textDelta(choice, chunk)])
  }

  addEvents(events: readonly SaidEvent[]): void {
    for (const event of events) {
      const before = this.#events.get(event.choice) ?? []
      const last = before.at(-1)
      const one = last && joined(last, event)
      this.#events.set(event.choice, one ? [...before.slice(0, -1), one] : [...before, event])
    }
  }

  /** All there is, or that of one choice; nothing of it is left. */
  *take(choice?: number): Generator<ChatEvent> {
    for (const [one, events] of this.#events) {
      if (choice !== undefined && choice !== one) continue
      this.#events.delete(one)
      yield* events
    }
  }
}

/** Undefined: they are two. */
function joined(before: SaidEvent, event: SaidEvent): SaidEvent | undefined {
  if (before.type === 'text-delta' && event.type === 'text-delta') {
    const logprobs = [...(before.logprobs ?? []), ...(event.logprobs ?? [])]
    const text = before.text + event.text
    return { ...before, text, ...(logprobs.length > 0 && { logprobs }) }
  }
  if (before.type === 'tool-call-delta' && event.type === 'tool-call-delta') {
    if (before.call !== event.call) return undefined
    return { ...before, arguments: before.arguments + event.arguments }
  }
  return undefined
}

function textDelta(choice: number, { text, logprobs }: TextChunk): SaidEvent {
  return { type: 'text-delta', choice, text, ...(logprobs && { logprobs }) }
}

function sumStations(seen: readonly Seen[]): StationTimes {
  const sum: Record<string, number> = {}
  for (const { stations } of seen) {
    for (const [name, ms] of Object.entries(stations)) sum[name] = (sum[name] ?? 0) + ms
  }
  return sum
}
