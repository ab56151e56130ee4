/** The embeddings room of a server of several models. */
import { withDeadline } from '../deadline.ts'
import type { EmbeddingService } from '../embeddings/contract.ts'
import { borrow } from './borrow.ts'
import type { ModelLender } from './contract.ts'

/** `longest`: deadline, and the one of requests that name none. */
export function routeEmbeddings(models: ModelLender, longest: number): EmbeddingService {
  return {
    async embed(request, signal) {
      const { id } = models.resolve(request.model, 'tower')
      const deadlineMs = Math.min(request.deadlineMs ?? longest, longest)
      using deadline = withDeadline(signal, deadlineMs)
      using lease = await borrow(models, id, request.priority, deadline)
      const left = lease.waited ? deadline.remainingMs() : request.deadlineMs
      return await lease.model.embeddings!.embed(
        { ...request, model: id, deadlineMs: left },
        signal,
      )
    },
  }
}
