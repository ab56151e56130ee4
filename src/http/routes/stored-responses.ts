/** Responses that there are: retrieve, take up the stream, list the input, cancel, delete; and what one would cost. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AerieError } from '../../errors.ts'
import type { StoredResponse } from '../../responses/contract.ts'
import { describeValue } from '../describe.ts'
import { acceptNoBody } from '../no-body.ts'
import type { components } from '../openapi.d.ts'
import type { ResponseObject } from '../responses/builder.ts'
import { compact } from '../responses/compact.ts'
import { openConversation, storedItems } from '../responses/conversation.ts'
import { eventsGone } from '../responses/event-log.ts'
import { newResponseId } from '../responses/item-ids.ts'
import { toMessages } from '../responses/messages.ts'
import { fromResponseQuery, toItemList } from '../responses/query.ts'
import { toTools } from '../responses/request.ts'
import type { ResponseRoom } from '../responses/room.ts'
import { CONVERSATION_PARAM, instructionsOf } from '../responses/run.ts'
import { sendLog } from '../responses/send-log.ts'

type Named = FastifyRequest<{ Params: { response_id: string } }>

export async function storedResponseRoutes(
  app: FastifyInstance,
  room: ResponseRoom,
): Promise<void> {
  const { store, background, contract } = room

  app.post('/v1/responses/input_tokens', (request) => count(request, room))

  app.post('/v1/responses/compact', async (request) => {
    const wire = contract.check('ResponseCompactRequest', request.body)
    return await compact(room, wire, request)
  })

  const query = ['include', 'include[]', 'stream', 'starting_after', 'include_obfuscation']
  app.get('/v1/responses/:response_id', { config: { query } }, async (request: Named, reply) => {
    const wire = contract.check('ResponseRetrieveQuery', fromResponseQuery(request.query))
    const { stream = false, starting_after: startingAfter } = wire
    if (startingAfter !== undefined && !stream) {
      const what = 'starting_after: expected stream to be true as well'
      throw new AerieError('invalid_request', what, { param: 'starting_after' })
    }
    const response = await find(request, room)
    if (!stream) return response
    return await takeUp(request, reply, room, { response, startingAfter: startingAfter ?? -1 })
  })

  const itemQuery = ['after', 'limit', 'order', 'include', 'include[]']
  app.get(
    '/v1/responses/:response_id/input_items',
    { config: { query: itemQuery } },
    async ({ params, query, state }: Named) => {
      const wire = contract.check('ResponseItemsQuery', fromResponseQuery(query))
      const input = await store.input(state.tenant, params.response_id)
      if (!input) throw noResponse(params.response_id)
      return toItemList(storedItems(input), wire)
    },
  )

  await app.register(async (scope) => {
    acceptNoBody(scope)

    scope.delete('/v1/responses/:response_id', async ({ params, state }: Named) => {
      const { response_id: id } = params
      if (!(await store.delete(state.tenant, id))) throw noResponse(id)
      background.forget(id)
      return {
        ...{ id, object: 'response', deleted: true },
      } satisfies components['schemas']['ResponseDeleted']
    })

    scope.post('/v1/responses/:response_id/cancel', async (request: Named) => {
      const { tenant } = request.state
      const before = await find(request, room)
      if (!before.background) {
        const what = 'response_id: expected a response in the background, got one that is not'
        throw new AerieError('invalid_request', what, { param: 'response_id' })
      }
      if (before.status !== 'queued' && before.status !== 'in_progress') return before
      await background.cancel(tenant, before.id)
      // Another server's: it hears of it soon. What this server's has said is kept already.
      const body = JSON.stringify({ ...before, status: 'cancelled' })
      await store.finish(tenant, before.id, 'cancelled', body)
      return await find(request, room)
    })
  })
}

async function find({ params, state }: Named, room: ResponseRoom): Promise<ResponseObject> {
  const { response_id: id } = params
  const { tenant } = state
  const found = await room.store.find(tenant, id)
  if (!found) throw noResponse(id)
  return room.background.find(tenant, id) ?? toResponse(found)
}

/** As it was kept, with what has become of it. */
function toResponse({ status, body, isLost }: StoredResponse): ResponseObject {
  const response = JSON.parse(body) as ResponseObject
  if (!isLost) return { ...response, status }
  const message = 'the server that generated it stopped before it was complete'
  return { ...response, status: 'failed', error: { code: 'shutting_down', message } }
}

async function takeUp(
  { state }: Named,
  reply: FastifyReply,
  { background, heartbeatMs }: ResponseRoom,
  {
    response,
    startingAfter,
  }: { readonly response: ResponseObject; readonly startingAfter: number },
): Promise<FastifyReply> {
  if (!response.background) {
    const what = 'stream: expected a response that was made with background and stream'
    throw new AerieError('invalid_request', what, { param: 'stream' })
  }
  const log = background.events(state.tenant, response.id)
  if (!log) throw eventsGone()
  await sendLog(reply, log, { signal: state.signal, heartbeatMs, startingAfter })
  return reply
}

async function count(
  request: FastifyRequest,
  { contract, store, service, maxBytes }: ResponseRoom,
): Promise<components['schemas']['ResponseInputTokens']> {
  const wire = contract.check('ResponseInputTokensRequest', request.body)
  const { tenant, signal, isInner } = request.state
  const { earlier, own } = await openConversation(store, {
    ...{ id: newResponseId(Date.now()), tenant, input: wire.input, maxBytes },
    previousId: wire.previous_response_id ?? undefined,
  })
  const messages = [
    ...instructionsOf(wire.instructions ?? undefined),
    ...toMessages([...earlier, ...own]),
  ]
  const { tools, toolChoice } = toTools(wire)
  const { tokens } = await service.tokenize(
    {
      ...{ requestId: request.id, model: wire.model, tenant },
      ...{ returnIds: false, returnStrings: false, priority: isInner ? 'batch' : 'live' },
      input: { type: 'messages', messages, messagesParam: CONVERSATION_PARAM, tools, toolChoice },
    },
    signal,
  )
  return { object: 'response.input_tokens', input_tokens: tokens }
}

function noResponse(id: string): AerieError {
  const why = 'it was not stored, was deleted, has expired, made room for others or never was'
  const what = `no response ${describeValue(id)}; ${why}`
  return new AerieError('not_found', what, { param: 'response_id' })
}
