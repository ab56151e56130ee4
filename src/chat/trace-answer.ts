/** The span of an answer, by OpenTelemetry's conventions for generative models: figures and names, never what was said. */
import { type Attributes, type Span, tracedEvents } from '../tracing/trace.ts'
import type { ChatEvent, ChatRequest } from './contract.ts'

type Asked = Pick<ChatRequest, 'sampling' | 'maxTokens' | 'n' | 'priority'>
/** The events that tell what a span says. */
type Telling = Extract<ChatEvent, { type: 'start' | 'finish' | 'usage' }>

/** `events` begins the work. `model` is the served one that is asked; undefined where there is no such. */
export function traceAnswer<Event extends { readonly type: string }>(
  operation: 'chat' | 'text_completion',
  request: Asked,
  model: string | undefined,
  events: () => AsyncIterable<Event | Telling>,
): AsyncIterable<Event | Telling> {
  const reasons: string[] = []
  return tracedEvents(
    (parent) =>
      parent.begin(model === undefined ? operation : `${operation} ${model}`, {
        'gen_ai.operation.name': operation,
        ...asked(request),
        'gen_ai.request.model': model,
      }),
    events,
    (event, span) => {
      if (isTelling(event)) see(event, span, reasons)
    },
  )
}

function isTelling(event: { readonly type: string }): event is Telling {
  return event.type === 'start' || event.type === 'finish' || event.type === 'usage'
}

function asked({ sampling, maxTokens, n, priority }: Asked): Attributes {
  return {
    'gen_ai.provider.name': 'aerie',
    'gen_ai.request.max_tokens': maxTokens,
    'gen_ai.request.temperature': sampling.temperature,
    'gen_ai.request.top_p': sampling.topP,
    'gen_ai.request.top_k': sampling.topK,
    'gen_ai.request.frequency_penalty': sampling.frequencyPenalty,
    'gen_ai.request.presence_penalty': sampling.presencePenalty,
    'gen_ai.request.seed': sampling.seed,
    ...(n > 1 && { 'gen_ai.request.choice.count': n }),
    'aerie.priority': priority,
  }
}

function see(event: Telling, span: Span, reasons: string[]): void {
  switch (event.type) {
    case 'start':
      span.set({ 'gen_ai.response.id': event.id, 'gen_ai.response.model': event.model })
      break
    case 'finish':
      reasons[event.choice] = event.reason
      break
    case 'usage':
      span.set({
        'gen_ai.response.finish_reasons': reasons.map((reason) => reason ?? 'error'),
        'gen_ai.usage.input_tokens': event.promptTokens,
        'gen_ai.usage.output_tokens': event.completionTokens,
        'gen_ai.usage.cache_read.input_tokens': event.cachedTokens,
        'aerie.tokens.images': event.imageTokens,
        'aerie.tokens.videos': event.videoTokens,
        'aerie.tokens.sounds': event.soundTokens,
        'aerie.tokens.drafted': event.draftedTokens,
        'aerie.tokens.accepted': event.acceptedTokens,
      })
      break
  }
}
