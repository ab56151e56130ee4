/** `/v1/responses`: checks the body, finds what it goes on from, keeps it, and sends JSON or events; or has it run in the background. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AnswerWatch } from '../answer-watch.ts'
import { recordError } from '../error-handler.ts'
import { toAerieError } from '../openai-error.ts'
import { ResponseBuilder } from '../responses/builder.ts'
import type { Conversation } from '../responses/conversation.ts'
import { toFrame } from '../responses/event-log.ts'
import { prepareResponse } from '../responses/prepare.ts'
import type { ResponsePlan } from '../responses/request.ts'
import type { ResponseRoom } from '../responses/room.ts'
import { generateResponse, keep, type ResponseRun } from '../responses/run.ts'
import { sendLog } from '../responses/send-log.ts'
import { beginEvents, sendEvents } from '../sse.ts'

export function createResponseRoute(app: FastifyInstance, room: ResponseRoom): void {
  app.post('/v1/responses', async (request, reply) => {
    const { plan, conversation } = await prepareResponse(room, request, request.body)
    if (plan.isStored) await keep(room.store, plan, conversation)
    if (plan.isBackground) return await runInBackground(room, request, reply, plan)
    return await runNow(room, request, reply, plan, conversation)
  })
}

async function runNow(
  room: ResponseRoom,
  request: FastifyRequest,
  reply: FastifyReply,
  plan: ResponsePlan,
  conversation: Conversation,
): Promise<unknown> {
  const { logger, heartbeatMs } = room
  const { state } = request
  const builder = new ResponseBuilder(plan.response)
  const watch = new AnswerWatch(room.metrics, state, 1)
  using running = room.runs.begin(plan.id)
  const run: ResponseRun = {
    ...{ plan, builder, ifNotTaken: 'forget' },
    signal: AbortSignal.any([state.signal, running.abort.signal]),
    see: (event) => watch.see(event),
    toError: (thrown) =>
      plan.isStream ? recordError(thrown, request, logger) : toAerieError(thrown, request),
  }
  const events = generateResponse(room, run, conversation)
  if (!plan.isStream) {
    for await (const _ of events);
    return reply.header('server-timing', watch.serverTiming()).send(builder.response)
  }
  await sendEvents(reply.raw, events, {
    signal: state.signal,
    heartbeatMs,
    begin: () => beginEvents(reply),
    encode: (event) => [toFrame(event)],
    end: () => [],
    // It has been recorded, and is in the response. Open Responses ends every stream so.
    fail: (error) => [...builder.failure(toAerieError(error, request)).map(toFrame), '[DONE]'],
  })
  return reply
}

async function runInBackground(
  room: ResponseRoom,
  request: FastifyRequest,
  reply: FastifyReply,
  plan: ResponsePlan,
): Promise<unknown> {
  const { background, metrics, logger, heartbeatMs } = room
  const builder = new ResponseBuilder(plan.response)
  // Its tokens are nobody's first, and its facts come when its request has long been logged.
  const facts: Record<string, string | number> = {}
  const watch = new AnswerWatch(metrics, { ...request.state, facts, isInner: true }, 1)
  const { id: requestId } = request
  const { id, tenant } = plan
  const { promise: isOver, resolve } = Promise.withResolvers<void>()
  request.state.account?.outlast(isOver)
  const log = background.begin({
    ...{ plan, builder },
    see: (event) => watch.see(event),
    toError: (thrown) => recordError(thrown, request, logger),
    ended: ({ status }) => {
      resolve()
      logger.info({ requestId, response: id, status, tenant, ...facts }, 'response')
    },
  })
  if (!plan.isStream) return plan.response
  await sendLog(reply, log, { signal: request.state.signal, heartbeatMs, startingAfter: -1 })
  return reply
}
