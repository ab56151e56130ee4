/** The chat room of a server of several models: finds the one that a request names, waits for it, and holds it as long. */
import type { ChatService } from '../chat/contract.ts'
import { withDeadline } from '../deadline.ts'
import { borrow } from './borrow.ts'
import type { ModelLender } from './contract.ts'

/** `longest`: deadline, and the one of requests that name none. */
export function routeChat(models: ModelLender, longest: number): ChatService {
  return {
    async *complete(request, signal) {
      const { id, adapter } = models.resolve(request.model, 'chat')
      const deadlineMs = Math.min(request.deadlineMs ?? longest, longest)
      using deadline = withDeadline(signal, deadlineMs)
      using lease = await borrow(models, id, request.priority, deadline)
      const left = lease.waited ? deadline.remainingMs() : request.deadlineMs
      const asked = { ...request, model: id, deadlineMs: left, ...(adapter && { adapter }) }
      yield* lease.model.chat!.complete(asked, signal)
    },

    async *completeText(request, signal) {
      const { id, adapter } = models.resolve(request.model, 'chat')
      const deadlineMs = Math.min(request.deadlineMs ?? longest, longest)
      using deadline = withDeadline(signal, deadlineMs)
      using lease = await borrow(models, id, request.priority, deadline)
      const left = lease.waited ? deadline.remainingMs() : request.deadlineMs
      const asked = { ...request, model: id, deadlineMs: left, ...(adapter && { adapter }) }
      yield* lease.model.chat!.completeText(asked, signal)
    },

    async detokenize(request, signal) {
      const { id } = models.resolve(request.model, 'chat')
      using deadline = withDeadline(signal, longest)
      using lease = await borrow(models, id, 'live', deadline)
      return await lease.model.chat!.detokenize({ ...request, model: id }, signal)
    },

    async tokenize(request, signal) {
      const { id, adapter } = models.resolve(request.model, 'chat')
      using deadline = withDeadline(signal, longest)
      using lease = await borrow(models, id, request.priority, deadline)
      const asked = { ...request, model: id, ...(adapter && { adapter }) }
      return await lease.model.chat!.tokenize(asked, signal)
    },
  }
}
