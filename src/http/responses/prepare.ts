/** The body of a request for a response → its plan and its whole conversation, all of it checked before anything is kept or generated. */
import { AerieError } from '../../errors.ts'
import type { ResponseStore } from '../../responses/contract.ts'
import { noteEndUser } from '../end-user.ts'
import { asksToExplain } from '../explain-header.ts'
import type { Asking } from '../request-state.ts'
import { type Conversation, openConversation, type Recall } from './conversation.ts'
import { newResponseId } from './item-ids.ts'
import { type ResponsePlan, toPlan, type WireCreate } from './request.ts'
import type { ResponseRoom } from './room.ts'
import { toChatRequest } from './run.ts'

export interface Prepared {
  readonly plan: ResponsePlan
  readonly conversation: Conversation
}

/** `recall`: of a connection that remembers. Rejects as the contract, {@link toPlan}, `ModelDirectory.find` and {@link openConversation} do. */
export async function prepareResponse(
  room: Pick<ResponseRoom, 'contract' | 'models' | 'store' | 'background' | 'maxBytes'>,
  asking: Asking,
  body: unknown,
  recall?: Recall,
): Promise<Prepared> {
  const { state } = asking
  const wire = room.contract.check('ResponseCreateRequest', body)
  noteEndUser(state, wire.safety_identifier ?? wire.user)
  const plan = planOf(wire, asking, room.store)
  // Before it is kept, and for one in the background before anybody is told that it waits.
  room.models.find(plan.chat.model, 'chat')
  state.facts['response'] = plan.id
  if (plan.isBackground) room.background.assertRoom()
  const { id, tenant, previousId } = plan
  const { store, maxBytes } = room
  const asked = { id, tenant, previousId, input: wire.input, maxBytes, recall }
  const conversation = await openConversation(store, asked)
  // What is wrong with it shall be said before it is kept.
  toChatRequest(plan, [...conversation.earlier, ...conversation.own])
  state.signal.throwIfAborted()
  return { plan, conversation }
}

function planOf(wire: WireCreate, asking: Asking, store: ResponseStore): ResponsePlan {
  const { tenant, isInner } = asking.state
  const nowMs = Date.now()
  const plan = toPlan(wire, {
    ...{ id: newResponseId(nowMs), createdAt: Math.floor(nowMs / 1000), canStore: store.isOn },
    ...{ requestId: asking.id, tenant, isInner, explain: asksToExplain(asking) },
  })
  if (plan.isBackground && isInner) {
    const what = 'background: expected false in a line of a batch, which nobody waits for anyway'
    throw new AerieError('invalid_request', what, { param: 'background' })
  }
  return plan
}
