/** `/v1/responses`: checks the body, finds what it goes on from, keeps it, and sends JSON or events; or has it run in the background. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ChatService } from '../../chat/contract.ts'
import { AerieError } from '../../errors.ts'
import type { ResponseStore } from '../../responses/contract.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { AnswerWatch } from '../answer-watch.ts'
import type { Contract } from '../contract.ts'
import { noteEndUser } from '../end-user.ts'
import { recordError } from '../error-handler.ts'
import { asksToExplain } from '../explain-header.ts'
import { toAerieError } from '../openai-error.ts'
import type { BackgroundResponses } from '../responses/background.ts'
import { ResponseBuilder } from '../responses/builder.ts'
import { type Conversation, openConversation } from '../responses/conversation.ts'
import { toFrame } from '../responses/event-log.ts'
import { newResponseId } from '../responses/item-ids.ts'
import { type ResponsePlan, toPlan, type WireCreate } from '../responses/request.ts'
import {
  generateResponse,
  keep,
  type ResponseRun,
  type RunningResponses,
  toChatRequest,
} from '../responses/run.ts'
import { sendLog } from '../responses/send-log.ts'
import { beginEvents, sendEvents } from '../sse.ts'

export interface ResponseRoom {
  readonly service: Pick<ChatService, 'complete' | 'tokenize'>
  readonly store: ResponseStore
  readonly runs: RunningResponses
  readonly background: BackgroundResponses
  readonly contract: Contract
  readonly metrics: Metrics
  readonly logger: Logger
  readonly heartbeatMs: number
  /** Of a conversation. */
  readonly maxBytes: number
}

export function createResponseRoute(app: FastifyInstance, room: ResponseRoom): void {
  app.post('/v1/responses', async (request, reply) => {
    const { state } = request
    const wire = room.contract.check('ResponseCreateRequest', request.body)
    noteEndUser(state, wire.safety_identifier ?? wire.user)
    const plan = planOf(wire, request, room.store)
    state.facts['response'] = plan.id
    if (plan.isBackground) room.background.assertRoom()
    const { id, tenant, previousId } = plan
    const { store, maxBytes } = room
    const asked = { id, tenant, previousId, input: wire.input, maxBytes }
    const conversation = await openConversation(store, asked)
    // What is wrong with it shall be said before it is kept.
    toChatRequest(plan, [...conversation.earlier, ...conversation.own])
    state.signal.throwIfAborted()
    if (plan.isStored) await keep(store, plan, conversation.own)
    if (plan.isBackground) return await runInBackground(room, request, reply, plan)
    return await runNow(room, request, reply, plan, conversation)
  })
}

function planOf(wire: WireCreate, request: FastifyRequest, store: ResponseStore): ResponsePlan {
  const { tenant, isInner } = request.state
  const nowMs = Date.now()
  const plan = toPlan(wire, {
    ...{ id: newResponseId(nowMs), createdAt: Math.floor(nowMs / 1000), canStore: store.isOn },
    ...{ requestId: request.id, tenant, isInner, explain: asksToExplain(request) },
  })
  if (plan.isBackground && isInner) {
    const what = 'background: expected false in a line of a batch, which nobody waits for anyway'
    throw new AerieError('invalid_request', what, { param: 'background' })
  }
  return plan
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
  const log = background.begin({
    ...{ plan, builder },
    see: (event) => watch.see(event),
    toError: (thrown) => recordError(thrown, request, logger),
    ended: ({ status }) =>
      logger.info({ requestId, response: id, status, tenant, ...facts }, 'response'),
  })
  if (!plan.isStream) return plan.response
  await sendLog(reply, log, { signal: request.state.signal, heartbeatMs, startingAfter: -1 })
  return reply
}
