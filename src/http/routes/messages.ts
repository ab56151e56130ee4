/** `/v1/messages` and what counts for it: Anthropic's spelling of a chat. */
import type { FastifyInstance } from 'fastify'
import type { ChatService } from '../../chat/contract.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { AnswerWatch } from '../answer-watch.ts'
import { MessageBuilder, MessageEvents, PING, toFrame } from '../anthropic/answer.ts'
import { anthropicError } from '../anthropic/errors.ts'
import { toChatRequest, toCountRequest } from '../anthropic/to-chat.ts'
import type { Contract } from '../contract.ts'
import { noteEndUser } from '../end-user.ts'
import { recordError } from '../error-handler.ts'
import type { components } from '../openapi.d.ts'
import { beginEvents, sendEvents } from '../sse.ts'

interface MessagesRoute {
  readonly service: Pick<ChatService, 'complete' | 'tokenize'>
  readonly contract: Contract
  readonly metrics: Metrics
  readonly logger: Logger
  readonly heartbeatMs: number
}

/** Official clients add it for functions that are a beta; what those are is in the body. */
const config = { query: ['beta'] }

export function messagesRoutes(app: FastifyInstance, room: MessagesRoute): void {
  const { service, contract, logger, heartbeatMs } = room

  app.post('/v1/messages', { config }, async (request, reply) => {
    const { state, id } = request
    const wire = contract.check('MessagesRequest', request.body)
    noteEndUser(state, wire.metadata?.user_id)
    const { tenant, isInner, signal } = state
    // The first event of a stream says how long the prompt is.
    const explain = wire.stream ?? false
    const chat = toChatRequest(wire, { requestId: id, tenant, isInner, explain })
    const watch = new AnswerWatch(room.metrics, state, 1)
    const events = service.complete(chat, signal)
    if (wire.stream) {
      const answer = new MessageEvents(wire.max_tokens)
      return sendEvents(reply.raw, events[Symbol.asyncIterator](), {
        ...{ signal, heartbeatMs, ping: PING, saysDone: false },
        begin: () => beginEvents(reply),
        encode(event) {
          watch.see(event)
          return answer.add(event)
        },
        end: () => answer.end(),
        fail: (error) => toFrame(anthropicError(recordError(error, request, logger), id)),
      })
    }
    const answer = new MessageBuilder(wire.max_tokens)
    for await (const event of events) {
      watch.see(event)
      answer.add(event)
    }
    return reply.header('server-timing', watch.serverTiming()).send(answer.build())
  })

  app.post('/v1/messages/count_tokens', { config }, async (request) => {
    const wire = contract.check('CountTokensRequest', request.body)
    const { tenant, isInner, signal } = request.state
    const count = toCountRequest(wire, { requestId: request.id, tenant, isInner })
    const { tokens } = await service.tokenize(count, signal)
    return { input_tokens: tokens } satisfies components['schemas']['AnthropicTokenCount']
  })
}
