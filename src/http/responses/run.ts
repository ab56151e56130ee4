/** One response from its conversation to its end: generated, told of event by event, and kept. */
import type { ChatEvent, ChatRequest, ChatService } from '../../chat/contract.ts'
import { AerieError } from '../../errors.ts'
import type { EndStatus, ResponseStore } from '../../responses/contract.ts'
import type { ResponseBuilder, ResponseEvent } from './builder.ts'
import type { Conversation } from './conversation.ts'
import type { PlacedItem } from './items.ts'
import { takeMedia } from './media-marks.ts'
import { toMessages } from './messages.ts'
import type { ResponsePlan } from './request.ts'
import { dropOldest, isTooLong } from './truncation.ts'

export interface RunRoom {
  readonly service: Pick<ChatService, 'complete' | 'tokenize'>
  readonly store: ResponseStore
}

export interface ResponseRun {
  readonly plan: ResponsePlan
  readonly builder: ResponseBuilder
  /** Its reason, where that is an AerieError, is what the response fails with; else it is cancelled. */
  readonly signal: AbortSignal
  /** What becomes of a response that fails before the engine has taken it: nobody was told of it, or it is left to the caller. */
  readonly ifNotTaken: 'forget' | 'leave'
  /** Sees each event of the chat room as it passes. */
  see(event: ChatEvent): void
  /** A failure as what is told of it; noted on the way. */
  toError(thrown: unknown): AerieError
}

/** Responses that this server is generating, so that they end when they are deleted. */
export class RunningResponses {
  readonly #aborts = new Map<string, AbortController>()

  constructor(store: Pick<ResponseStore, 'onGone'>) {
    store.onGone((id) => this.#aborts.get(id)?.abort())
  }

  /** Until it is disposed of. */
  begin(id: string): { readonly abort: AbortController } & Disposable {
    const abort = new AbortController()
    this.#aborts.set(id, abort)
    return { abort, [Symbol.dispose]: () => this.#aborts.delete(id) }
  }
}

/**
 * Keeps the response as it is before anything is generated. What it goes on from and is stored nowhere is kept with it, as if it were its
 * own input. Rejects as `ResponseStore.insert` does.
 */
export async function keep(
  store: ResponseStore,
  { id, tenant, previousId, response }: ResponsePlan,
  { earlier, own, isRecalled }: Conversation,
): Promise<void> {
  const input = isRecalled ? [...earlier, ...own] : own
  const { items, media } = takeMedia(input.map(({ item }) => item))
  await store.insert({
    ...{ id, tenant, createdAt: response.created_at, media },
    previousId: isRecalled ? undefined : previousId,
    status: response.background ? 'queued' : 'in_progress',
    body: JSON.stringify(response),
    input: JSON.stringify(items),
  })
}

/**
 * Generates a response that is kept already, where it is to be. The iteration throws what it failed with, once that is kept too; then
 * `builder` has the response as it failed. Returning early cancels it.
 */
export async function* generateResponse(
  room: RunRoom,
  run: ResponseRun,
  conversation: Conversation,
): AsyncGenerator<ResponseEvent, void, undefined> {
  const { builder, signal } = run
  const end = new Ending(room.store, run)
  let isTaken = false
  try {
    for await (const event of chatEvents(room.service, run, conversation)) {
      isTaken = true
      run.see(event)
      yield* builder.add(event)
    }
    const last = builder.end(Math.floor(Date.now() / 1000))
    await end.reach(builder.response.status as EndStatus)
    yield last
  } catch (thrown) {
    if (signal.aborted) throw await end.breakOff(signal.reason, thrown)
    if (!isTaken) {
      await end.giveUp()
      throw thrown
    }
    throw await end.fail(thrown)
  } finally {
    // Somebody has returned early.
    if (!end.isReached) await end.breakOff(undefined, undefined)
  }
}

/** How a response ends, in its builder and in the store; once. */
class Ending {
  readonly #store: ResponseStore
  readonly #run: ResponseRun
  isReached = false

  constructor(store: ResponseStore, run: ResponseRun) {
    this.#store = store
    this.#run = run
  }

  /** Throws `cancelled` where somebody else has ended or deleted it. */
  async reach(status: EndStatus): Promise<void> {
    const { plan, builder } = this.#run
    this.isReached = true
    if (!plan.isStored) return
    const { id, tenant } = plan
    const isKept = await this.#store.finish(tenant, id, status, JSON.stringify(builder.response))
    if (!isKept) throw new AerieError('cancelled', 'the response was cancelled or deleted')
  }

  /** Where its end could not be kept, it has no other: the store will tell that it is lost. */
  async fail(thrown: unknown): Promise<AerieError> {
    const { builder, toError } = this.#run
    const error = toError(thrown)
    builder.stop('failed', error)
    if (!this.isReached) await this.reach('failed').catch(toError)
    return error
  }

  async breakOff(reason: unknown, cause: unknown): Promise<AerieError> {
    const { builder, toError } = this.#run
    const isFailure = reason instanceof AerieError
    builder.stop(isFailure ? 'failed' : 'cancelled', isFailure ? reason : undefined)
    const error = isFailure
      ? reason
      : new AerieError('cancelled', 'the response was cancelled', { cause })
    if (this.isReached) return error
    const isElsewhere = (lost: unknown) => lost instanceof AerieError && lost.code === 'cancelled'
    await this.reach(isFailure ? 'failed' : 'cancelled').catch((lost: unknown) => {
      if (!isElsewhere(lost)) toError(lost)
    })
    return error
  }

  async giveUp(): Promise<void> {
    const { plan, ifNotTaken } = this.#run
    this.isReached = true
    if (plan.isStored && ifNotTaken === 'forget') await this.#store.delete(plan.tenant, plan.id)
  }
}

async function* chatEvents(
  service: RunRoom['service'],
  { plan, builder, signal }: ResponseRun,
  { earlier, own }: Conversation,
): AsyncGenerator<ChatEvent> {
  const items = [...earlier, ...own]
  const request = toChatRequest(plan, items)
  let hasBegun = false
  try {
    for await (const event of service.complete(request, signal)) {
      hasBegun = true
      yield event
    }
    return
  } catch (error) {
    if (!isTooLong(error) || hasBegun || !plan.mayTruncate) throw error
    const dropped = await dropOldest(service, { request, items, toRequest, signal }, error)
    builder.drop(items.length - dropped.length)
    yield* service.complete(toChatRequest(plan, dropped), signal)
  }

  function toRequest(some: readonly PlacedItem[]): ChatRequest {
    return toChatRequest(plan, some)
  }
}

/** What is wrong with a conversation as a whole is said of what the client has sent of it. */
export const CONVERSATION_PARAM = 'input'

/** The instructions stand before everything. */
export function toChatRequest(
  { chat, instructions }: Pick<ResponsePlan, 'chat' | 'instructions'>,
  items: readonly PlacedItem[],
): ChatRequest {
  const messages = [...instructionsOf(instructions), ...toMessages(items)]
  return { ...chat, messages, messagesParam: CONVERSATION_PARAM }
}

export function instructionsOf(text: string | undefined): ChatRequest['messages'] {
  if (text === undefined) return []
  const content = [{ type: 'text' as const, text, param: 'instructions' }]
  return [{ role: 'system', name: undefined, content }]
}
