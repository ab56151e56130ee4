/** `/v1/completions`: texts that are continued, as JSON or as events. */
import type { FastifyInstance } from 'fastify'
import type { ChatService, CompletionEvent } from '../../chat/contract.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { AnswerWatch } from '../answer-watch.ts'
import type { Contract } from '../contract.ts'
import { noteEndUser } from '../end-user.ts'
import { recordError } from '../error-handler.ts'
import { errorBody } from '../openai-error.ts'
import { beginEvents, sendEvents } from '../sse.ts'
import { toCompletionForm, toCompletionRequest } from '../wire-completion.ts'
import { CompletionBuilder, CompletionChunks } from '../wire-texts.ts'

interface CompletionsRoute {
  readonly service: Pick<ChatService, 'completeText'>
  readonly contract: Contract
  readonly metrics: Metrics
  readonly logger: Logger
  readonly heartbeatMs: number
}

export function completionsRoute(app: FastifyInstance, room: CompletionsRoute): void {
  app.post('/v1/completions', async (request, reply) => {
    const { state } = request
    const wire = room.contract.check('CompletionRequest', request.body)
    noteEndUser(state, wire.user)
    const form = toCompletionForm(wire)
    const asked = toCompletionRequest(wire, {
      ...{ requestId: request.id, tenant: state.tenant, isInner: state.isInner },
    })
    const { prompts, n } = asked
    const watch = new AnswerWatch(room.metrics, state, prompts.length * n)
    const see = (event: CompletionEvent) => {
      if (event.type !== 'prompt') watch.see(event)
    }
    const events = room.service.completeText(asked, state.signal)
    if (form.stream) {
      const chunks = new CompletionChunks(form, prompts.length, n)
      return sendEvents(reply.raw, events[Symbol.asyncIterator](), {
        ...{ signal: state.signal, heartbeatMs: room.heartbeatMs },
        begin: () => beginEvents(reply),
        encode(event) {
          see(event)
          return chunks.add(event).map((chunk) => JSON.stringify(chunk))
        },
        end: () => chunks.end().map((chunk) => JSON.stringify(chunk)),
        fail: (error) => JSON.stringify(errorBody(recordError(error, request, room.logger))),
      })
    }
    const answer = new CompletionBuilder(form, prompts.length, n)
    for await (const event of events) {
      see(event)
      answer.add(event)
    }
    return reply.header('server-timing', watch.serverTiming()).send(answer.build())
  })
}
