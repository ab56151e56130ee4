/** `/v1/chat/completions`: checks the body, asks the chat room, sends JSON or events. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ChatEvent, ChatService } from '../../chat/contract.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { AnswerWatch } from '../answer-watch.ts'
import type { Contract } from '../contract.ts'
import { noteEndUser } from '../end-user.ts'
import { recordError } from '../error-handler.ts'
import { asksToExplain } from '../explain-header.ts'
import { errorBody } from '../openai-error.ts'
import { beginEvents, sendEvents } from '../sse.ts'
import { AnswerBuilder } from '../wire-answer.ts'
import { ChunkBuilder } from '../wire-chunks.ts'
import { toAnswerForm, toChatRequest } from '../wire-request.ts'

interface ChatCompletionsRoute {
  readonly service: Pick<ChatService, 'complete'>
  readonly contract: Contract
  readonly metrics: Metrics
  readonly logger: Logger
  readonly heartbeatMs: number
}

export function chatCompletionsRoute(app: FastifyInstance, room: ChatCompletionsRoute): void {
  app.post('/v1/chat/completions', async (request, reply) => {
    const { state } = request
    const wire = room.contract.check('ChatCompletionRequest', request.body)
    noteEndUser(state, wire.safety_identifier ?? wire.user)
    const form = toAnswerForm(wire)
    const chat = toChatRequest(wire, {
      requestId: request.id,
      tenant: state.tenant,
      explain: asksToExplain(request),
      isInner: state.isInner,
    })
    const watch = new AnswerWatch(room.metrics, state, chat.n)
    const events = room.service.complete(chat, state.signal)
    if (form.stream) {
      const builder = new ChunkBuilder(form, chat.n)
      return sendStream(room, request, reply, events, watch, builder)
    }
    const answer = new AnswerBuilder(form, chat.n)
    for await (const event of events) {
      watch.see(event)
      answer.add(event)
    }
    return reply.header('server-timing', watch.serverTiming()).send(answer.build())
  })
}

async function sendStream(
  { logger, heartbeatMs }: ChatCompletionsRoute,
  request: FastifyRequest,
  reply: FastifyReply,
  events: AsyncIterable<ChatEvent>,
  watch: AnswerWatch,
  chunks: ChunkBuilder,
): Promise<void> {
  await sendEvents(reply.raw, events[Symbol.asyncIterator](), {
    signal: request.state.signal,
    heartbeatMs,
    begin: () => beginEvents(reply),
    encode(event) {
      watch.see(event)
      return chunks.add(event).map((chunk) => JSON.stringify(chunk))
    },
    end: () => chunks.end().map((chunk) => JSON.stringify(chunk)),
    fail: (error) => JSON.stringify(errorBody(recordError(error, request, logger))),
  })
}
