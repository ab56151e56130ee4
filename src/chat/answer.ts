/** A running generation → the events of a chat answer: text, finish reasons, and the bill at the end. */
import type { Generation } from '../engine/types.ts'
import { fromWireError } from '../errors.ts'
import type { ChatEvent, ChatRequest, StationTimes, TokenUsage } from './contract.ts'
import type { ServedModel } from './model.ts'
import { ChoiceOutput, type TextChunk } from './output.ts'

/** A picture, a clip or a sound that took its time. */
interface Seen {
  readonly stations: StationTimes
}

/** Engine events → text, one output a choice, then the bill. `tellsEnd`: log probabilities end with that of the token that ended the answer. */
export async function* answer(
  model: ServedModel,
  request: Pick<ChatRequest, 'n' | 'stop'> & { readonly tellsEnd?: boolean },
  generation: Generation,
  media: Pick<TokenUsage, 'imageTokens' | 'videoTokens' | 'soundTokens'>,
  seen: readonly Seen[],
): AsyncGenerator<ChatEvent> {
  const outputs = Array.from(
    { length: request.n },
    () => new ChoiceOutput(model.tokenizer, request.stop),
  )
  const texts = new Map<number, TextChunk>()
  const { imageTokens, videoTokens, soundTokens } = media
  let promptTokens = 0
  let cachedTokens = 0
  let completionTokens = 0
  let draftedTokens = 0
  let acceptedTokens = 0
  let stations: StationTimes = sumStations(seen)
  for await (const event of generation) {
    switch (event.type) {
      case 'prefill':
        promptTokens = event.promptTokens
        cachedTokens = event.cachedTokens
        break
      case 'token': {
        const output = outputs[event.choice]!
        // The engine may have sampled a few more tokens before it heard of the stop string.
        if (output.stopped) break
        completionTokens++
        const chunk = output.push(event)
        if (output.stopped) generation.stop(event.choice)
        if (chunk) texts.set(event.choice, joined(texts.get(event.choice), chunk))
        break
      }
      case 'finish': {
        const output = outputs[event.choice]!
        if (request.tellsEnd && event.end) output.end(event.end)
        const tail = output.flush()
        const chunk = tail ? joined(texts.get(event.choice), tail) : texts.get(event.choice)
        texts.delete(event.choice)
        if (chunk) yield textDelta(event.choice, chunk)
        const reason = output.stopped ? 'stop' : event.reason
        draftedTokens += event.drafted
        acceptedTokens += event.accepted
        const { queueMs, prefillMs, decodeMs } = event.timings
        stations = { ...stations, queue: queueMs, prefill: prefillMs, decode_tokens: decodeMs }
        const { stopText } = output
        yield {
          ...{ type: 'finish', choice: event.choice, reason },
          ...(output.stopped && stopText !== undefined && { stopText }),
        }
        break
      }
      case 'error':
        yield* textDeltas(texts)
        throw fromWireError(event.error)
    }
    // Tokens that came together go out together.
    if (generation.unread === 0) yield* textDeltas(texts)
  }
  yield {
    type: 'usage',
    ...{ promptTokens, cachedTokens, imageTokens, videoTokens, soundTokens },
    ...{ completionTokens, draftedTokens, acceptedTokens },
  }
  yield { type: 'timings', stations }
}

function joined(before: TextChunk | undefined, chunk: TextChunk): TextChunk {
  if (!before) return chunk
  const logprobs = [...(before.logprobs ?? []), ...(chunk.logprobs ?? [])]
  return {
    ...chunk,
    text: before.text + chunk.text,
    logprobs: logprobs.length > 0 ? logprobs : undefined,
  }
}

/** What has been gathered, choice by choice; nothing is left. */
function* textDeltas(texts: Map<number, TextChunk>): Generator<ChatEvent> {
  for (const [choice, chunk] of texts) yield textDelta(choice, chunk)
  texts.clear()
}

function textDelta(choice: number, chunk: TextChunk): ChatEvent {
  return {
    type: 'text-delta',
    choice,
    text: chunk.text,
    ...(chunk.logprobs ? { logprobs: chunk.logprobs } : {}),
  }
}

function sumStations(seen: readonly Seen[]): StationTimes {
  const sum: Record<string, number> = {}
  for (const { stations } of seen) {
    for (const [name, ms] of Object.entries(stations)) sum[name] = (sum[name] ?? 0) + ms
  }
  return sum
}
